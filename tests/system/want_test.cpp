#include "system/want.hpp"

#include <gtest/gtest.h>

#include "support/fake_host.hpp"

namespace nodeboot {
namespace {

class WantTest : public ::testing::Test {
   protected:
    /// "subject: from -> to; action" of each change that `want` asks for.
    template <class Want>
    std::vector<std::string> changes(Want want) {
        std::vector<NodeChange> changes;
        const Result<void> done = want(changes);
        if (!done) return {"error: " + done.error().text()};
        std::vector<std::string> lines;
        for (const auto& change : changes)
            lines.push_back(change.subject + ": " + change.from + " -> " + change.to + "; " + describe(change.action));
        return lines;
    }
    std::vector<std::string> file(const std::string& content, FileAttributes attributes = {}) {
        return changes([&](auto& out) { return want_file(out, host_, "/etc/a.conf", content, attributes); });
    }
    std::vector<std::string> running() {
        return changes([&](auto& out) { return want_running(out, host_, "a.service"); });
    }
    using Lines = std::vector<std::string>;
    testing::FakeHost host_;
};

TEST_F(WantTest, an_absent_file_is_written) {
    EXPECT_EQ(file("x\n"), Lines{"/etc/a.conf: absent -> present; write /etc/a.conf (0644)"});
}

TEST_F(WantTest, the_right_file_stays_untouched) {
    host_.put("/etc/a.conf", "x\n");
    EXPECT_EQ(file("x\n"), Lines{});
}

TEST_F(WantTest, other_content_is_summarised_and_written) {
    host_.put("/etc/a.conf", "x\ny\n");
    EXPECT_EQ(file("x\nz\n"),
              Lines{"/etc/a.conf: 1 missing, 1 unexpected line -> as configured; write /etc/a.conf (0644)"});
}

TEST_F(WantTest, somebody_else_s_file_is_kept_beside_nodeboot_s_and_once_only) {
    const std::string own = "# Made by nodeboot\n";
    host_.put("/etc/a.conf", "x\n", 0600);
    const std::string written = "/etc/a.conf: 1 missing, 1 unexpected line -> as configured; write /etc/a.conf (0644)";
    EXPECT_EQ(file(own), (Lines{"/etc/a.conf.before-nodeboot: absent -> what was there; copy /etc/a.conf to "
                                "/etc/a.conf.before-nodeboot (0600)",
                                written}));
    host_.put("/etc/a.conf.before-nodeboot", "the first\n");
    EXPECT_EQ(file(own), Lines{written});
}

TEST_F(WantTest, kept_original_comes_back_and_a_file_of_somebody_else_s_stays) {
    const auto restored = [&](auto& out) { return want_restored(out, host_, "/etc/a.conf"); };
    host_.put("/etc/a.conf", "mine\n");
    EXPECT_EQ(changes(restored), Lines{});
    host_.put("/etc/a.conf", "# Made by nodeboot\n");
    EXPECT_EQ(changes(restored), Lines{"/etc/a.conf: present -> absent; remove /etc/a.conf"});
    host_.put("/etc/a.conf.before-nodeboot", "mine\n", 0600);
    EXPECT_EQ(changes(restored),
              (Lines{"/etc/a.conf: made by nodeboot -> what was there before; copy /etc/a.conf.before-nodeboot to "
                     "/etc/a.conf (0600)",
                     "/etc/a.conf.before-nodeboot: present -> absent; remove /etc/a.conf.before-nodeboot"}));
}

TEST_F(WantTest, a_loosened_mode_is_tightened_without_writing) {
    host_.put("/etc/a.conf", "x\n", 0644);
    EXPECT_EQ(file("x\n", {0600, 0, 0}), Lines{"/etc/a.conf: 0644 0:0 -> 0600 0:0; chmod /etc/a.conf to 0600"});
}

TEST_F(WantTest, another_owner_is_a_change) {
    host_.put("/etc/a.conf", "x\n");
    host_.files["/etc/a.conf"].info.uid = 1000;
    EXPECT_EQ(file("x\n"), Lines{"/etc/a.conf: 0644 1000:0 -> 0644 0:0; chmod /etc/a.conf to 0644"});
}

TEST_F(WantTest, a_link_in_the_place_of_a_file_is_replaced) {
    ASSERT_TRUE(host_.make_symlink("/etc/a.conf", "/etc/b.conf"));
    host_.put("/etc/b.conf", "x\n");
    EXPECT_EQ(file("x\n"), Lines{"/etc/a.conf: link to /etc/b.conf -> present; write /etc/a.conf (0644)"});
    EXPECT_EQ(file("# Made by nodeboot\n"),
              (Lines{"/etc/a.conf.before-nodeboot: absent -> link to /etc/b.conf; link "
                     "/etc/a.conf.before-nodeboot to /etc/b.conf",
                     "/etc/a.conf: link to /etc/b.conf -> present; write /etc/a.conf (0644)"}));
}

TEST_F(WantTest, a_folder_in_the_place_of_a_file_is_an_error) {
    host_.put("/etc/a.conf/b", "");
    EXPECT_EQ(file("x\n"), Lines{"error: /etc/a.conf should be a file and is a folder"});
}

TEST_F(WantTest, what_should_be_absent_is_removed_once) {
    auto absent = [&](auto& out) { return want_absent(out, host_, "/etc/a.conf"); };
    EXPECT_EQ(changes(absent), Lines{});
    host_.put("/etc/a.conf", "");
    EXPECT_EQ(changes(absent), Lines{"/etc/a.conf: present -> absent; remove /etc/a.conf"});
}

TEST_F(WantTest, a_folder_has_a_mode) {
    auto folder = [&](auto& out) { return want_directory(out, host_, "/var/lib/x", {0700, 0, 0}); };
    EXPECT_EQ(changes(folder), Lines{"/var/lib/x: absent -> folder; make folder /var/lib/x (0700)"});
    ASSERT_TRUE(host_.make_directory("/var/lib/x", {0755, 0, 0}));
    EXPECT_EQ(changes(folder), Lines{"/var/lib/x: 0755 0:0 -> 0700 0:0; chmod /var/lib/x to 0700"});
    host_.put("/var/lib/x", "");
    EXPECT_EQ(changes(folder), Lines{"error: /var/lib/x should be a folder and is not"});
}

TEST_F(WantTest, a_unit_is_unmasked_then_enabled_then_started) {
    host_.units["a.service"] = {.loaded = false, .active = "inactive", .sub = "dead", .file_state = "masked"};
    EXPECT_EQ(running(), (Lines{"a.service: masked -> unmasked; unmask a.service",
                                "a.service: masked -> enabled; enable a.service",
                                "a.service: inactive -> active; start a.service"}));
}

TEST_F(WantTest, a_unit_that_runs_and_starts_at_boot_needs_nothing) {
    for (const auto* state : {"enabled", "enabled-runtime", "static", "indirect"}) {
        host_.units["a.service"] = {.loaded = true, .active = "active", .sub = "running", .file_state = state};
        EXPECT_EQ(running(), Lines{}) << state;
    }
}

TEST_F(WantTest, running_now_is_not_enabled_at_boot) {
    host_.units["a.service"] = {.loaded = true, .active = "active", .sub = "running", .file_state = "disabled"};
    EXPECT_EQ(running(), Lines{"a.service: disabled -> enabled; enable a.service"});
}

TEST_F(WantTest, a_failed_unit_is_started_again) {
    host_.units["a.service"] = {.loaded = true, .active = "failed", .sub = "failed", .file_state = "enabled"};
    EXPECT_EQ(running(), Lines{"a.service: failed -> active; start a.service"});
}

TEST_F(WantTest, the_kernel_writes_tabs_and_people_write_blanks) {
    auto sysctl = [&](auto& out) { return want_sysctl(out, host_, "net.ipv4.ip_local_port_range", "1024 65535"); };
    host_.put("/proc/sys/net/ipv4/ip_local_port_range", "1024\t65535\n");
    EXPECT_EQ(changes(sysctl), Lines{});
    host_.put("/proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n");
    EXPECT_EQ(changes(sysctl), Lines{"net.ipv4.ip_local_port_range: 32768 60999 -> 1024 65535; set sysctl "
                                     "net.ipv4.ip_local_port_range=1024 65535"});
}

TEST_F(WantTest, a_sysctl_that_comes_with_a_module_is_planned_before_it_exists) {
    EXPECT_EQ(
        changes([&](auto& out) { return want_sysctl(out, host_, "net.bridge.bridge-nf-call-iptables", "1"); }),
        Lines{"net.bridge.bridge-nf-call-iptables: absent -> 1; set sysctl net.bridge.bridge-nf-call-iptables=1"});
}

TEST(SummariseDifference, counts_lines) {
    EXPECT_EQ(summarise_difference("a\nb\n", "a\nc\nd\n"), "2 missing, 1 unexpected line");
    EXPECT_EQ(summarise_difference("a\nb\n", "b\na\n"), "same lines, other order or ending");
    EXPECT_EQ(summarise_difference("a", "a\n"), "same lines, other order or ending");
}

}  // namespace
}  // namespace nodeboot
