#include "system/linux_host.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "support/temporary_folder.hpp"

namespace nodeboot {
namespace {

namespace fs = std::filesystem;

class LinuxHostTest : public ::testing::Test {
   protected:
    // Whoever runs the tests: only root may give files to others.
    FileAttributes mine(std::uint32_t mode = 0644) const { return {mode, ::geteuid(), ::getegid()}; }

    testing::TemporaryFolder folder_;
    LinuxHost host_{{.root = folder_.path()}};
};

TEST_F(LinuxHostTest, what_was_written_is_read_back_with_its_mode) {
    ASSERT_TRUE(host_.write("/etc/app/a.conf", "one\ntwo\n", mine(0600)));
    EXPECT_EQ(host_.read("/etc/app/a.conf").value(), "one\ntwo\n");
    const auto info = host_.stat("/etc/app/a.conf").value();
    ASSERT_TRUE(info);
    EXPECT_EQ(info->mode, 0600u);
    EXPECT_EQ(info->size, 8u);
    EXPECT_EQ(info->uid, ::geteuid());
    EXPECT_EQ(info->type, FileInfo::Type::file);
    EXPECT_EQ(host_.stat("/etc/app").value()->mode, 0755u);
}

TEST_F(LinuxHostTest, missing_folders_are_made_0755_whatever_the_umask) {
    const auto before = ::umask(077);
    const auto written = host_.write("/a/b/c/file", "x", mine(0644));
    ::umask(before);
    ASSERT_TRUE(written) << written.error().text();
    EXPECT_EQ(host_.stat("/a/b").value()->mode, 0755u);
    EXPECT_EQ(host_.stat("/a/b/c/file").value()->mode, 0644u);
}

TEST_F(LinuxHostTest, nothing_but_the_file_is_left_in_the_folder) {
    ASSERT_TRUE(host_.write("/etc/a.conf", "1", mine()));
    ASSERT_TRUE(host_.write("/etc/a.conf", "2", mine()));
    EXPECT_EQ(host_.list("/etc").value(), std::vector<std::string>{"a.conf"});
    EXPECT_EQ(host_.read("/etc/a.conf").value(), "2");
}

TEST_F(LinuxHostTest, absent_is_not_an_error) {
    EXPECT_EQ(host_.read("/no/such/file").value(), std::nullopt);
    EXPECT_FALSE(host_.stat("/no/such/file").value());
    EXPECT_TRUE(host_.list("/no/such/folder").value().empty());
    folder_.put("file", "");
    EXPECT_EQ(host_.read("/file/below").value(), std::nullopt);
    EXPECT_TRUE(host_.remove("/no/such/file"));
}

TEST_F(LinuxHostTest, a_folder_cannot_be_read_and_says_so) {
    ASSERT_TRUE(host_.make_directory("/etc", mine(0755)));
    const auto content = host_.read("/etc");
    ASSERT_FALSE(content);
    EXPECT_EQ(content.error().text(), "cannot read /etc: Is a directory");
}

TEST_F(LinuxHostTest, a_fifo_does_not_hang_a_read) {
    ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
    EXPECT_EQ(host_.read("/pipe").value(), "");
    EXPECT_EQ(host_.stat("/pipe").value()->type, FileInfo::Type::other);
}

TEST_F(LinuxHostTest, files_of_the_kernel_that_have_no_size_are_read_whole) {
    const LinuxHost real;
    const auto mounts = real.read("/proc/self/mountinfo").value();
    ASSERT_TRUE(mounts);
    EXPECT_GT(mounts->size(), 100u);
    EXPECT_EQ(mounts->back(), '\n');
}

TEST_F(LinuxHostTest, reading_follows_a_link_inside_the_root_only) {
    folder_.put("run/resolv.conf", "nameserver 10.0.0.2\n");
    ASSERT_TRUE(host_.make_symlink("/etc/resolv.conf", "/run/resolv.conf"));
    EXPECT_EQ(host_.read("/etc/resolv.conf").value(), "nameserver 10.0.0.2\n");
    ASSERT_TRUE(host_.make_symlink("/etc/escape", "../../../../../../etc/passwd"));
    EXPECT_EQ(host_.read("/etc/escape").value(), std::nullopt);
}

TEST_F(LinuxHostTest, of_the_machine_itself_the_same_is_seen) {
    const LinuxHost machine;
    const Path folder = folder_.path();
    ASSERT_TRUE(host_.write("/etc/app", "text", mine(0640)));
    ASSERT_TRUE(host_.make_symlink("/etc/link", "app"));
    EXPECT_EQ(machine.stat(folder / "etc/app").value()->mode, 0640U);
    EXPECT_EQ(machine.stat(folder / "etc/link").value()->target, "app");
    EXPECT_FALSE(machine.stat(folder / "etc/other").value());
    EXPECT_FALSE(machine.stat(folder / "no/such").value());
    EXPECT_FALSE(machine.stat(folder / "etc/app/below").value());
    EXPECT_EQ(machine.stat("/").value()->type, FileInfo::Type::directory);
    EXPECT_FALSE(machine.stat("etc"));
    EXPECT_EQ(machine.read(folder / "etc/app").value(), "text");
    EXPECT_EQ(machine.read(folder / "etc/link").value(), "text");
}

TEST_F(LinuxHostTest, stat_shows_a_link_and_not_its_target) {
    ASSERT_TRUE(host_.make_symlink("/etc/link", "/nowhere"));
    const auto info = host_.stat("/etc/link").value();
    ASSERT_TRUE(info);
    EXPECT_EQ(info->type, FileInfo::Type::symlink);
    EXPECT_EQ(info->target, "/nowhere");
}

TEST_F(LinuxHostTest, writing_replaces_a_link_and_spares_its_target) {
    folder_.put("precious", "keep me");
    ASSERT_TRUE(host_.make_symlink("/etc/a.conf", "/precious"));
    ASSERT_TRUE(host_.write("/etc/a.conf", "new", mine()));
    EXPECT_EQ(folder_.content("precious"), "keep me");
    EXPECT_EQ(host_.stat("/etc/a.conf").value()->type, FileInfo::Type::file);
}

TEST_F(LinuxHostTest, a_link_is_replaced_in_one_step) {
    ASSERT_TRUE(host_.make_symlink("/etc/link", "/one"));
    ASSERT_TRUE(host_.make_symlink("/etc/link", "/two"));
    EXPECT_EQ(host_.stat("/etc/link").value()->target, "/two");
    EXPECT_EQ(host_.list("/etc").value().size(), 1u);
}

TEST_F(LinuxHostTest, writing_over_a_folder_is_a_conflict_and_leaves_nothing) {
    ASSERT_TRUE(host_.make_directory("/etc/a.conf", mine(0755)));
    const auto written = host_.write("/etc/a.conf", "x", mine());
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().kind, ErrorKind::conflict);
    EXPECT_EQ(host_.list("/etc").value(), std::vector<std::string>{"a.conf"});
}

TEST_F(LinuxHostTest, readers_see_the_old_or_the_new_content_and_never_a_part) {
    const std::string a(200'000, 'a'), b(200'000, 'b');
    ASSERT_TRUE(host_.write("/file", a, mine()));
    std::jthread writer([&](const std::stop_token& stop) {
        for (int i = 0; i < 200 && !stop.stop_requested(); ++i)
            ASSERT_TRUE(host_.write("/file", i % 2 == 0 ? b : a, mine()));
    });
    for (int i = 0; i < 200; ++i) {
        const auto seen = host_.read("/file").value().value();
        ASSERT_TRUE(seen == a || seen == b) << seen.size();
    }
}

TEST_F(LinuxHostTest, a_full_disk_leaves_the_old_file_and_no_temporary_one) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to mount";
    ASSERT_TRUE(host_.make_directory("/small", mine(0755)));
    if (::mount("tmpfs", (folder_ / "small").c_str(), "tmpfs", 0, "size=64k") != 0) GTEST_SKIP() << "cannot mount here";
    ASSERT_TRUE(host_.write("/small/a.conf", "old", mine()));
    const auto written = host_.write("/small/a.conf", std::string(1 << 20, 'x'), mine());
    const auto names = host_.list("/small").value();
    const auto content = host_.read("/small/a.conf").value();
    ::umount2((folder_ / "small").c_str(), MNT_DETACH);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().text(), "cannot write /small/a.conf: No space left on device");
    EXPECT_NE(written.error().hint, "");
    EXPECT_EQ(content, "old");
    EXPECT_EQ(names, std::vector<std::string>{"a.conf"});
}

