#include "cli/signals.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>

#include "cli/exit_code.hpp"

namespace nodeboot::cli {
namespace {

bool soon(const std::function<bool()>& happened) {
    for (int i = 0; i < 500 && !happened(); ++i) ::usleep(10'000);
    return happened();
}

TEST(StopOnSignal, the_first_signal_asks_to_stop) {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        std::stop_source source;
        std::atomic<int> told = 0;
        const StopOnSignal watching(source, [&] { ++told; });
        ::kill(::getpid(), signal);
        EXPECT_TRUE(soon([&] { return source.stop_requested() && told == 1; }));
    }
}

TEST(StopOnSignal, the_second_ends_the_process) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(
        {
            std::stop_source source;
            const StopOnSignal watching(source, {});
            ::kill(::getpid(), SIGINT);
            soon([&] { return source.stop_requested(); });
            ::kill(::getpid(), SIGINT);
            ::sleep(10);
        },
        ::testing::ExitedWithCode(exit_stopped), "");
}

// The shell passes a hang-up on, and the kernel sends one when the session's leader ends.
TEST(StopOnSignal, a_terminal_that_goes_away_twice_asks_once) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(
        {
            std::stop_source source;
            const StopOnSignal watching(source, {});
            for (int i = 0; i < 3; ++i) {
                ::kill(::getpid(), SIGHUP);
                ::usleep(50'000);
            }
            ::_exit(source.stop_requested() ? 7 : 8);
        },
        ::testing::ExitedWithCode(7), "");
}

TEST(StopOnSignal, under_nohup_a_hang_up_is_none) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(
        {
            ::signal(SIGHUP, SIG_IGN);
            std::stop_source source;
            const StopOnSignal watching(source, {});
            ::kill(::getpid(), SIGHUP);
            ::usleep(100'000);
            ::_exit(source.stop_requested() ? 8 : 7);
        },
        ::testing::ExitedWithCode(7), "");
}

TEST(StopOnSignal, afterwards_signals_do_what_they_always_did) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(
        {
            { const StopOnSignal watching(std::stop_source(), {}); }
            ::kill(::getpid(), SIGTERM);
            ::sleep(10);
        },
        ::testing::KilledBySignal(SIGTERM), "");
}

}  // namespace
}  // namespace nodeboot::cli
