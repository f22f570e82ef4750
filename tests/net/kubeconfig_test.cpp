#include "net/kubeconfig.hpp"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "support/fake_host.hpp"

namespace nodeboot {
namespace {

std::string config_with(const std::string& cluster, const std::string& user) {
    return fmt::format(R"(apiVersion: v1
kind: Config
current-context: me@demo
contexts:
- name: other
  context: {{cluster: x, user: y}}
- name: me@demo
  context:
    cluster: demo
    user: me
clusters:
- name: demo
  cluster:
    {}
users:
- name: me
  user:
    {}
)",
                       cluster, user);
}

TEST(Kubeconfig, admin_conf_has_everything_inline) {
    testing::FakeHost host;
    host.put("/etc/kubernetes/admin.conf",
             config_with("server: https://10.0.0.10:6443/\n    certificate-authority-data: " + base64_encode("CA"),
                         "client-certificate-data: " + base64_encode("CERT") +
                             "\n    client-key-data: " + base64_encode("KEY")));
    const auto config = read_kubeconfig(read_through(host), "/etc/kubernetes/admin.conf");
    ASSERT_TRUE(config) << config.error().text();
    ASSERT_TRUE(*config);
    EXPECT_EQ((*config)->server, "https://10.0.0.10:6443");
    EXPECT_EQ((*config)->ca_pem, "CA");
    EXPECT_EQ((*config)->client_certificate_pem, "CERT");
    EXPECT_EQ((*config)->client_key_pem.reveal(), "KEY");
    EXPECT_EQ((*config)->user, "me");
}

TEST(Kubeconfig, kubelet_conf_points_to_files_absolute_or_beside_it) {
    testing::FakeHost host;
    host.put("/var/lib/kubelet/pki/kubelet-client-current.pem", "CERT AND KEY");
    host.put("/etc/kubernetes/pki/ca.crt", "CA");
    host.put("/etc/kubernetes/kubelet.conf",
             config_with("server: https://h:6443\n    certificate-authority: pki/ca.crt",
                         "client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem\n"
                         "    client-key: /var/lib/kubelet/pki/kubelet-client-current.pem"));
    const auto config = read_kubeconfig(read_through(host), "/etc/kubernetes/kubelet.conf");
    ASSERT_TRUE(config) << config.error().text();
    EXPECT_EQ((*config)->client_certificate_pem, "CERT AND KEY");
    EXPECT_EQ((*config)->client_key_pem.reveal(), "CERT AND KEY");
    EXPECT_EQ((*config)->ca_pem, "CA");
}

TEST(Kubeconfig, an_absent_file_is_empty_and_a_broken_one_says_what_is_wrong) {
    testing::FakeHost host;
    EXPECT_FALSE(read_kubeconfig(read_through(host), "/absent").value());
    const std::string server = "server: https://h:6443";
    const std::vector<std::pair<std::string, std::string>> table{
        {"", "kubeconfig f: it is empty, or more than one document"},
        {"a: [", "kubeconfig f: YAML line 2, column 1: did not find expected node content"},
        {"kind: Pod", "kubeconfig f: kind is not Config"},
        {"kind: Config\ncurrent-context: c", "kubeconfig f: no context named 'c' in contexts"},
        {config_with("server: http://h:6443", "token: t"), "kubeconfig f: server is no https URL"},
        {config_with(server + "\n    insecure-skip-tls-verify: true", "token: t"),
         "kubeconfig f: insecure-skip-tls-verify: nodeboot always checks the server's certificate"},
        {config_with(server, "client-key-data: '%%%'"), "kubeconfig f: client-key-data: not valid base64"},
        {config_with(server, "client-key-data: aGk="),
         "kubeconfig f: client-certificate and client-key belong together, one is missing"},
        {config_with(server, "client-key: gone.pem"), "kubeconfig f: client-key: gone.pem does not exist"},
        {config_with(server, "exec: {command: aws}"),
         "kubeconfig f: credential plugins (exec, auth-provider) are not supported"},
    };
    for (const auto& [text, message] : table) {
        const auto config = parse_kubeconfig(text, read_through(host), "f");
        ASSERT_FALSE(config) << text;
        EXPECT_EQ(config.error().text(), message);
    }
}

}  // namespace
}  // namespace nodeboot
