#include "system/subprocess.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <fstream>
#include <thread>

#include "support/temporary_folder.hpp"

namespace nodeboot {
namespace {

using namespace std::chrono_literals;

Command shell(const std::string& script) { return {.argv = {"sh", "-c", script}}; }

bool lives(pid_t pid) {
    // A killed child of a killed child is a zombie until init has noticed; that counts as dead.
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string text;
    std::getline(stat, text);
    return !text.empty() && text.find(") Z ") == std::string::npos;
}

bool dies_soon(pid_t pid) {
    for (int i = 0; i < 3000 && lives(pid); ++i) std::this_thread::sleep_for(20ms);
    return !lives(pid);
}

TEST(Subprocess, gives_back_both_streams_and_the_exit_code) {
    const auto out = run_process(shell("echo to out; echo to err >&2; exit 3")).value();
    EXPECT_EQ(out.exit_code, 3);
    EXPECT_EQ(out.out, "to out\n");
    EXPECT_EQ(out.err, "to err\n");
}

TEST(Subprocess, death_by_a_signal_is_128_and_its_number) {
    EXPECT_EQ(run_process(shell("kill -9 $$")).value().exit_code, 137);
}

TEST(Subprocess, arguments_are_never_seen_by_a_shell) {
    EXPECT_EQ(run_process({.argv = {"printf", "%s|", "a b", "$HOME", "*", ""}}).value().out, "a b|$HOME|*||");
}

TEST(Subprocess, a_program_that_is_not_there_is_named) {
    const auto missing = run_process({.argv = {"kubeadm-that-is-not-there", "init"}});
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().kind, ErrorKind::not_found);
    EXPECT_EQ(missing.error().text(), "cannot start 'kubeadm-that-is-not-there': not found in PATH");
    EXPECT_EQ(run_process({.argv = {"/no/such/program"}}).error().text(),
              "cannot start '/no/such/program': no such file");
    EXPECT_EQ(run_process({.argv = {"/etc/passwd"}}).error().kind, ErrorKind::permission);
}

TEST(Subprocess, a_file_that_cannot_be_executed_is_an_error_and_not_an_exit_code) {
    const testing::TemporaryFolder folder;
    folder.put("broken", "#!/no/such/interpreter\n");
    std::filesystem::permissions(folder / "broken", std::filesystem::perms::owner_all);
    const auto started = run_process({.argv = {folder / "broken"}});
    ASSERT_FALSE(started);
    EXPECT_NE(started.error().text().find("cannot start"), std::string::npos) << started.error().text();
    EXPECT_NE(started.error().text().find("No such file"), std::string::npos) << started.error().text();
}

TEST(Subprocess, the_environment_is_minimal_and_added_to) {
    ::setenv("NODEBOOT_TEST_LEAK", "1", 1);
    Command command{.argv = {"/usr/bin/env"}};
    command.environment = {"KUBECONFIG=/etc/kubernetes/admin.conf", "HOME=/home/x"};
    EXPECT_EQ(run_process(command, {.search_path = "/usr/bin:/bin"}).value().out,
              "PATH=/usr/bin:/bin\nLANG=C.UTF-8\nKUBECONFIG=/etc/kubernetes/admin.conf\nHOME=/home/x\n");
}

TEST(Subprocess, a_path_in_the_environment_decides_where_programs_are_found) {
    const testing::TemporaryFolder folder;
    folder.put("kubelet", "#!/bin/sh\necho stub\n");
    std::filesystem::permissions(folder / "kubelet", std::filesystem::perms::owner_all);
    EXPECT_EQ(run_process({.argv = {"kubelet"}, .environment = {"PATH=" + folder.path().string()}}).value().out,
              "stub\n");
}

TEST(Subprocess, a_secret_reaches_standard_input) {
    EXPECT_EQ(run_process({.argv = {"cat"}, .input = Secret("abcdef.0123456789abcdef")}).value().out,
              "abcdef.0123456789abcdef");
}

TEST(Subprocess, without_input_standard_input_is_empty) { EXPECT_EQ(run_process({.argv = {"cat"}}).value().out, ""); }

TEST(Subprocess, large_input_and_output_flow_at_once) {
    const std::string big(3'000'000, 'x');
    EXPECT_EQ(run_process({.argv = {"cat"}, .input = Secret(big)}).value().out.size(), big.size());
}

TEST(Subprocess, a_program_that_ignores_its_input_does_not_end_us) {
    const auto out =
        run_process({.argv = {"sh", "-c", "exec <&-; echo done"}, .input = Secret(std::string(1'000'000, 'x'))});
    ASSERT_TRUE(out) << out.error().text();
    EXPECT_EQ(out->out, "done\n");
}

TEST(Subprocess, of_too_much_output_the_end_is_kept) {
    const auto out =
        run_process(shell("yes 0123456 | head -c 1000000; echo; echo the reason"), {.output_limit = 4096}).value();
    EXPECT_EQ(out.out.size(), 4096u);
    EXPECT_TRUE(out.out.ends_with("the reason\n"));
}

TEST(Subprocess, nothing_of_ours_leaks_into_the_child) {
    const int leak = ::open("/etc/passwd", O_RDONLY);  // without O_CLOEXEC, as a library might
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
    const auto before = ::signal(SIGPIPE, SIG_IGN);
    const auto out = run_process(shell("ls /proc/self/fd | wc -l; grep -E 'SigBlk|SigIgn' /proc/self/status")).value();
    ::signal(SIGPIPE, before);
    pthread_sigmask(SIG_UNBLOCK, &blocked, nullptr);
    ::close(leak);
    EXPECT_EQ(out.out, "4\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");  // 0, 1, 2 and ls's own
}

TEST(Subprocess, a_deadline_ends_the_whole_process_group) {
    const auto began = std::chrono::steady_clock::now();
    Command command = shell("echo waiting for the API server >&2; sleep 600 & echo $!; wait");
    command.timeout = 3s;  // by when it has said so, on a busy machine, too
    const auto out = run_process(command);
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().kind, ErrorKind::timeout);
    EXPECT_NE(out.error().text().find("did not end within 3.0s; it last said: waiting for the API server"),
              std::string::npos)
        << out.error().text();
    EXPECT_LT(std::chrono::steady_clock::now() - began, 2min);
}

