#include "launch/operator_kubeconfig.hpp"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "base/encoding.hpp"

namespace nodeboot {
namespace {

Secret admin_conf() {
    return Secret(fmt::format(R"(apiVersion: v1
kind: Config
current-context: kubernetes-admin@kubernetes
contexts:
- name: kubernetes-admin@kubernetes
  context: {{cluster: kubernetes, user: kubernetes-admin}}
clusters:
- name: kubernetes
  cluster: {{server: "https://10.0.0.10:6443", certificate-authority-data: {}}}
users:
- name: kubernetes-admin
  user: {{client-certificate-data: {}, client-key-data: {}}}
)",
                              base64_encode("CA"), base64_encode("CERT"), base64_encode("KEY")));
}

TEST(OperatorKubeconfig, points_to_the_address_that_is_reachable_and_checks_the_name_that_is_in_the_certificate) {
    const auto made = operator_kubeconfig(admin_conf(), "demo", "203.0.113.7");
    ASSERT_TRUE(made) << made.error().text();
    const auto read = parse_kubeconfig(made->reveal(), {}, "made");
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(read->server, "https://203.0.113.7:6443");
    EXPECT_EQ(read->ca_pem, "CA");
    EXPECT_EQ(read->client_certificate_pem, "CERT");
    EXPECT_EQ(read->client_key_pem.reveal(), "KEY");
    EXPECT_EQ(read->context, "demo");
    EXPECT_EQ(read->user, "demo-admin");
    EXPECT_NE(made->reveal().find("tls-server-name: kubernetes"), std::string_view::npos);
}

TEST(OperatorKubeconfig, what_is_no_kubeconfig_is_refused_without_quoting_it) {
    for (const char* bad : {"", "hunter2", "apiVersion: v1\nkind: Config\n"}) {
        const auto made = operator_kubeconfig(Secret(std::string(bad)), "demo", "203.0.113.7");
        ASSERT_FALSE(made) << bad;
        EXPECT_EQ(made.error().kind, ErrorKind::corrupted);
        EXPECT_EQ(made.error().text().find("hunter2"), std::string::npos);
    }
}

}  // namespace
}  // namespace nodeboot
