#include "cli/run_lock.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "support/golden.hpp"
#include "support/manual_clock.hpp"

namespace nodeboot::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

struct RunLockTest : ::testing::Test {
    std::string path =
        (std::filesystem::temp_directory_path() / ("nodeboot-lock-" + std::to_string(::getpid()))).string();
    ::nodeboot::testing::ManualClock clock;
    RunLock::Options options{.path = path, .command = "node up", .timeout = 15min, .stop = {}, .on_wait = {}};
    ~RunLockTest() override { std::filesystem::remove(path); }
};

TEST_F(RunLockTest, names_its_holder_while_it_is_held) {
    {
        const auto lock = RunLock::take(options, clock);
        ASSERT_TRUE(lock);
        EXPECT_THAT(nodeboot::testing::read_text(path),
                    MatchesRegex("nodeboot node up \\(pid [0-9]+, since 2026-11-23T00:00:00Z\\)\n"));
    }
    EXPECT_EQ(nodeboot::testing::read_text(path), "");
    EXPECT_TRUE(RunLock::take(options, clock));
}

TEST_F(RunLockTest, a_second_one_says_who_holds_it_and_gives_up_in_time) {
    const auto lock = RunLock::take(options, clock);
    std::string waited_for;
    auto second = options;
    second.on_wait = [&](const std::string& holder) { waited_for += holder; };
    const auto began = clock.steady();
    const auto refused = RunLock::take(second, clock);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::conflict);
    EXPECT_THAT(refused.error().message,
                MatchesRegex("nodeboot node up \\(pid [0-9]+, since .*Z\\) still runs after 15m"));
    EXPECT_THAT(waited_for, MatchesRegex("nodeboot node up \\(pid [0-9]+, since [^)]*\\)"));  // once
    EXPECT_LT(clock.steady() - began, 16min);
}

TEST_F(RunLockTest, waiting_ends_when_the_holder_does) {
    auto lock = std::make_optional(RunLock::take(options, clock));
    auto second = options;
    second.on_wait = [&](const std::string&) { lock.reset(); };
    EXPECT_TRUE(RunLock::take(second, clock));
}

TEST_F(RunLockTest, waiting_can_be_stopped) {
    const auto lock = RunLock::take(options, clock);
    std::stop_source stop;
    auto second = options;
    second.stop = stop.get_token();
    second.on_wait = [&](const std::string&) { stop.request_stop(); };
    const auto stopped = RunLock::take(second, clock);
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().kind, ErrorKind::cancelled);
}

// flock(2) asks for no more than an open file: whoever may read it could hold it.
TEST_F(RunLockTest, is_for_root_alone_also_where_an_older_one_left_it_open) {
    const auto mode = [&] { return std::filesystem::status(path).permissions(); };
    using std::filesystem::perms;
    EXPECT_TRUE(RunLock::take(options, clock));
    EXPECT_EQ(mode(), perms::owner_read | perms::owner_write);
    std::filesystem::permissions(path, perms(0644));
    EXPECT_TRUE(RunLock::take(options, clock));
    EXPECT_EQ(mode(), perms::owner_read | perms::owner_write);
}

TEST_F(RunLockTest, a_symlink_in_its_place_is_not_followed) {
    std::filesystem::create_symlink("/tmp/elsewhere", path);
    const auto lock = RunLock::take(options, clock);
    ASSERT_FALSE(lock);
    EXPECT_THAT(lock.error().message, HasSubstr("cannot open " + path));
}

}  // namespace
}  // namespace nodeboot::cli
