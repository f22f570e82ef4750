#include "cli/process.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/signals.hpp"
#include "support/fake_host.hpp"
#include "support/manual_clock.hpp"

namespace nodeboot::cli {
namespace {

/// What a person at a terminal of its own sees of a question, and how the process ends that asked it.
class Asking {
   public:
    Asking() {
        pid_ = ::forkpty(&terminal_, nullptr, nullptr, nullptr);
        if (pid_ == 0) ask();
    }
    ~Asking() {
        if (pid_ > 0) ::kill(pid_, SIGKILL), ::waitpid(pid_, nullptr, 0);
        ::close(terminal_);
    }
    Asking(const Asking&) = delete;
    Asking& operator=(const Asking&) = delete;

    bool sees(const std::string& text) {
        while (seen_.find(text) == std::string::npos) {
            pollfd wait{terminal_, POLLIN, 0};
            char buffer[256];
            if (::poll(&wait, 1, 10'000) <= 0) return false;
            const auto count = ::read(terminal_, buffer, sizeof buffer);
            if (count <= 0) return false;
            seen_.append(buffer, static_cast<std::size_t>(count));
        }
        return true;
    }
    void types(const std::string& keys) const {
        EXPECT_EQ(::write(terminal_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
    }
    /// Its exit code; -1 when it goes on for ten seconds.
    int ends() {
        int status = 0;
        for (int i = 0; i < 1000; ++i, ::usleep(10'000))
            if (::waitpid(pid_, &status, WNOHANG) == pid_) {
                pid_ = -1;
                return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            }
        return -1;
    }

   private:
    [[noreturn]] static void ask() {
        nodeboot::testing::ManualClock clock;
        nodeboot::testing::FakeHost host;
        auto surroundings = process_surroundings(clock, host, {}, {});
        const StopOnSignal signals(surroundings.stop, {});
        const auto answer = surroundings.ask("Go on? ");
        ::_exit(answer == "yes" ? 0 : answer ? 1 : exit_stopped);
    }

    pid_t pid_ = -1;
    int terminal_ = -1;
    std::string seen_;
};

TEST(Question, takes_a_line_for_its_answer) {
    Asking asking;
    ASSERT_TRUE(asking.sees("Go on? "));
    asking.types("yes\n");
    EXPECT_EQ(asking.ends(), 0);
}

TEST(Question, ends_with_ctrl_c) {
    Asking asking;
    ASSERT_TRUE(asking.sees("Go on? "));
    asking.types("ye\x03");
    EXPECT_EQ(asking.ends(), exit_stopped);
}

TEST(Question, ends_with_the_end_of_input) {
    Asking asking;
    ASSERT_TRUE(asking.sees("Go on? "));
    asking.types("\x04");
    EXPECT_EQ(asking.ends(), exit_stopped);
}

}  // namespace
}  // namespace nodeboot::cli
