#include "phases/admin_kubeconfig.hpp"

#include <gtest/gtest.h>

#include "phases/kubeadm.hpp"
#include "support/fake_services.hpp"

namespace nodeboot {
namespace {

using testing::FakeNode;

constexpr const char* passwd =
    "root:x:0:0:root:/root:/bin/bash\nubuntu:x:1000:1001:Ubuntu:/home/ubuntu:/bin/bash\nalice:x:1002:1002::/home/"
    "alice:/bin/sh\n";
constexpr const char* admin_text =
    "apiVersion: v1\nclusters:\n- cluster:\n    server: https://10.0.0.10:6443\ncontexts:\n- context:\n    user: "
    "kubernetes-admin\n";

FakeNode& prepared(FakeNode& node) {
    node.host.put("/etc/passwd", passwd);
    node.host.put(admin_conf, admin_text, 0600);
    return node;
}

TEST(LoginUser, the_distributions_user_is_found_unless_another_is_named) {
    EXPECT_EQ(login_user(passwd, "")->name, "ubuntu");
    EXPECT_EQ(login_user(passwd, "")->gid, 1001U);
    EXPECT_EQ(login_user(passwd, "alice")->home, "/home/alice");
    EXPECT_FALSE(login_user(passwd, "bob"));
    EXPECT_FALSE(login_user("broken line\n:::\n", ""));
}

TEST(AdminKubeconfig, root_and_login_user_get_a_0600_copy_of_their_own) {
    FakeNode node;
    const auto phase = make_admin_kubeconfig_phase(prepared(node).services);
    ASSERT_TRUE(node.converge(*phase));
    EXPECT_EQ(node.host.content("/root/.kube/config"), admin_text);
    EXPECT_EQ(node.host.files.at("/home/ubuntu/.kube/config").info.mode, 0600U);
    EXPECT_EQ(node.host.files.at("/home/ubuntu/.kube/config").info.uid, 1000U);
    EXPECT_TRUE(phase->plan(node.host)->empty());
}

TEST(AdminKubeconfig, a_loosened_mode_is_mended_and_nothing_else_is_touched) {
    FakeNode node;
    const auto phase = make_admin_kubeconfig_phase(prepared(node).services);
    ASSERT_TRUE(node.converge(*phase));
    node.host.files["/root/.kube/config"].info.mode = 0644;
    node.host.log.clear();
    ASSERT_TRUE(node.converge(*phase));
    EXPECT_EQ(node.host.log, std::vector<std::string>{"chmod /root/.kube/config"});
}

TEST(AdminKubeconfig, kubeadms_own_kubeconfigs_stay_0600) {
    FakeNode node;
    const auto phase = make_admin_kubeconfig_phase(prepared(node).services);
    ASSERT_TRUE(node.converge(*phase));
    node.host.files[admin_conf].info.mode = 0644;
    node.host.log.clear();
    ASSERT_TRUE(node.converge(*phase));
    EXPECT_EQ(node.host.log, std::vector<std::string>{"chmod /etc/kubernetes/admin.conf"});
}

TEST(AdminKubeconfig, a_file_with_further_clusters_is_left_as_it_is) {
    FakeNode node;
    prepared(node).host.put("/root/.kube/config",
                            "clusters:\n- cluster: a\n\n- cluster: b\n- context: x\nkubernetes-admin\n", 0600);
    node.config.node.login_user = "root";
    const auto phase = make_admin_kubeconfig_phase(node.services);
    EXPECT_TRUE(phase->plan(node.host)->empty());
}

TEST(AdminKubeconfig, an_old_clusters_file_is_replaced) {
    FakeNode node;
    prepared(node).host.put("/root/.kube/config", "- cluster: old\nkubernetes-admin\n", 0600);
    node.config.node.login_user = "root";
    const auto phase = make_admin_kubeconfig_phase(node.services);
    ASSERT_TRUE(node.converge(*phase));
    EXPECT_EQ(node.host.content("/root/.kube/config"), admin_text);
}

TEST(AdminKubeconfig, a_login_user_that_does_not_exist_is_an_error_with_its_name) {
    FakeNode node;
    prepared(node).config.node.login_user = "bob";
    const auto changes = make_admin_kubeconfig_phase(node.services)->plan(node.host);
    ASSERT_FALSE(changes);
    EXPECT_NE(changes.error().text().find("'bob'"), std::string::npos);
}

}  // namespace
}  // namespace nodeboot
