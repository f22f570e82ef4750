#include "system/action.hpp"

#include <gtest/gtest.h>

#include "support/fake_host.hpp"
#include "support/manual_clock.hpp"
#include "system/sysctl_path.hpp"

namespace nodeboot {
namespace {

class ActionTest : public ::testing::Test {
   protected:
    Result<void> perform_on_host(const Action& action) {
        StepContext step{clock_, log_, {}, {}};
        ActionContext context{host_, step};
        return nodeboot::perform(action, context);
    }
    testing::FakeHost host_;
    testing::ManualClock clock_;
    Log log_{{}};
};

TEST_F(ActionTest, each_has_its_words_and_its_deed) {
    struct Case {
        Action action;
        const char *words, *deed;
    };
    host_.put("/from", "content");
    host_.put("/proc/swaps", "Filename\n/dev/vdb partition\n");
    host_.programs["modprobe -- overlay"] = [](const Command&) { return CommandOutput{}; };
    host_.programs["apt-mark hold kubelet"] = [](const Command&) { return CommandOutput{}; };
    const Case cases[] = {
        {WriteFile{"/a", "x", {0600, 0, 0}}, "write /a (0600)", "write /a"},
        {WriteFile{"/a", "x", {0600, 5, 6}}, "write /a (0600 5:6)", "write /a"},
        {CopyFile{"/from", "/to", {0755, 0, 0}}, "copy /from to /to (0755)", "copy /to"},
        {MakeDirectory{"/d"}, "make folder /d (0755)", "mkdir /d"},
        {MakeSymlink{"/l", "/t"}, "link /l to /t", "symlink /l"},
        {SetAttributes{"/a", {0644, 0, 0}}, "chmod /a to 0644", "chmod /a"},
        {RemovePath{"/a"}, "remove /a", "remove /a"},
        {SetSysctl{"net.ipv4.ip_forward", "1"}, "set sysctl net.ipv4.ip_forward=1",
         "kernel /proc/sys/net/ipv4/ip_forward"},
        {LoadModule{"overlay"}, "load module overlay", "run modprobe -- overlay"},
        {SwapOff{"/dev/vdb"}, "swapoff /dev/vdb", "swapoff /dev/vdb"},
        {Unit{UnitVerb::restart, "a.service"}, "restart a.service", "restart a.service"},
        {DaemonReload{}, "systemd daemon-reload", "daemon-reload"},
        {RunCommand{{"apt-mark", "hold", "kubelet"}}, "run apt-mark hold kubelet", "run apt-mark hold kubelet"},
    };
    for (const auto& [action, words, deed] : cases) {
        EXPECT_EQ(describe(action), words);
        host_.log.clear();
        const auto done = perform_on_host(action);
        ASSERT_TRUE(done) << words << ": " << done.error().text();
        EXPECT_EQ(host_.log, std::vector<std::string>{deed});
    }
}

TEST_F(ActionTest, a_command_that_fails_is_quoted_with_what_it_said) {
    host_.programs["modprobe"] = [](const Command&) {
        return CommandOutput{1, "", "modprobe: FATAL: Module zfs not found.\n"};
    };
    const auto done = perform_on_host(LoadModule{"zfs"});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().text(), "'modprobe -- zfs' exited with 1: modprobe: FATAL: Module zfs not found.");
}

TEST_F(ActionTest, a_silent_failure_says_that_it_was_silent) {
    host_.programs["false"] = [](const Command&) { return CommandOutput{1, " \n", ""}; };
    EXPECT_EQ(perform_on_host(RunCommand{{"false"}}).error().text(), "'false' exited with 1: it printed nothing");
}

TEST_F(ActionTest, a_failing_programs_secret_output_is_not_quoted) {
    host_.programs["aws-vault"] = [](const Command&) { return CommandOutput{1, "the-secret-key", "no such profile"}; };
    host_.programs["op"] = [](const Command&) { return CommandOutput{1, "the-secret-key", ""}; };
    EXPECT_EQ(run_checked(host_, {.argv = {"aws-vault"}}).error().text(),
              "'aws-vault' exited with 1: no such profile; before that: the-secret-key");
    EXPECT_EQ(run_checked(host_, {.argv = {"aws-vault"}, .output_is_secret = true}).error().text(),
              "'aws-vault' exited with 1: no such profile");
    EXPECT_EQ(run_checked(host_, {.argv = {"op"}, .output_is_secret = true}).error().text(),
              "'op' exited with 1: it printed nothing on standard error");
}

TEST_F(ActionTest, a_procedure_is_its_name_and_arguments) {
    int ran = 0;
    const auto count = [&](ActionContext&) -> Result<void> { return ++ran, Result<void>(); };
    const Action one = Procedure{"pull images", {"v1.35.2"}, count}, same = Procedure{"pull images", {"v1.35.2"}, {}},
                 other = Procedure{"pull images", {"v1.36.0"}, count};
    EXPECT_EQ(describe(one), "pull images v1.35.2");
    EXPECT_EQ(one, same);
    EXPECT_NE(one, other);
    ASSERT_TRUE(perform_on_host(one));
    EXPECT_EQ(ran, 1);
}

// What a phase plans is what the engine runs, and says.
TEST_F(ActionTest, a_phase_becomes_runnable) {
    class Touch final : public NodePhase {
       public:
        const PhaseInfo& info() const override { return info_; }
        Result<std::vector<NodeChange>> plan(const HostView& view) const override {
            std::vector<NodeChange> changes;
            if (!NB_TRY(view.stat("/a"))) changes.push_back({"/a", "absent", "present", WriteFile{"/a", "x"}});
            return changes;
        }
        Result<void> verify(const HostView&, StepContext&) const override {
            return fail(ErrorKind::timeout, "never ready");
        }

       private:
        PhaseInfo info_{"touch", "makes a file", {}};
    };
    const auto runnable = make_runnable(std::make_shared<Touch>(), host_);
    EXPECT_EQ(runnable.info.name, "touch");
    const auto changes = runnable.plan().value();
    ASSERT_EQ(changes.size(), 1u);
    EXPECT_EQ(changes[0].action, "write /a (0644)");
    StepContext step{clock_, log_, {}, {}};
    ASSERT_TRUE(changes[0].apply(step));
    EXPECT_TRUE(runnable.plan().value().empty());
    EXPECT_EQ(runnable.verify(step).error().text(), "never ready");
}

TEST(ToText, quotes_where_a_shell_would_need_it) {
    EXPECT_EQ(to_text({"kubeadm", "init", "--config=/etc/a.yaml"}), "kubeadm init --config=/etc/a.yaml");
    EXPECT_EQ(to_text({"sh", "-c", "a b", ""}), "sh -c 'a b' ''");
}

TEST(SysctlPath, dots_and_slashes) {
    EXPECT_EQ(sysctl_path("net.ipv4.ip_forward"), "/proc/sys/net/ipv4/ip_forward");
    EXPECT_EQ(sysctl_path("net/ipv4/conf/eth0.100/forwarding"), "/proc/sys/net/ipv4/conf/eth0.100/forwarding");
    EXPECT_EQ(sysctl_path("net.ipv4.conf.eth0/100.forwarding"), "/proc/sys/net/ipv4/conf/eth0.100/forwarding");
    EXPECT_EQ(sysctl_path("single"), "/proc/sys/single");
}

}  // namespace
}  // namespace nodeboot