TEST_F(LinuxHostTest, copying_streams_a_file_larger_than_any_buffer) {
    std::string big;
    for (int i = 0; i < 400'000; ++i) big += std::to_string(i);
    folder_.put("bundle/kubelet", big);
    const auto copied = host_.copy("/bundle/kubelet", "/usr/bin/kubelet", mine(0755));
    ASSERT_TRUE(copied) << copied.error().text();
    EXPECT_EQ(folder_.content("usr/bin/kubelet"), big);
    EXPECT_EQ(host_.stat("/usr/bin/kubelet").value()->mode, 0755u);
}

TEST_F(LinuxHostTest, copying_what_is_not_there_names_it_and_makes_nothing) {
    const auto copied = host_.copy("/bundle/kubelet", "/usr/bin/kubelet", mine(0755));
    ASSERT_FALSE(copied);
    EXPECT_EQ(copied.error().kind, ErrorKind::not_found);
    EXPECT_EQ(copied.error().text(), "cannot read /bundle/kubelet: No such file or directory");
    EXPECT_FALSE(host_.stat("/usr/bin").value());
}

TEST_F(LinuxHostTest, a_file_of_the_kernel_without_a_size_is_copied_whole) {
    LinuxHost real;
    const std::string to = folder_ / "version";
    ASSERT_TRUE(real.copy("/proc/version", to, mine()));
    EXPECT_EQ(real.read(to).value(), real.read("/proc/version").value());
}

TEST_F(LinuxHostTest, making_a_folder_again_sets_its_mode) {
    ASSERT_TRUE(host_.make_directory("/var/lib/x", mine(0700)));
    ASSERT_TRUE(host_.make_directory("/var/lib/x", mine(0711)));
    EXPECT_EQ(host_.stat("/var/lib/x").value()->mode, 0711u);
    folder_.put("var/lib/x/file", "");
    EXPECT_EQ(host_.make_directory("/var/lib/x/file", mine(0755)).error().kind, ErrorKind::conflict);
}

TEST_F(LinuxHostTest, the_mode_of_a_file_is_set_and_that_of_a_link_refused) {
    folder_.put("file", "x");
    ASSERT_TRUE(host_.set_attributes("/file", mine(0640)));
    EXPECT_EQ(host_.stat("/file").value()->mode, 0640u);
    ASSERT_TRUE(host_.make_symlink("/link", "/file"));
    EXPECT_EQ(host_.set_attributes("/link", mine(0777)).error().kind, ErrorKind::conflict);
    EXPECT_EQ(host_.stat("/file").value()->mode, 0640u);
    EXPECT_EQ(host_.set_attributes("/nothing", mine()).error().kind, ErrorKind::not_found);
}

TEST_F(LinuxHostTest, the_owner_is_set_together_with_set_user_id) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to give files away";
    ASSERT_TRUE(host_.write("/tool", "x", {04755, 12, 34}));
    const auto info = host_.stat("/tool").value();
    EXPECT_EQ(info->uid, 12u);
    EXPECT_EQ(info->gid, 34u);
    EXPECT_EQ(info->mode, 04755u);
}

