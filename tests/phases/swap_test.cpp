#include "phases/swap.hpp"

#include "phases/expect_plan.hpp"

namespace nodeboot::testing {
namespace {

constexpr auto kHeader = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";

class Swap : public ::testing::Test {
   protected:
    std::shared_ptr<const NodePhase> phase() { return make_swap_phase(node.config); }
    FakeNode node;
};

TEST_F(Swap, machine_without_swap_needs_nothing) {
    node.host.put("/proc/swaps", kHeader);
    node.host.put("/etc/fstab", "UUID=1 / ext4 defaults 0 1\n");
    EXPECT_TRUE(planned(node, *phase()).empty());
}

TEST_F(Swap, fstab_swap_is_off_now_and_at_boot) {
    node.host.put("/proc/swaps",
                  std::string(kHeader) + "/dev/vdb                                partition\t1048572\t0\t-2\n");
    node.host.put("/etc/fstab", "UUID=1 / ext4 defaults 0 1\n/dev/vdb none swap sw 0 0\n# the end", 0640);
    EXPECT_EQ(planned(node, *phase()),
              (Lines{"/etc/fstab: /dev/vdb none swap sw 0 0 -> commented out; write /etc/fstab (0640)",
                     "systemd: has not read how swap is kept off -> reloaded; systemd daemon-reload",
                     "swap /dev/vdb: 1048572 KiB in use as swap -> off; swapoff /dev/vdb"}));
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.content("/etc/fstab"),
              "UUID=1 / ext4 defaults 0 1\n# nodeboot: /dev/vdb none swap sw 0 0\n# the end");
}

TEST_F(Swap, swap_switched_on_by_hand_is_switched_off_and_nothing_else_is_touched) {
    node.host.put("/proc/swaps",
                  std::string(kHeader) + "/swap\\040file                              file\t\t524284\t0\t-2\n");
    EXPECT_EQ(actions(node, *phase()), Lines{"swapoff /swap file"});
}

TEST_F(Swap, partition_found_by_the_gpt_generator_is_never_started) {
    node.host.put("/run/systemd/generator.late/dev-nvme0n1p3.swap",
                  "# Automatically generated\n[Swap]\nWhat=/dev/nvme0n1p3\n");
    node.host.units["dev-nvme0n1p3.swap"] = {.loaded = true, .active = "inactive", .file_state = "generated"};
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log,
              (Lines{"write /etc/systemd/system/dev-nvme0n1p3.swap.d/50-nodeboot.conf", "daemon-reload"}));
    EXPECT_NE(node.host.content("/etc/systemd/system/dev-nvme0n1p3.swap.d/50-nodeboot.conf")
                  ->find("ConditionPathExists=!/\n"),
              std::string::npos);
}

TEST_F(Swap, unit_that_somebody_masked_needs_nothing) {
    node.host.put("/run/systemd/generator.late/dev-nvme0n1p3.swap", "[Swap]\nWhat=/dev/nvme0n1p3\n");
    node.host.units["dev-nvme0n1p3.swap"] = {.loaded = false, .active = "inactive", .file_state = "masked"};
    EXPECT_EQ(planned(node, *phase()), Lines{});
}

TEST_F(Swap, a_mask_that_ends_with_this_boot_is_not_enough) {
    node.host.put("/run/systemd/generator.late/dev-nvme0n1p3.swap", "[Swap]\nWhat=/dev/nvme0n1p3\n");
    node.host.units["dev-nvme0n1p3.swap"] = {.loaded = false, .active = "inactive", .file_state = "masked-runtime"};
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log,
              (Lines{"write /etc/systemd/system/dev-nvme0n1p3.swap.d/50-nodeboot.conf", "daemon-reload"}));
}

TEST_F(Swap, run_killed_before_systemd_read_the_drop_in_is_finished_by_the_next) {
    node.host.put("/run/systemd/generator.late/dev-vdb.swap", "[Swap]\nWhat=/dev/vdb\n");
    expect_converges(node, *phase());
    node.host.stale_units.insert("dev-vdb.swap");
    EXPECT_EQ(actions(node, *phase()), Lines{"systemd daemon-reload"});
}

TEST_F(Swap, unit_of_a_line_that_was_taken_out_of_fstab_goes_with_a_reload) {
    node.host.put("/run/systemd/generator/dev-vdb.swap", "[Unit]\nSourcePath=/etc/fstab\n[Swap]\nWhat=/dev/vdb\n");
    EXPECT_EQ(actions(node, *phase()), Lines{"systemd daemon-reload"});
}

TEST_F(Swap, swap_unit_of_the_user_stays_as_it_is_and_is_never_started) {
    node.host.put("/etc/systemd/system/swapfile.swap", "[Swap]\nWhat=/swapfile\n");
    node.host.units["swapfile.swap"] = {.loaded = true, .active = "inactive", .file_state = "enabled"};
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log, (Lines{"write /etc/systemd/system/swapfile.swap.d/50-nodeboot.conf", "daemon-reload"}));
}

TEST_F(Swap, zram_generator_gets_an_empty_config_that_hides_the_vendor_s) {
    node.host.put("/usr/lib/systemd/system-generators/zram-generator", "", 0755);
    node.host.put("/usr/lib/systemd/zram-generator.conf", "[zram0]\n");
    node.host.put("/usr/lib/systemd/zram-generator.conf.d/10-vendor.conf", "[zram1]\n");
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log, (Lines{"write /etc/systemd/zram-generator.conf",
                                    "write /etc/systemd/zram-generator.conf.d/10-vendor.conf"}));
}

TEST_F(Swap, zram_tools_are_stopped_for_good_after_the_device_is_off) {
    node.host.put("/proc/swaps", std::string(kHeader) + "/dev/zram0 partition\t524284\t0\t100\n");
    node.host.put("/usr/lib/systemd/system/zramswap.service", "");
    node.host.units["zramswap.service"] = running_unit();
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log, (Lines{"write /etc/systemd/system/zramswap.service.d/50-nodeboot.conf", "daemon-reload",
                                    "swapoff /dev/zram0", "stop zramswap.service"}));
}

TEST(FstabWithoutSwap, keeps_every_other_byte) {
    for (const std::string text : {"", "\n", "# swap swap swap\n", "a\tb  ext4 swap 0 0\n\n\n", "x /swap ext4 d 0 0"})
        EXPECT_EQ(fstab_without_swap(text), text);
    EXPECT_EQ(fstab_without_swap("\t/s  none\tswap sw"), "# nodeboot: \t/s  none\tswap sw");
}

}  // namespace
}  // namespace nodeboot::testing
