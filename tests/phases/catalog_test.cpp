#include "phases/catalog.hpp"

#include <gtest/gtest.h>

#include "support/fake_services.hpp"

namespace nodeboot {
namespace {

using testing::FakeNode;

std::vector<std::string> names(const Catalog& catalog) {
    std::vector<std::string> out;
    for (const auto& phase : catalog.phases()) out.push_back(phase.info.name);
    return out;
}

// Catalog::make refuses a need that is missing or comes later, so making each one is the test.
TEST(NodeCatalog, every_catalog_of_either_role_can_be_made) {
    for (const Role role : {Role::control_plane, Role::worker}) {
        FakeNode node;
        node.config.node.role = role;
        EXPECT_TRUE(make_node_catalog(node.services)) << make_node_catalog(node.services).error().text();
        EXPECT_TRUE(make_repair_catalog(node.services, {}));
        EXPECT_TRUE(make_reset_catalog(node.services)) << make_reset_catalog(node.services).error().text();
        EXPECT_TRUE(make_rotate_catalog(node.services)) << make_rotate_catalog(node.services).error().text();
    }
}

TEST(NodeCatalog, a_worker_has_nothing_of_a_control_plane) {
    FakeNode node;
    node.config.node.role = Role::worker;
    const auto worker = names(*make_node_catalog(node.services));
    EXPECT_EQ(std::count(worker.begin(), worker.end(), "kubeadm-init"), 0);
    EXPECT_EQ(std::count(worker.begin(), worker.end(), "kubeadm-join"), 1);
}

TEST(NodeCatalog, flannel_is_left_out_when_it_is_not_wanted) {
    FakeNode node;
    node.config.node.role = Role::control_plane;
    node.config.flannel.enabled = false;
    const auto phases = names(*make_node_catalog(node.services));
    EXPECT_EQ(std::count(phases.begin(), phases.end(), "flannel"), 0);
    EXPECT_EQ(std::count(phases.begin(), phases.end(), "join-secret"), 1);
}

}  // namespace
}  // namespace nodeboot