TEST(Subprocess, output_that_is_a_secret_is_quoted_by_no_error) {
    Command command = shell("echo the-secret-key; exec sleep 100");
    command.timeout = 300ms;
    EXPECT_NE(run_process(command).error().text().find("it last said: the-secret-key"), std::string::npos);
    command.output_is_secret = true;
    const auto late = run_process(command);
    ASSERT_FALSE(late);
    EXPECT_NE(late.error().text().find("did not end within 300ms"), std::string::npos);
    EXPECT_EQ(late.error().text().find("it last said"), std::string::npos) << late.error().text();
    command.argv.back() = "echo no such profile >&2; exec sleep 100";
    EXPECT_NE(run_process(command).error().text().find("it last said: no such profile"), std::string::npos);
}

TEST(Subprocess, who_does_not_care_for_sigterm_is_killed) {
    const testing::TemporaryFolder folder;
    Command command = shell("trap '' TERM; echo $$ > " + (folder / "pid").string() + "; while :; do sleep 1; done");
    command.timeout = 3s;  // by when it has its trap
    const auto began = std::chrono::steady_clock::now();
    ASSERT_FALSE(run_process(command, {.kill_after = 200ms}));
    EXPECT_LT(std::chrono::steady_clock::now() - began, 2min);
    EXPECT_TRUE(dies_soon(std::stoi(folder.content("pid"))));
}

TEST(Subprocess, a_stop_ends_the_program_and_its_children) {
    const testing::TemporaryFolder folder;
    std::stop_source stop;
    const std::jthread later([&] {
        while (folder.content("pid").empty()) std::this_thread::sleep_for(10ms);
        stop.request_stop();
    });
    const auto out =
        run_process(shell("sleep 600 & echo $! > " + (folder / "pid").string() + "; wait"), {.stop = stop.get_token()});
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().kind, ErrorKind::cancelled);
    EXPECT_TRUE(dies_soon(std::stoi(folder.content("pid"))));
}

TEST(Subprocess, after_a_stop_nothing_is_started) {
    std::stop_source stop;
    stop.request_stop();
    EXPECT_EQ(run_process({.argv = {"true"}}, {.stop = stop.get_token()}).error().kind, ErrorKind::cancelled);
}

TEST(Subprocess, a_daemon_left_behind_does_not_hold_us_up) {
    const auto began = std::chrono::steady_clock::now();
    const auto out = run_process(shell("echo started; sleep 600 & echo $! >&2")).value();
    EXPECT_LT(std::chrono::steady_clock::now() - began, 2min);
    EXPECT_EQ(out.out, "started\n");
    ::kill(std::stoi(out.err), SIGKILL);
}

TEST(Subprocess, many_threads_run_programs_side_by_side) {
    std::vector<std::jthread> threads;
    std::atomic<int> right{0};
    for (int i = 0; i < 8; ++i)
        threads.emplace_back([&right, i] {
            for (int n = 0; n < 10; ++n) {
                const auto out = run_process({.argv = {"cat"}, .input = Secret("thread " + std::to_string(i))});
                if (out && out->out == "thread " + std::to_string(i)) ++right;
            }
        });
    threads.clear();
    EXPECT_EQ(right, 80);
}

TEST(Subprocess, does_not_outlive_a_nodeboot_that_is_killed) {
    const ::nodeboot::testing::TemporaryFolder folder;
    const std::string pid_file = folder / "pid";
    const pid_t nodeboot = ::fork();
    if (nodeboot == 0) {
        (void)run_process(shell("echo $$ > " + pid_file + ".new; mv " + pid_file + ".new " + pid_file + "; sleep 600"));
        ::_exit(0);
    }
    pid_t program = 0;
    for (int i = 0; i < 3000 && program == 0; ++i) {
        std::this_thread::sleep_for(20ms);
        std::ifstream(pid_file) >> program;
    }
    ASSERT_GT(program, 0);
    EXPECT_TRUE(lives(program));
    ::kill(nodeboot, SIGKILL);
    ::waitpid(nodeboot, nullptr, 0);
    EXPECT_TRUE(dies_soon(program));
}

}  // namespace
}  // namespace nodeboot
