#include "cli/node_certificates.hpp"

#include <gtest/gtest.h>

#include <map>

#include "base/encoding.hpp"
#include "support/fake_host.hpp"
#include "support/test_pki.hpp"

namespace nodeboot::cli {
namespace {

using testing::FakeHost;

/// A kubeconfig as kubeadm writes it, with a certificate in it.
std::string kubeconfig(const std::string& certificate, const std::string& key) {
    return "apiVersion: v1\nkind: Config\ncurrent-context: me\ncontexts:\n- name: me\n  context: {cluster: c, user: "
           "u}\n"
           "clusters:\n- name: c\n  cluster:\n    server: https://10.0.0.10:6443\n    certificate-authority-data: " +
           base64_encode(certificate) +
           "\nusers:\n- name: u\n  user:\n    client-certificate-data: " + base64_encode(certificate) +
           "\n    client-key-data: " + base64_encode(key) + "\n";
}

TEST(NodeCertificates, of_a_control_plane_are_those_that_kubeadm_shows_and_kubelets) {
    const auto ca = testing::make_ca("ca");
    FakeHost host;
    std::map<std::string, std::chrono::hours> wanted;
    std::chrono::hours left(1);  // each of its own, so that none is taken for another
    const auto next = [&](const std::string& name) {
        wanted[name] = ++left;
        return testing::make_certificate(ca, {.common_name = name, .names = {}, .valid_until = left});
    };
    const std::pair<const char*, const char*> files[] = {
        {"cluster CA", "ca.crt"},
        {"API server", "apiserver.crt"},
        {"API server to kubelet", "apiserver-kubelet-client.crt"},
        {"API server to etcd", "apiserver-etcd-client.crt"},
        {"etcd CA", "etcd/ca.crt"},
        {"etcd server", "etcd/server.crt"},
        {"etcd peer", "etcd/peer.crt"},
        {"etcd health check", "etcd/healthcheck-client.crt"},
        {"front proxy CA", "front-proxy-ca.crt"},
        {"front proxy client", "front-proxy-client.crt"},
    };
    for (const auto& [name, file] : files) host.put(std::string("/etc/kubernetes/pki/") + file, next(name).certificate);
    const auto kubelet = next("kubelet client");
    host.put("/var/lib/kubelet/pki/kubelet-client-current.pem", kubelet.certificate + kubelet.key, 0600);
    for (const auto& [name, file] : {std::pair{"admin.conf", "admin.conf"},
                                     {"super-admin.conf", "super-admin.conf"},
                                     {"controller manager", "controller-manager.conf"},
                                     {"scheduler", "scheduler.conf"}}) {
        const auto pair = next(name);
        host.put(std::string("/etc/kubernetes/") + file, kubeconfig(pair.certificate, pair.key), 0600);
    }

    const WallTime now = std::chrono::system_clock::now();
    std::map<std::string, std::chrono::hours> found;
    for (const auto& one : node_certificates(host)) {
        EXPECT_LT(one.name.size(), 22U) << "wider than its column";
        found[one.name] = std::chrono::round<std::chrono::hours>(one.not_after - now);
    }
    EXPECT_EQ(found, wanted);
}

TEST(NodeCertificates, of_a_worker_are_the_ca_and_kubelets) {
    const auto ca = testing::make_ca("ca");
    FakeHost host;
    host.put("/etc/kubernetes/pki/ca.crt", ca.certificate);
    host.put("/var/lib/kubelet/pki/kubelet-client-current.pem", ca.certificate);
    host.put("/etc/kubernetes/admin.conf", "torn");
    std::vector<std::string> names;
    for (const auto& one : node_certificates(host)) names.push_back(one.name);
    EXPECT_EQ(names, (std::vector<std::string>{"cluster CA", "kubelet client"}));
}

}  // namespace
}  // namespace nodeboot::cli
