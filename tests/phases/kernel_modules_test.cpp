#include "phases/kernel_modules.hpp"

#include "phases/expect_plan.hpp"

namespace nodeboot::testing {
namespace {

constexpr auto kFile = "/etc/modules-load.d/nodeboot.conf";

class KernelModules : public ::testing::Test {
   protected:
    KernelModules() {
        node.host.programs["modprobe"] = [this](const Command& command) {
            const auto& name = command.argv.back();
            if (name == "overlay") node.host.put("/proc/filesystems", "nodev\tproc\nnodev\toverlay\n");
            if (name == "br_netfilter") node.host.put("/proc/sys/net/bridge/bridge-nf-call-iptables", "1\n");
            if (name == "nf_conntrack") node.host.put("/proc/sys/net/netfilter/nf_conntrack_max", "65536\n");
            if (name == "ip_vs") node.host.put("/proc/modules", "ip_vs 200704 0 - Live 0x0\n");
            return CommandOutput{};
        };
    }
    std::shared_ptr<const NodePhase> phase() { return make_kernel_modules_phase(node.config); }
    FakeNode node;
};

TEST_F(KernelModules, bare_machine_loads_all_and_remembers_them) {
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log, (Lines{"write /etc/modules-load.d/nodeboot.conf", "run modprobe -- overlay",
                                    "run modprobe -- br_netfilter", "run modprobe -- nf_conntrack"}));
    EXPECT_NE(node.host.content(kFile)->find("\noverlay\nbr_netfilter\nnf_conntrack\n"), std::string::npos);
}

TEST_F(KernelModules, lost_file_is_written_and_nothing_is_loaded_again) {
    ASSERT_TRUE(node.converge(*phase()));
    node.host.files.erase(kFile);
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log, Lines{"write /etc/modules-load.d/nodeboot.conf"});
}

TEST_F(KernelModules, unloaded_module_is_loaded_and_the_file_stays) {
    ASSERT_TRUE(node.converge(*phase()));
    node.host.files.erase("/proc/sys/net/bridge/bridge-nf-call-iptables");
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log, Lines{"run modprobe -- br_netfilter"});
}

TEST_F(KernelModules, kernel_with_everything_built_in_and_no_module_folder_is_fine) {
    node.host.put("/proc/filesystems", "nodev\tproc\n\text4\nnodev\toverlay\n");
    node.host.put("/proc/sys/net/bridge/bridge-nf-call-iptables", "1\n");
    node.host.put("/proc/sys/net/netfilter/nf_conntrack_max", "65536\n");
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log, Lines{"write /etc/modules-load.d/nodeboot.conf"});
}

TEST_F(KernelModules, built_in_module_without_visible_effect_is_found_in_modules_builtin) {
    node.config.host.modules = {"dm-crypt"};
    node.host.put("/proc/sys/kernel/osrelease", "6.1.0-18-cloud-amd64\n");
    node.host.put("/lib/modules/6.1.0-18-cloud-amd64/modules.builtin", "kernel/drivers/md/dm-crypt.ko\n");
    expect_converges(node, *phase());
    for (const auto& line : node.host.log) EXPECT_EQ(line.find("dm"), std::string::npos) << line;
}

TEST_F(KernelModules, module_of_the_user_is_loaded_once_however_it_is_spelled) {
    node.config.host.modules = {"ip-vs", "overlay"};
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log.back(), "run modprobe -- ip_vs");
    EXPECT_EQ(node.host.log.size(), 5U);
}

}  // namespace
}  // namespace nodeboot::testing
