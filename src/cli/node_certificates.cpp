#include "cli/node_certificates.hpp"

#include "net/certificate.hpp"
#include "net/kubeconfig.hpp"
#include "phases/kube_access.hpp"
#include "phases/kubeadm.hpp"

namespace nodeboot::cli {
namespace {

struct Place {
    const char* name;
    const char* path;
};

constexpr Place in_files[] = {
    {"cluster CA", "/etc/kubernetes/pki/ca.crt"},
    {"API server", "/etc/kubernetes/pki/apiserver.crt"},
    {"API server to kubelet", "/etc/kubernetes/pki/apiserver-kubelet-client.crt"},
    {"API server to etcd", "/etc/kubernetes/pki/apiserver-etcd-client.crt"},
    {"etcd CA", "/etc/kubernetes/pki/etcd/ca.crt"},
    {"etcd server", "/etc/kubernetes/pki/etcd/server.crt"},
    {"etcd peer", "/etc/kubernetes/pki/etcd/peer.crt"},
    {"etcd health check", "/etc/kubernetes/pki/etcd/healthcheck-client.crt"},
    {"front proxy CA", "/etc/kubernetes/pki/front-proxy-ca.crt"},
    {"front proxy client", "/etc/kubernetes/pki/front-proxy-client.crt"},
    {"kubelet client", "/var/lib/kubelet/pki/kubelet-client-current.pem"},
};

constexpr Place in_kubeconfigs[] = {
    {"admin.conf", admin_conf},
    {"super-admin.conf", "/etc/kubernetes/super-admin.conf"},  // since Kubernetes 1.29
    {"controller manager", "/etc/kubernetes/controller-manager.conf"},
    {"scheduler", "/etc/kubernetes/scheduler.conf"},
};

}  // namespace

std::vector<NodeFacts::Certificate> node_certificates(const HostView& view) {
    std::vector<NodeFacts::Certificate> found;
    const auto add = [&](const char* name, std::string_view pem) {
        if (const auto parsed = parse_certificates(pem); parsed && !parsed->empty())
            found.push_back({name, parsed->front().not_after});
    };
    for (const auto& [name, path] : in_files)
        if (const auto text = view.read(path); text && *text) add(name, **text);
    for (const auto& [name, path] : in_kubeconfigs)
        if (const auto config = read_kubeconfig(read_through(view), path); config && *config)
            add(name, (*config)->client_certificate_pem);
    return found;
}

}  // namespace nodeboot::cli
