#include "phases/kubeadm_join.hpp"

#include <gtest/gtest.h>

#include "phases/kubeadm.hpp"
#include "phases/membership.hpp"
#include "support/fake_services.hpp"

namespace nodeboot {
namespace {

using testing::FakeNode;

JoinSecret secret(const FakeNode& node) {
    JoinSecret secret;
    secret.endpoint = "10.0.0.10:6443";
    secret.token = Secret("abcdef.0123456789abcdef");
    secret.ca_cert_hashes = {"sha256:" + std::string(64, 'a')};
    secret.expires = node.clock.wall() + std::chrono::hours(1);
    return secret;
}

void make_joined(FakeNode& node) {
    node.host.put(kubelet_conf, "current-context: default\n", 0600);
    node.host.put(kubelet_config, "x");
    node.host.put("/etc/kubernetes/pki/ca.crt", "pem");
    node.host.put("/var/lib/kubelet/pki/kubelet-client-current.pem", "pem", 0600);
}

TEST(JoinSecretFetch, is_planned_until_it_was_fetched_in_this_run) {
    FakeNode node;
    node.store.secret = secret(node);
    const auto material = std::make_shared<JoinMaterial>();
    const auto phase = make_join_secret_fetch_phase(node.services, material);
    EXPECT_EQ(phase->plan(node.host)->size(), 1U);
    ASSERT_TRUE(node.converge(*phase));
    EXPECT_TRUE(phase->plan(node.host)->empty());
    EXPECT_EQ(material->get()->endpoint, "10.0.0.10:6443");
}

TEST(JoinSecretFetch, a_member_asks_for_nothing) {
    FakeNode node;
    make_joined(node);
    EXPECT_TRUE(
        make_join_secret_fetch_phase(node.services, std::make_shared<JoinMaterial>())->plan(node.host)->empty());
}

TEST(KubeadmJoin, a_member_plans_nothing_but_to_remove_a_left_over_bootstrap_file) {
    FakeNode node;
    make_joined(node);
    const auto phase = make_kubeadm_join_phase(node.services, std::make_shared<JoinMaterial>());
    EXPECT_TRUE(phase->plan(node.host)->empty());
    node.host.put(bootstrap_kubelet_conf, "x", 0600);
    ASSERT_TRUE(node.converge(*phase));
    EXPECT_FALSE(node.host.content(bootstrap_kubelet_conf));
    EXPECT_TRUE(node.host.content(kubelet_conf)) << "what works is never touched";
}

TEST(KubeadmJoin, what_kubeadm_join_read_once_and_changed_since_is_said_once) {
    FakeNode node;
    make_joined(node);
    node.host.put("/var/lib/kubelet/kubeadm-flags.env", "KUBELET_KUBEADM_ARGS=\"--v=2\"\n");
    node.config.kubelet.extra_args = {{"v", "2"}};
    EXPECT_TRUE(make_kubeadm_join_phase(node.services, std::make_shared<JoinMaterial>())->plan(node.host)->empty());
    EXPECT_EQ(node.lines, std::vector<std::string>{});
    node.config.kubelet.extra_args = {{"v", "4"}};
    const auto phase = make_kubeadm_join_phase(node.services, std::make_shared<JoinMaterial>());
    EXPECT_TRUE(phase->plan(node.host)->empty());
    EXPECT_TRUE(phase->plan(node.host)->empty());
    ASSERT_EQ(node.lines.size(), 1U);
    EXPECT_EQ(
        node.lines[0],
        "changed since kubeadm join, which reads its settings once, and without effect: JoinConfiguration "
        "nodeRegistration.kubeletExtraArgs.v: 2, now 4; to apply them see \"a setting of the cluster is changed\" in "
        "docs/operations.md");
}

TEST(KubeadmJoin, remains_of_an_interrupted_join_are_removed_before_the_next) {
    FakeNode node;
    node.host.put("/etc/kubernetes/pki/ca.crt", "pem");
    const auto phase = make_kubeadm_join_phase(node.services, std::make_shared<JoinMaterial>());
    const auto changes = phase->plan(node.host);
    ASSERT_EQ(changes->size(), 2U);
    EXPECT_EQ(changes->front().from, "interrupted join");
    StepContext step = node.step();
    ActionContext context{node.host, step};
    ASSERT_TRUE(perform(changes->front().action, context));
    EXPECT_EQ(*membership(node.host), Membership::none);
}

TEST(KubeadmJoin, without_a_secret_of_this_run_it_says_which_phase_is_missing) {
    FakeNode node;
    const auto result = node.converge(*make_kubeadm_join_phase(node.services, std::make_shared<JoinMaterial>()));
    ASSERT_FALSE(result);
    EXPECT_NE(result.error().hint.find("join-secret"), std::string::npos);
}

TEST(KubeadmJoin, an_expired_secret_is_waited_out_and_the_hint_names_the_command) {
    FakeNode node;
    JoinSecret old = secret(node);
    old.expires = node.clock.wall() - std::chrono::minutes(1);
    node.store.secret = old;
    const auto material = std::make_shared<JoinMaterial>();
    material->set(old);
    const auto result = node.converge(*make_kubeadm_join_phase(node.services, material));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, ErrorKind::timeout);
    EXPECT_NE(result.error().hint.find("rotate-token"), std::string::npos);
    EXPECT_EQ(node.host.log, std::vector<std::string>{}) << "nothing was changed";
}

}  // namespace
}  // namespace nodeboot
