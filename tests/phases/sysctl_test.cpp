#include "phases/sysctl.hpp"

#include "phases/expect_plan.hpp"
#include "phases/sysctl_files.hpp"

namespace nodeboot::testing {
namespace {

constexpr auto kFile = "/etc/sysctl.d/99-zz-nodeboot.conf";
constexpr auto kForward = "/proc/sys/net/ipv4/ip_forward";

class Sysctl : public ::testing::Test {
   protected:
    void boot() {  // after the kernel modules
        node.host.put(kForward, "0\n");
        node.host.put("/proc/sys/net/bridge/bridge-nf-call-iptables", "1\n");
        node.host.put("/proc/sys/net/bridge/bridge-nf-call-ip6tables", "1\n");
        node.host.put("/proc/sys/kernel/keys/root_maxkeys", "1000000\n");
    }
    std::shared_ptr<const NodePhase> phase() { return make_sysctl_phase(node.config); }
    void converge() {
        boot();
        ASSERT_TRUE(node.converge(*phase()));
    }
    FakeNode node;
};

TEST_F(Sysctl, bare_machine_gets_the_file_and_the_live_values) {
    boot();
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.content(kForward), "1\n");
    EXPECT_NE(node.host.content(kFile)->find("\nnet.ipv4.ip_forward = 1\n"), std::string::npos);
}

TEST_F(Sysctl, plan_before_the_bridge_module_is_loaded_shows_its_keys) {
    const auto lines = planned(node, *phase());
    EXPECT_NE(
        std::find(lines.begin(), lines.end(),
                  "net.bridge.bridge-nf-call-iptables: absent -> 1; set sysctl net.bridge.bridge-nf-call-iptables=1"),
        lines.end());
}

TEST_F(Sysctl, value_set_by_hand_is_set_back_and_nothing_else_is_touched) {
    converge();
    node.host.put(kForward, "0\n");
    EXPECT_EQ(planned(node, *phase()), Lines{"net.ipv4.ip_forward: 0 -> 1; set sysctl net.ipv4.ip_forward=1"});
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log, Lines{"kernel /proc/sys/net/ipv4/ip_forward"});
}

TEST_F(Sysctl, edited_file_is_written_again_and_live_values_are_left) {
    converge();
    node.host.put(kFile, "net.ipv4.ip_forward = 0\n");
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log, Lines{std::string("write ") + kFile});
}

TEST_F(Sysctl, key_that_this_kernel_lacks_is_left_out_where_it_is_optional) {
    converge();  // root_maxbytes is missing in boot()
    EXPECT_TRUE(planned(node, *phase()).empty());
    EXPECT_NE(node.host.content(kFile)->find("-kernel.keys.root_maxbytes = 25000000"), std::string::npos);
}

TEST_F(Sysctl, setting_of_the_user_replaces_ours_and_an_empty_one_drops_it) {
    node.config.host.sysctl = {{"kernel.panic", ""}, {"net/ipv4/ip_forward", "2"}, {"vm.max_map_count", "262144"}};
    const auto wanted = wanted_sysctls(node.config);
    EXPECT_FALSE(wanted.contains("kernel.panic"));
    EXPECT_FALSE(wanted.contains("net.ipv4.ip_forward"));
    EXPECT_EQ(wanted.at("net/ipv4/ip_forward"), "2");
    EXPECT_EQ(wanted.at("vm.max_map_count"), "262144");
}

TEST_F(Sysctl, later_file_that_contradicts_loses_only_that_line) {
    converge();
    node.host.put("/etc/sysctl.d/zz-hardening.conf",
                  "# CIS 3.1.1\nkernel.randomize_va_space=2\n net.ipv4.ip_forward=0\n", 0600);
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log, Lines{"write /etc/sysctl.d/zz-hardening.conf"});
    EXPECT_EQ(node.host.content("/etc/sysctl.d/zz-hardening.conf"),
              "# CIS 3.1.1\nkernel.randomize_va_space=2\n# nodeboot:  net.ipv4.ip_forward=0\n");
    EXPECT_EQ(node.host.files["/etc/sysctl.d/zz-hardening.conf"].info.mode, 0600U);
}

TEST_F(Sysctl, later_file_of_a_package_is_hidden_by_a_corrected_copy) {
    converge();
    node.host.put("/usr/lib/sysctl.d/zz-vendor.conf", "-net.ipv4.conf.all.forwarding = 0\nvm.swappiness = 10");
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.content("/etc/sysctl.d/zz-vendor.conf"),
              "# Made by nodeboot: /usr/lib/sysctl.d/zz-vendor.conf with what contradicts its settings commented out.\n"
              "# nodeboot: -net.ipv4.conf.all.forwarding = 0\nvm.swappiness = 10");
    EXPECT_EQ(node.host.content("/usr/lib/sysctl.d/zz-vendor.conf"),
              "-net.ipv4.conf.all.forwarding = 0\nvm.swappiness = 10");
}

TEST_F(Sysctl, files_read_before_ours_or_agreeing_with_us_are_left) {
    converge();
    node.host.put("/etc/sysctl.d/10-old.conf", "net.ipv4.ip_forward=0\n");
    node.host.put("/etc/sysctl.d/zz-same.conf", "net.ipv4.ip_forward = 1\n");
    node.host.put("/etc/sysctl.d/zz-note.txt", "net.ipv4.ip_forward = 0\n");
    EXPECT_TRUE(planned(node, *phase()).empty());
}

TEST_F(Sysctl, sysctl_conf_counts_as_later) {
    converge();
    node.host.put("/etc/sysctl.conf", "#net.ipv4.ip_forward=0\nnet.ipv4.ip_forward=0\n");
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.content("/etc/sysctl.conf"), "#net.ipv4.ip_forward=0\n# nodeboot: net.ipv4.ip_forward=0\n");
}

TEST_F(Sysctl, read_only_proc_sys_is_an_error_that_names_the_values) {
    converge();
    node.host.put("/proc/sys/kernel/panic", "0\n");
    node.host.put("/proc/self/mounts",
                  "proc /proc proc rw,nosuid 0 0\nproc /proc/sys proc ro,nosuid 0 0\nproc /proc/sys/net proc rw 0 0\n");
    EXPECT_EQ(error_of(node, *phase()), "/proc/sys is read-only here: kernel.panic is 0 and must be 10");
    node.host.put("/proc/sys/kernel/panic", "10\n");
    node.host.put(kForward, "0\n");  // below /proc/sys/net, which is writable
    EXPECT_EQ(error_of(node, *phase()), "");
}

}  // namespace
}  // namespace nodeboot::testing