TEST_F(LinuxHostTest, removing_a_folder_takes_all_in_it_and_no_target_of_a_link) {
    folder_.put("precious/file", "keep me");
    folder_.put("gone/a/b/c", "1");
    folder_.put("gone/d", "2");
    ASSERT_TRUE(host_.make_symlink("/gone/a/link", "/precious"));
    ASSERT_TRUE(host_.make_symlink("/gone/a/absolute", folder_ / "precious"));
    const auto removed = host_.remove("/gone/");
    ASSERT_TRUE(removed) << removed.error().text();
    EXPECT_FALSE(host_.stat("/gone").value());
    EXPECT_EQ(folder_.content("precious/file"), "keep me");
}

TEST_F(LinuxHostTest, removing_a_link_spares_its_target) {
    folder_.put("precious/file", "keep me");
    ASSERT_TRUE(host_.make_symlink("/link", "/precious"));
    ASSERT_TRUE(host_.remove("/link"));
    EXPECT_FALSE(host_.stat("/link").value());
    EXPECT_EQ(folder_.content("precious/file"), "keep me");
}

TEST_F(LinuxHostTest, a_bind_mount_inside_a_removed_folder_keeps_its_content) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to mount";
    folder_.put("precious/file", "keep me");
    folder_.put("gone/before", "");
    ASSERT_TRUE(host_.make_directory("/gone/volume", mine(0755)));
    const std::string target = folder_ / "gone/volume";
    if (::mount((folder_ / "precious").c_str(), target.c_str(), nullptr, MS_BIND, nullptr) != 0)
        GTEST_SKIP() << "cannot mount here";
    const auto removed = host_.remove("/gone");
    const auto mount_itself = host_.remove("/gone/volume");
    ::umount2(target.c_str(), MNT_DETACH);
    ASSERT_FALSE(removed);
    EXPECT_EQ(removed.error().kind, ErrorKind::conflict);
    EXPECT_EQ(removed.error().text(), "cannot remove /gone/volume: something is mounted there");
    EXPECT_EQ(mount_itself.error().kind, ErrorKind::conflict);
    EXPECT_EQ(folder_.content("precious/file"), "keep me");
    EXPECT_TRUE(host_.remove("/gone"));
}

TEST_F(LinuxHostTest, the_root_folder_is_never_removed) {
    EXPECT_EQ(host_.remove("/").error().kind, ErrorKind::refused);
}

TEST_F(LinuxHostTest, names_in_a_folder_are_sorted_and_hidden_ones_included) {
    for (const auto* name : {"etc/b", "etc/a", "etc/.hidden"}) folder_.put(name, "");
    EXPECT_EQ(host_.list("/etc").value(), (std::vector<std::string>{".hidden", "a", "b"}));
    EXPECT_FALSE(host_.list("/etc/a"));
}

