#include "phases/time_sync.hpp"

#include "phases/expect_plan.hpp"

namespace nodeboot::testing {
namespace {

constexpr auto kTimesyncd = "systemd-timesyncd.service";

class TimeSync : public ::testing::Test {
   protected:
    TimeSync() { node.host.now = node.clock.wall(); }
    std::shared_ptr<const NodePhase> phase() { return make_time_sync_phase(node.config, node.clock); }
    void debian_chrony() {
        node.host.put("/etc/chrony/chrony.conf", "confdir /etc/chrony/conf.d\nsourcedir /run/chrony-dhcp\n");
        node.host.units["chrony.service"] = running_unit(node.clock.wall() - std::chrono::hours(1));
    }
    FakeNode node;
};

TEST_F(TimeSync, timesyncd_asks_amazon_s_server) {
    node.host.units[kTimesyncd] = {.loaded = true, .active = "inactive", .file_state = "disabled"};
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log, (Lines{"write /etc/systemd/timesyncd.conf.d/50-nodeboot.conf",
                                    "enable systemd-timesyncd.service", "start systemd-timesyncd.service"}));
    EXPECT_NE(node.host.content("/etc/systemd/timesyncd.conf.d/50-nodeboot.conf")->find("NTP=169.254.169.123\n"),
              std::string::npos);
}

TEST_F(TimeSync, stopped_daemon_is_started_and_nothing_else) {
    node.host.units[kTimesyncd] = running_unit(node.clock.wall());
    ASSERT_TRUE(node.converge(*phase()));
    node.host.units[kTimesyncd].active = "inactive";
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log, Lines{"start systemd-timesyncd.service"});
}

TEST_F(TimeSync, chrony_is_preferred_and_reads_its_drop_in) {
    debian_chrony();
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log, (Lines{"write /etc/chrony/conf.d/50-nodeboot.conf", "restart chrony.service"}));
}

TEST_F(TimeSync, server_that_the_image_names_already_is_not_named_twice) {
    node.host.put("/etc/chrony.conf", "confdir /etc/chrony.d\nsourcedir /run/chrony.d\n");
    node.host.put("/run/chrony.d/link-local-ipv4.sources",
                  "server 169.254.169.123 prefer iburst minpoll 4 maxpoll 4\n");
    node.host.units["chronyd.service"] = running_unit(node.clock.wall());
    EXPECT_EQ(planned(node, *phase()), Lines{});
}

TEST_F(TimeSync, chrony_without_a_folder_for_drop_ins_is_refused) {
    node.host.put("/etc/chrony.conf", "pool pool.example iburst\n");
    node.host.units["chronyd.service"] = running_unit(node.clock.wall());
    EXPECT_NE(error_of(node, *phase()).find("no confdir"), std::string::npos);
}

TEST_F(TimeSync, container_gets_the_file_and_no_daemon) {
    node.host.put("/run/systemd/container", "systemd-nspawn");
    node.host.units[kTimesyncd] = {.loaded = true, .active = "inactive", .file_state = "enabled"};
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log, Lines{"write /etc/systemd/timesyncd.conf.d/50-nodeboot.conf"});
}

TEST_F(TimeSync, machine_that_may_not_set_its_clock_expects_no_daemon) {
    node.host.put("/proc/self/status", "Name:\tx\nCapBnd:\t000001fffdffffff\n");  // all but bit 25
    node.host.units[kTimesyncd] = {.loaded = true, .active = "inactive", .file_state = "enabled"};
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log.size(), 1U);
}

TEST_F(TimeSync, machine_without_a_daemon_gets_timesyncd) {
    // As Debian's package does: its postinst starts the daemon, and the clock goes on while it installs.
    node.host.programs["apt-get install"] = [this](const Command&) {
        node.clock.advance(std::chrono::seconds(3));
        node.host.units[kTimesyncd] = running_unit(node.clock.wall());
        node.clock.advance(std::chrono::seconds(3));
        node.host.now = node.clock.wall();
        return CommandOutput{};
    };
    node.host.put("/var/lib/apt/lists/deb_main_Packages", "");
    expect_converges(node, *phase());
}

TEST_F(TimeSync, another_time_daemon_stays_and_keeps_the_clock) {
    node.host.put("/var/lib/dpkg/status",
                  "Package: ntpsec\nStatus: install ok installed\nVersion: 1.2.2\nProvides: ntp, time-daemon\n");
    node.host.units["ntpsec.service"] = running_unit(node.clock.wall());
    EXPECT_EQ(planned(node, *phase()), Lines{});
    node.host.units["ntpsec.service"].active = "inactive";
    EXPECT_NE(error_of(node, *phase()).find("ntpsec is installed, but ntpsec.service is inactive"), std::string::npos)
        << error_of(node, *phase());
    node.host.put("/run/systemd/container", "systemd-nspawn");  // where no daemon is expected
    EXPECT_EQ(planned(node, *phase()), Lines{});
}

TEST_F(TimeSync, servers_that_somebody_named_are_not_forgotten_where_another_daemon_asks) {
    node.host.put("/var/lib/dpkg/status",
                  "Package: openntpd\nStatus: install ok installed\nProvides: time-daemon (= 1)\nVersion: 1:6.2\n");
    node.host.units["openntpd.service"] = running_unit(node.clock.wall());
    EXPECT_EQ(planned(node, *phase()), Lines{});
    node.config.host.time_servers = {"10.0.0.2"};
    EXPECT_NE(error_of(node, *phase()).find("time.servers"), std::string::npos) << error_of(node, *phase());
    EXPECT_NE(phase()->plan(node.host).error().hint.find("\"keep\""), std::string::npos);
}

TEST_F(TimeSync, a_removed_time_daemon_whose_config_is_left_does_not_count) {
    node.host.put("/var/lib/dpkg/status",
                  "Package: ntpsec\nStatus: deinstall ok config-files\nVersion: 1.2.2\nProvides: time-daemon\n");
    EXPECT_EQ(actions(node, *phase()).size(), 4U);
}

TEST_F(TimeSync, keep_touches_nothing) {
    node.config.host.time_mode = TimeMode::keep;
    EXPECT_EQ(planned(node, *phase()), Lines{});
}

}  // namespace
}  // namespace nodeboot::testing
