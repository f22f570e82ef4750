#include "base/clock.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "support/manual_clock.hpp"

namespace nodeboot {
namespace {

using namespace std::chrono_literals;

TEST(Rfc3339, round_trip) {
    const WallTime time(std::chrono::sys_days{std::chrono::year{2026} / 11 / 23} + 5h + 6min + 7s);
    EXPECT_EQ(format_rfc3339(time), "2026-11-23T05:06:07Z");
    EXPECT_EQ(parse_rfc3339("2026-11-23T05:06:07Z").value(), time);
    EXPECT_EQ(parse_rfc3339("2026-11-23T05:06:07.987654Z").value(), time);
    EXPECT_EQ(parse_rfc3339("2026-11-23T05:06:07+00:00").value(), time);
    EXPECT_EQ(parse_rfc3339("2026-11-23T05:06:07-00:00").value(), time);
    EXPECT_EQ(parse_rfc3339("2026-11-23T10:36:07.5+05:30").value(), time);
    EXPECT_EQ(parse_rfc3339("2026-11-22T21:06:07-08:00").value(), time);
    EXPECT_EQ(format_rfc3339(WallTime{}), "1970-01-01T00:00:00Z");
    EXPECT_EQ(parse_rfc3339("2024-02-29T00:00:00Z").value(),
              WallTime(std::chrono::sys_days{std::chrono::year{2024} / 2 / 29}));
}

TEST(Rfc3339, anything_else_is_corrupted) {
    for (const auto* text :
         {"", "now", "2026-11-23", "2026-11-23T05:06:07", "2026-11-23 05:06:07Z", "2026-11-23T05:06:07+0100",
          "2026-11-23T05:06:07+01:60", "2026-11-23T05:06:07+24:00", "2026-11-23T05:06:07+1:000",
          "2026-11-23T05:06:07+01:00Z", "2026-11-23T05:06:07 01:00", "2026-13-01T00:00:00Z", "2026-11-23T25:00:00Z",
          "2026-11-23T05:06:07Z ", "2026-02-30T00:00:00Z"}) {
        const auto time = parse_rfc3339(text);
        ASSERT_FALSE(time) << text;
        EXPECT_EQ(time.error().kind, ErrorKind::corrupted);
    }
}

TEST(FormatDuration, for_people) {
    const std::pair<Duration, const char*> cases[] = {
        {0ms, "0ms"},    {850ms, "850ms"}, {999ms, "999ms"},    {4200ms, "4.2s"},         {59s, "59.0s"}, {60s, "1m"},
        {190s, "3m10s"}, {1h, "1h"},       {1h + 5min, "1h5m"}, {1h + 5min + 9s, "1h5m"}, {25h, "25h"}};
    for (const auto& [duration, text] : cases) EXPECT_EQ(format_duration(duration), text);
}

TEST(Deadline, remaining_is_never_negative) {
    testing::ManualClock clock;
    const auto deadline = Deadline::after(clock, 10s);
    EXPECT_EQ(deadline.remaining(clock), 10s);
    clock.advance(9s);
    EXPECT_FALSE(deadline.passed(clock));
    clock.advance(2s);
    EXPECT_TRUE(deadline.passed(clock));
    EXPECT_EQ(deadline.remaining(clock), 0s);
}

TEST(Deadline, none_never_passes_and_the_sooner_one_wins) {
    testing::ManualClock clock;
    const Deadline none;
    const auto soon = Deadline::after(clock, 1s), late = Deadline::after(clock, 2s);
    clock.advance(100h);
    EXPECT_FALSE(none.passed(clock));
    EXPECT_EQ(none.remaining(clock), Duration::max());
    EXPECT_EQ(late.sooner_of(soon).at, soon.at);
    EXPECT_EQ(soon.sooner_of(none).at, soon.at);
}

TEST(SystemClock, a_sleep_takes_as_long_as_it_says) {
    SystemClock clock;
    const auto began = clock.steady();
    EXPECT_TRUE(clock.sleep(20ms));
    EXPECT_GE(clock.steady() - began, 20ms);
}

TEST(SystemClock, a_stop_wakes_a_sleeper) {
    SystemClock clock;
    std::stop_source stop;
    const std::jthread later([&] {
        std::this_thread::sleep_for(20ms);
        stop.request_stop();
    });
    const auto began = clock.steady();
    const auto slept = clock.sleep(10min, stop.get_token());
    EXPECT_EQ(slept.error().kind, ErrorKind::cancelled);
    EXPECT_LT(clock.steady() - began, 2min);
}

TEST(Rfc3339, times_beyond_what_a_clock_holds_are_long_ago_or_far_away) {
    EXPECT_LE(parse_rfc3339("0001-01-01T00:00:00Z").value(), parse_rfc3339("1971-01-01T00:00:00Z").value());
    EXPECT_GT(parse_rfc3339("9999-12-31T23:59:59Z").value(), parse_rfc3339("2199-01-01T00:00:00Z").value());
}

}  // namespace
}  // namespace nodeboot