TEST_F(LinuxHostTest, free_space_is_that_of_the_nearest_folder_there_is) {
    const auto here = host_.space("/").value(), below = host_.space("/not/yet/there").value();
    EXPECT_GT(here.total, here.free);
    EXPECT_EQ(here.total, below.total);
}

TEST_F(LinuxHostTest, a_kernel_value_is_written_in_place_and_never_created) {
    folder_.put("proc/sys/net/ipv4/ip_forward", "0\n");
    ASSERT_TRUE(host_.write_kernel("/proc/sys/net/ipv4/ip_forward", "1\n"));
    EXPECT_EQ(folder_.content("proc/sys/net/ipv4/ip_forward"), "1\n");
    const auto missing = host_.write_kernel("/proc/sys/net/bridge/x", "1\n");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().text(),
              "the kernel does not take '1' for /proc/sys/net/bridge/x: No such file or directory");
    EXPECT_FALSE(host_.stat("/proc/sys/net/bridge").value());
}

TEST_F(LinuxHostTest, swapping_off_what_is_no_swap_is_an_error_that_names_it) {
    folder_.put("swapfile", "not swap");
    const auto off = host_.swap_off("/swapfile");
    ASSERT_FALSE(off);
    EXPECT_NE(off.error().text().find("cannot switch off swap on /swapfile"), std::string::npos);
}

TEST_F(LinuxHostTest, without_systemd_a_unit_is_unavailable_and_not_absent) {
    const auto state = host_.unit("kubelet.service");
    ASSERT_FALSE(state);
    EXPECT_EQ(state.error().kind, ErrorKind::unavailable);
}

// systemctl and journalctl as stubs on the search path: what is asked of them, and what becomes of their answers.
class LinuxHostUnitTest : public LinuxHostTest {
   protected:
    void stub(const std::string& name, const std::string& script) {
        folder_.put("bin/" + name,
                    "#!/bin/sh\necho " + name + " \"$@\" >> " + (folder_ / "calls").string() + "\n" + script);
        fs::permissions(folder_ / ("bin/" + name), fs::perms::owner_all);
    }
    LinuxHost units_{
        {.root = folder_.path(), .programs = {.search_path = (folder_ / "bin").string() + ":/usr/bin:/bin"}}};
};

TEST_F(LinuxHostUnitTest, verbs_go_to_systemctl_without_asking_for_passwords) {
    stub("systemctl", "exit 0\n");
    ASSERT_TRUE(units_.unit_verb(UnitVerb::enable, "kubelet.service"));
    ASSERT_TRUE(units_.unit_verb(UnitVerb::reset_failed, "kubelet.service"));
    ASSERT_TRUE(units_.daemon_reload());
    EXPECT_EQ(folder_.content("calls"),
              "systemctl --no-ask-password --no-pager enable -- kubelet.service\n"
              "systemctl --no-ask-password --no-pager reset-failed -- kubelet.service\n"
              "systemctl --no-ask-password --no-pager daemon-reload\n");
}

TEST_F(LinuxHostUnitTest, a_mask_is_lifted_whether_it_was_made_for_this_boot_or_for_good) {
    stub("systemctl", "exit 0\n");
    ASSERT_TRUE(units_.unit_verb(UnitVerb::unmask, "kubelet.service"));
    EXPECT_EQ(folder_.content("calls"),
              "systemctl --no-ask-password --no-pager unmask --runtime -- kubelet.service\n"
              "systemctl --no-ask-password --no-pager unmask -- kubelet.service\n");
}

TEST_F(LinuxHostUnitTest, a_failed_start_shows_the_end_of_the_journal) {
    stub("systemctl", "echo Job for containerd.service failed. >&2; exit 1\n");
    stub("journalctl", "echo containerd: invalid plugin config\n");
    const auto started = units_.unit_verb(UnitVerb::start, "containerd.service");
    ASSERT_FALSE(started);
    EXPECT_NE(started.error().text().find("Job for containerd.service failed."), std::string::npos);
    EXPECT_NE(started.error().text().find("containerd: invalid plugin config"), std::string::npos);
    EXPECT_EQ(started.error().hint, "`journalctl -u containerd.service` has the rest");
}

TEST_F(LinuxHostUnitTest, a_failed_enable_needs_no_journal) {
    stub("systemctl", "echo Unit file nothing.service does not exist. >&2; exit 1\n");
    stub("journalctl", "");
    ASSERT_FALSE(units_.unit_verb(UnitVerb::enable, "nothing.service"));
    EXPECT_EQ(folder_.content("calls").find("journalctl"), std::string::npos);
}

}  // namespace
}  // namespace nodeboot
