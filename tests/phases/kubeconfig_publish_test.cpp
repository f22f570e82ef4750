#include "phases/kubeconfig_publish.hpp"

#include <gtest/gtest.h>

#include "phases/kubeadm.hpp"
#include "support/fake_services.hpp"

namespace nodeboot {
namespace {

using testing::FakeNode;

TEST(KubeconfigPublish, a_bare_machine_plans_to_publish) {
    FakeNode node;
    EXPECT_EQ(make_kubeconfig_publish_phase(node.services)->plan(node.host)->size(), 1U);
}

TEST(KubeconfigPublish, what_is_published_is_admin_conf_and_stays) {
    FakeNode node;
    node.host.put(admin_conf, "the first", 0600);
    const auto phase = make_kubeconfig_publish_phase(node.services);
    ASSERT_TRUE(node.converge(*phase));
    EXPECT_EQ(node.store.kubeconfig->reveal(), "the first");
    EXPECT_TRUE(phase->plan(node.host)->empty());
}

TEST(KubeconfigPublish, a_renewed_admin_conf_is_published_and_never_shown) {
    FakeNode node;
    node.host.put(admin_conf, "the first", 0600);
    const auto phase = make_kubeconfig_publish_phase(node.services);
    ASSERT_TRUE(node.converge(*phase));
    node.host.put(admin_conf, "the second", 0600);
    const auto changes = phase->plan(node.host);
    ASSERT_EQ(changes->size(), 1U);
    EXPECT_EQ(changes->front().from, "an older one");
    EXPECT_EQ(describe(changes->front().action).find("second"), std::string::npos);
    ASSERT_TRUE(node.converge(*phase));
    EXPECT_EQ(node.store.kubeconfig->reveal(), "the second");
}

}  // namespace
}  // namespace nodeboot
