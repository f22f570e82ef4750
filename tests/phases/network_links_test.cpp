#include "phases/network_links.hpp"

#include "phases/expect_plan.hpp"

namespace nodeboot::testing {
namespace {

class NetworkLinks : public ::testing::Test {
   protected:
    NetworkLinks() { node.host.now = node.clock.wall(); }
    std::shared_ptr<const NodePhase> phase() { return make_network_links_phase(node.config, node.clock); }
    FakeNode node;
};

TEST_F(NetworkLinks, running_networkd_reads_the_new_file) {
    node.host.units["systemd-networkd.service"] = running_unit(node.clock.wall() - std::chrono::hours(1));
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log,
              (Lines{"write /etc/systemd/network/50-flannel.link",
                     "write /etc/systemd/networkd.conf.d/50-nodeboot.conf", "restart systemd-networkd.service"}));
}

TEST_F(NetworkLinks, machine_without_networkd_restarts_nothing) {
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log.size(), 2U);
}

TEST_F(NetworkLinks, crash_between_file_and_restart_is_mended) {
    ASSERT_TRUE(node.converge(*phase()));
    node.host.units["systemd-networkd.service"] = running_unit(node.clock.wall() - std::chrono::seconds(1));
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log, Lines{"restart systemd-networkd.service"});
}

TEST_F(NetworkLinks, file_dated_in_the_future_restarts_nothing) {
    node.host.now = node.clock.wall() + std::chrono::hours(1);
    ASSERT_TRUE(node.converge(*phase()));
    node.host.units["systemd-networkd.service"] = running_unit(node.clock.wall());
    EXPECT_TRUE(planned(node, *phase()).empty());
}

TEST_F(NetworkLinks, loosened_mode_is_mended_without_a_restart) {
    node.host.units["systemd-networkd.service"] = running_unit(node.clock.wall());
    ASSERT_TRUE(node.converge(*phase()));
    node.host.files["/etc/systemd/networkd.conf.d/50-nodeboot.conf"].info.mode = 0666;
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log, Lines{"chmod /etc/systemd/networkd.conf.d/50-nodeboot.conf"});
}

TEST_F(NetworkLinks, network_manager_is_told_where_it_is) {
    node.host.put("/etc/NetworkManager/NetworkManager.conf", "[main]\n");
    node.host.units["NetworkManager.service"] = running_unit(node.clock.wall());
    expect_converges(node, *phase());
    EXPECT_NE(node.host.content("/etc/NetworkManager/conf.d/50-nodeboot.conf")->find("interface-name:cni*"),
              std::string::npos);
    EXPECT_EQ(node.host.log.back(), "restart NetworkManager.service");
}

}  // namespace
}  // namespace nodeboot::testing
