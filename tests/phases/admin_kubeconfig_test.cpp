#include "phases/admin_kubeconfig.hpp"

#include <gtest/gtest.h>

#include "phases/expect_plan.hpp"
#include "phases/kubeadm.hpp"

namespace nodeboot {
namespace {

using namespace testing;

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

TEST(AdminKubeconfig, a_link_to_admin_conf_is_fine_and_outlives_a_reset) {
    FakeNode node;
    ASSERT_TRUE(prepared(node).host.make_symlink("/root/.kube/config", admin_conf));
    node.config.node.login_user = "root";
    const auto phase = make_admin_kubeconfig_phase(node.services);
    EXPECT_EQ(planned(node, *phase), Lines{});
    EXPECT_TRUE(phase->undo(node.host)->empty());
}

TEST(AdminKubeconfig, a_link_to_anything_else_is_somebodys_own) {
    FakeNode node;
    prepared(node).host.put("/data/kubeconfig", "- cluster: old\nkubernetes-admin\n", 0644);
    node.config.node.login_user = "root";
    const auto phase = make_admin_kubeconfig_phase(node.services);
    for (const char* target : {"/data/kubeconfig", "/data/not-there"}) {
        ASSERT_TRUE(node.host.make_symlink("/root/.kube/config", target));
        EXPECT_EQ(planned(node, *phase), Lines{}) << target;
        EXPECT_TRUE(phase->undo(node.host)->empty()) << target;
    }
}

// As kubeadm and kubectl write it.
std::string whole_kubeconfig(const std::string& ca, const std::string& certificate, const std::string& namespace_line,
                             const std::string& second_user = "") {
    return "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: " + ca +
           "\n    server: https://10.0.0.10:6443\n  name: kubernetes\ncontexts:\n- context:\n    cluster: "
           "kubernetes\n" +
           namespace_line +
           "    user: kubernetes-admin\n  name: kubernetes-admin@kubernetes\n"
           "current-context: kubernetes-admin@kubernetes\nkind: Config\npreferences: {}\nusers:\n" +
           second_user + "- name: kubernetes-admin\n  user:\n    client-certificate-data: " + certificate +
           "\n    client-key-data: a2V5\n";
}

struct EditedKubeconfig : ::testing::Test {
    EditedKubeconfig() {
        node.host.put("/etc/passwd", passwd);
        node.host.put(admin_conf, whole_kubeconfig("Y2E=", "bmV3", ""), 0600);
        node.config.node.login_user = "root";
    }
    void put(const std::string& text) { node.host.put("/root/.kube/config", text, 0600); }
    std::string text() { return node.host.content("/root/.kube/config").value_or("absent"); }
    FakeNode node;
    std::shared_ptr<const NodePhase> phase = make_admin_kubeconfig_phase(node.services);
};

constexpr const char* in_prod = "    namespace: prod\n";
constexpr const char* robot = "- name: robot\n  user:\n    client-certificate-data: cm9ib3Q=\n    token: abc\n";

TEST_F(EditedKubeconfig, what_kubectl_changed_stays_as_long_as_it_gives_access) {
    for (const auto& edited : {whole_kubeconfig("Y2E=", "bmV3", in_prod), whole_kubeconfig("Y2E=", "bmV3", "", robot),
                               whole_kubeconfig("Y2E=", "\"bmV3\"", "")}) {
        put(edited);
        EXPECT_EQ(planned(node, *phase), Lines{}) << edited;
    }
}

TEST_F(EditedKubeconfig, a_renewed_certificate_gets_in_and_everything_else_stays) {
    put(whole_kubeconfig("Y2E=", "b2xk", in_prod, robot));
    EXPECT_EQ(planned(node, *phase),
              Lines{"/root/.kube/config: access that admin.conf does not give any more -> admin.conf's; "
                    "renew access /root/.kube/config"});
    expect_converges(node, *phase);
    EXPECT_EQ(text(), whole_kubeconfig("Y2E=", "bmV3", in_prod, robot));
    EXPECT_EQ(node.host.files["/root/.kube/config"].info.mode, 0600U);
    EXPECT_EQ(node.host.content("/root/.kube/config.before-nodeboot"), std::nullopt);
}

TEST_F(EditedKubeconfig, another_clusters_is_kept_and_replaced_as_a_whole) {
    const auto other = whole_kubeconfig("b3RoZXI=", "bmV3", in_prod);
    put(other);
    expect_converges(node, *phase);
    EXPECT_EQ(text(), whole_kubeconfig("Y2E=", "bmV3", ""));
    EXPECT_EQ(node.host.content("/root/.kube/config.before-nodeboot"), other);
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
