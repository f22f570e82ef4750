#include "engine/timeline.hpp"

#include <gmock/gmock.h>

#include <sstream>

#include "support/golden.hpp"

namespace nodeboot {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

PhaseReport phase(const char* name, Duration began, Duration planning, Duration applying, Duration verifying) {
    return {name, Outcome::changed, {}, began, planning, applying, verifying, {}};
}

/// A first boot of a worker, as it was measured once.
RunRecord first_boot() {
    RunRecord record;
    record.command = "node up";
    record.node = "ip-10-0-1-141";
    record.since_boot = 14200ms;
    record.boot = {{"cloud-init local", 4100ms, 5000ms},
                   {"cloud-init network", 7200ms, 8900ms},
                   {"cloud-init final", 12900ms, 14200ms}};
    record.finished = true;
    record.report.began = WallTime(std::chrono::sys_days{std::chrono::year{2026} / 11 / 23} + 4h + 20min);
    record.report.took = 46300ms;
    record.report.phases = {phase("preflight", 0ms, 2ms, 0ms, 1ms),
                            phase("dns", 0ms, 1ms, 310ms, 40ms),
                            phase("time-sync", 0ms, 1ms, 420ms, 900ms),
                            phase("sysctl", 20ms, 1ms, 30ms, 0ms),
                            phase("containerd-install", 60ms, 20ms, 8100ms, 100ms),
                            phase("containerd-config", 8300ms, 10ms, 400ms, 1200ms),
                            phase("kubernetes-packages", 8280ms, 20ms, 11300ms, 50ms),
                            phase("images", 9900ms, 50ms, 14900ms, 0ms),
                            phase("join-secret-fetch", 60ms, 0ms, 21400ms, 0ms),
                            phase("kubeadm-join", 24900ms, 2ms, 5200ms, 16000ms)};
    return record;
}

TEST(Timeline, text_of_a_first_boot) {
    EXPECT_TRUE(testing::matches_golden(timeline_text(first_boot()), "timeline/first_boot.txt"));
    EXPECT_TRUE(testing::matches_golden(timeline_text(first_boot(), {.width = 80, .unicode = false}),
                                        "timeline/first_boot_ascii.txt"));
}

TEST(Timeline, picture_of_a_first_boot) {
    EXPECT_TRUE(testing::matches_golden(timeline_svg(first_boot()), "timeline/first_boot.svg"));
}

TEST(Timeline, text_fits_the_columns) {
    for (const unsigned width : {60U, 80U, 132U}) {
        std::istringstream lines(timeline_text(first_boot(), {.width = width, .unicode = false}));
        for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), width) << line;
    }
}

TEST(Timeline, a_run_long_after_the_boot_begins_at_zero) {
    auto record = first_boot();
    record.since_boot = 5h;
    const auto timeline = make_timeline(record);
    EXPECT_FALSE(timeline.from_boot);
    EXPECT_EQ(timeline.length, record.report.took);
    EXPECT_THAT(timeline_text(record), Not(HasSubstr("kernel")));
}

TEST(Timeline, failed_and_unfinished_runs_say_so) {
    auto record = first_boot();
    record.report.phases.back().outcome = Outcome::failed;
    record.report.phases.back().error = Error{ErrorKind::timeout, "no", "", {}};
    EXPECT_THAT(timeline_text(record), HasSubstr("failed after 46.3s"));
    EXPECT_THAT(timeline_text(record), HasSubstr("21.2s failed"));
    record.finished = false;
    EXPECT_THAT(timeline_text(record), HasSubstr("not finished"));
}

TEST(Timeline, an_empty_run_draws_nothing_and_does_not_fail) {
    RunRecord record;
    EXPECT_THAT(timeline_text(record), HasSubstr("not finished"));
    EXPECT_THAT(timeline_svg(record), HasSubstr("</svg>"));
}

TEST(Timeline, axis_marks_are_round_and_never_too_many) {
    EXPECT_EQ(axis_step(60s, 10), 10s);
    EXPECT_EQ(axis_step(61s, 6), 20s - 10s);
    EXPECT_EQ(axis_step(350ms, 7), 50ms);
    EXPECT_EQ(axis_step(5min, 10), 30s);
    EXPECT_EQ(axis_step(0s, 10), 1ms);
}

TEST(Timeline, names_are_escaped_in_the_picture) {
    auto record = first_boot();
    record.node = "<script>&\"";
    EXPECT_THAT(timeline_svg(record), HasSubstr("&lt;script&gt;&amp;&quot;"));
}

}  // namespace
}  // namespace nodeboot
