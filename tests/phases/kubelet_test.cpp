#include "phases/kubelet.hpp"

#include "phases/expect_plan.hpp"

namespace nodeboot::testing {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr auto kUnit = "kubelet.service";
constexpr auto kOwnUnit = "/etc/systemd/system/kubelet.service";
constexpr auto kKubeadmDropIn = "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf";
constexpr auto kDropIn = "/etc/systemd/system/kubelet.service.d/20-nodeboot.conf";
constexpr auto kProgram = "/usr/bin/kubelet";

/// A machine whose kubelet came with a bundle.
class KubeletRestarts : public ::testing::Test {
   protected:
    KubeletRestarts() {
        now_is(node.clock.wall());
        node.host.put(kProgram, "the binary", 0755);
        node.host.units[kUnit] = {.loaded = true, .active = "inactive", .file_state = "disabled"};
    }
    void now_is(WallTime at) { node.host.now = at; }
    void pass(Duration time) {
        node.clock.advance(time);
        now_is(node.clock.wall());
    }
    /// What kubeadm does: its files, then kubelet is started.
    void become_member() {
        for (const char* file : {"/var/lib/kubelet/config.yaml", "/etc/kubernetes/pki/ca.crt",
                                 "/var/lib/kubelet/pki/kubelet-client-current.pem"})
            node.host.put(file, "x");
        node.host.put("/etc/kubernetes/kubelet.conf", "current-context: x\n", 0600);
        start();
    }
    void start() {
        node.host.units[kUnit].active = "active";
        node.host.units[kUnit].started = node.clock.wall();
    }
    /// Everything at an hour's distance, as on a machine that works for a while.
    void settle() {
        ASSERT_TRUE(node.converge(*phase()));
        pass(hours(1));
        become_member();
        pass(hours(1));
    }
    Lines restarts(const std::string& reason) const {
        return {std::string(kUnit) + ": " + reason + " -> restarted; restart " + kUnit};
    }
    std::shared_ptr<const NodePhase> phase() { return make_kubelet_phase(node.services); }
    FakeNode node;
};

TEST_F(KubeletRestarts, a_first_run_writes_the_units_and_leaves_the_start_to_kubeadm) {
    node.host.units[kUnit].active = "active";  // between two failures, as packages of old start it
    node.host.units[kUnit].started = node.clock.wall() - minutes(1);
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log, (Lines{std::string("write ") + kOwnUnit, std::string("write ") + kKubeadmDropIn,
                                    std::string("write ") + kDropIn, "daemon-reload", std::string("enable ") + kUnit}));
}

TEST_F(KubeletRestarts, a_second_run_on_a_new_member_restarts_nothing) {
    settle();
    EXPECT_EQ(planned(node, *phase()), Lines{});
}

TEST_F(KubeletRestarts, a_unit_that_is_put_right_is_also_what_kubelet_runs_with) {
    settle();
    node.host.put(kKubeadmDropIn, "[Service]\nExecStart=\nExecStart=/usr/bin/kubelet --v=9\n");
    start();
    pass(minutes(1));
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log.back(), std::string("restart ") + kUnit);
    EXPECT_EQ(node.host.log[node.host.log.size() - 2], "daemon-reload");
}

TEST_F(KubeletRestarts, a_crash_between_the_unit_and_the_restart_is_mended) {
    settle();
    for (const char* file : {kOwnUnit, kKubeadmDropIn, kDropIn}) {
        node.host.put(file, *node.host.content(file));
        pass(minutes(1));
        EXPECT_EQ(planned(node, *phase()), restarts("was started before its unit was written")) << file;
        expect_converges(node, *phase());
        pass(minutes(1));
    }
}

TEST_F(KubeletRestarts, a_binary_that_was_replaced_is_what_runs_from_then_on) {
    settle();
    node.host.put(kProgram, "another binary", 0755);
    EXPECT_EQ(planned(node, *phase()), restarts("was started before its binary was replaced"));
    expect_converges(node, *phase());
}

TEST_F(KubeletRestarts, units_that_give_way_to_a_package_s_are_not_run_with_any_longer) {
    settle();
    node.host.put("/usr/lib/systemd/system/kubelet.service", "[Service]\nExecStart=/usr/bin/kubelet\n");
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log,
              (Lines{std::string("remove ") + kOwnUnit, "daemon-reload", std::string("restart ") + kUnit}));
}

TEST_F(KubeletRestarts, mode_and_units_of_somebody_else_restart_nothing) {
    settle();
    node.host.files[kDropIn].info.mode = 0600;
    node.host.put("/usr/lib/systemd/system/kubelet.service", "[Service]\n");
    node.host.put(kOwnUnit, "[Service]\nExecStart=/opt/my/kubelet\n");
    for (const auto& action : actions(node, *phase())) EXPECT_EQ(action.find("restart"), std::string::npos) << action;
}

TEST_F(KubeletRestarts, a_boot_whose_clock_was_behind_at_first_restarts_nothing) {
    settle();
    node.host.put(kKubeadmDropIn, *node.host.content(kKubeadmDropIn));  // written in time, read by the boot after it
    const WallTime written = node.clock.wall();
    pass(minutes(5));
    node.host.units[kUnit].started = written - minutes(30);  // by the clock of the first seconds
    node.host.put("/proc/uptime", "240.00 400.00\n");
    EXPECT_EQ(planned(node, *phase()), Lines{});
    node.host.put("/proc/uptime", "360.00 400.00\n");  // written in this boot
    EXPECT_EQ(planned(node, *phase()), restarts("was started before its unit was written"));
}

TEST_F(KubeletRestarts, a_file_dated_in_the_future_restarts_nothing) {
    settle();
    node.host.files[kProgram].info.modified = node.clock.wall() + hours(1);
    EXPECT_EQ(planned(node, *phase()), Lines{});
}

}  // namespace
}  // namespace nodeboot::testing
