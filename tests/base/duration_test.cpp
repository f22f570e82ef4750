#include "base/duration.hpp"

#include <gtest/gtest.h>

namespace nodeboot {
namespace {

using namespace std::chrono_literals;

struct Case {
    const char* text;
    Duration value;
    const char* canonical;
};

TEST(Duration, reads_what_people_write_and_writes_it_shortest) {
    const Case cases[] = {
        {"90s", 90s, "1m30s"},     {"1h30m", 90min, "1h30m"},
        {"250ms", 250ms, "250ms"}, {"2d", 48h, "2d"},
        {"36h", 36h, "1d12h"},     {"0s", 0s, "0s"},
        {"1m0s", 1min, "1m"},      {"1d1h1m1s1ms", 90061001ms, "1d1h1m1s1ms"},
    };
    for (const auto& c : cases) {
        const auto parsed = parse_duration(c.text);
        ASSERT_TRUE(parsed) << c.text;
        EXPECT_EQ(*parsed, c.value) << c.text;
        EXPECT_EQ(duration_text(*parsed), c.canonical);
        EXPECT_EQ(*parse_duration(c.canonical), c.value);
    }
}

TEST(Duration, refuses_what_could_be_misread) {
    for (const char* text : {"", "90", "s", "1.5h", "-5s", "1h 30m", "30m1h", "1h1h", "5 s", "1y", "5S", "ms", "1h30",
                             "99999999999999999999s", "5000d", "400000000000ms", "1s1m"})
        EXPECT_FALSE(parse_duration(text)) << text;
}

}  // namespace
}  // namespace nodeboot
