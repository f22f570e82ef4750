#include "phases/catalog.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

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

// They run side by side: one that looks at a worker before it left takes it for a member.
TEST(NodeCatalog, on_a_worker_every_phase_but_preflight_waits_for_repair) {
    FakeNode node;
    node.config.node.role = Role::worker;
    const auto catalog = make_repair_catalog(node.services, {.rejoin = true, .forget_node = ""});
    ASSERT_TRUE(catalog) << catalog.error().text();
    std::set<std::string> after_repair{"repair"};
    for (const auto& phase : catalog->phases())
        if (std::any_of(phase.info.needs.begin(), phase.info.needs.end(),
                        [&](const auto& need) { return after_repair.contains(need); }))
            after_repair.insert(phase.info.name);
    for (const auto& name : names(*catalog)) EXPECT_EQ(after_repair.contains(name), name != "preflight") << name;
}

TEST(NodeCatalog, on_a_control_plane_what_cannot_be_repaired_holds_nothing_up) {
    FakeNode node;
    node.config.node.role = Role::control_plane;
    const auto catalog = make_repair_catalog(node.services, {.rejoin = false, .forget_node = "w1"});
    ASSERT_TRUE(catalog) << catalog.error().text();
    for (const auto& phase : catalog->phases())
        EXPECT_EQ(std::count(phase.info.needs.begin(), phase.info.needs.end(), "repair"), 0) << phase.info.name;
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
