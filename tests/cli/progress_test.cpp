#include "cli/progress.hpp"

#include <fmt/core.h>
#include <gmock/gmock.h>

#include "cli/console_records.hpp"
#include "cli/live_display.hpp"
#include "support/manual_clock.hpp"

namespace nodeboot::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

const PhaseInfo containerd{"containerd-install", "", {}};
const ChangeReport change{"package containerd", "absent", "2.1.5", "install", 4200ms, true};

PhaseReport ended(Outcome outcome) {
    PhaseReport report{"containerd-install", outcome, {change}, 0s, 1ms, 4200ms, 0ms, {}};
    if (outcome == Outcome::failed) report.error = Error{ErrorKind::timeout, "no answer\nfor 60s", "try again", {}};
    return report;
}

TEST(PlainProgress, says_each_change_once_and_slow_ones_again_when_done) {
    std::string out;
    auto progress = make_plain_progress([&](std::string_view text) { out += text; }, Terminal{});
    progress->phase_began(containerd);
    progress->change_began(containerd, change);
    progress->phase_progress(containerd, "downloading 3 of 7");
    progress->change_ended(containerd, change);
    progress->phase_ended(containerd, ended(Outcome::changed));
    progress->phase_ended({"swap", "", {}}, {"swap", Outcome::unchanged, {}, {}, {}, {}, {}, {}});
    EXPECT_EQ(out,
              "containerd-install: package containerd: absent -> 2.1.5\n"
              "containerd-install: downloading 3 of 7\n"
              "containerd-install: package containerd: done in 4.2s\n"
              "containerd-install: changed, 1 change in 4.2s\n");
}

TEST(PlainProgress, breaks_lines_where_a_width_is_asked_for_and_nowhere_else) {
    const std::string long_line =
        "security-rules-worker: security group worker inbound: absent -> tcp 10250 from worker";
    EXPECT_EQ(log_line(LogLevel::info, long_line, {.width = 60}), long_line + "\n");
    EXPECT_EQ(log_line(LogLevel::info, long_line, {.journal = true, .width = 60, .asked_width = true}),
              "<6>" + long_line + "\n");
    EXPECT_EQ(log_line(LogLevel::info, long_line, {.width = 60, .asked_width = true}),
              "security-rules-worker: security group worker inbound:\n  absent -> tcp 10250 from worker\n");
}

TEST(PlainProgress, gives_the_journal_a_priority_on_every_line) {
    std::string out;
    auto progress = make_plain_progress([&](std::string_view text) { out += text; }, Terminal{.journal = true});
    progress->change_began(containerd, change);
    progress->phase_ended(containerd, ended(Outcome::failed));
    progress->log(LogLevel::warning, "odd");
    progress->log(LogLevel::debug, "detail");
    EXPECT_EQ(out,
              "<6>containerd-install: package containerd: absent -> 2.1.5\n"
              "<3>error: containerd-install: failed after 4.2s: no answer\n"
              "<3>  for 60s\n"
              "<4>warning: odd\n"
              "<7>debug: detail\n");
}

TEST(LiveDisplay, fits_any_width) {
    LiveState state;
    state.running = {{"containerd-install",
                      "package containerd: absent → 2.1.5, with more words than any line can hold", SteadyTime(0s)},
                     {"join-secret-publish", "", SteadyTime(0s)}};
    state.phases = 20;
    for (const unsigned width : {40U, 80U, 200U})
        for (const auto& line :
             live_lines(state, SteadyTime(75s), {.interactive = true, .unicode = true, .width = width}))
            EXPECT_LT(text_width(line), width) << line;
}

TEST(LiveDisplay, fits_any_height) {
    LiveState state;
    for (int i = 0; i < 50; ++i) state.running.push_back({fmt::format("wait-for-worker-{}", i), "", SteadyTime(0s)});
    state.phases = 90;
    const auto lines = [&](unsigned height) {
        return live_lines(state, SteadyTime(75s), {.interactive = true, .width = 80, .height = height});
    };
    for (const unsigned height : {4U, 24U, 50U}) EXPECT_LT(lines(height).size(), height);
    EXPECT_THAT(lines(24).at(21), StartsWith("  wait-for-worker-21 "));
    EXPECT_THAT(lines(24).at(22), StartsWith("  0 of 90 phases       and 28 more at work  "));
    EXPECT_EQ(lines(200).size(), 51U);
    EXPECT_THAT(lines(200).back(), Not(HasSubstr("more")));
}

TEST(LiveDisplay, shows_what_runs_and_for_how_long) {
    LiveState state;
    state.running = {{"containerd-install", "package containerd: absent → 2.1.5", SteadyTime(63s)},
                     {"dns", "", SteadyTime(75s)}};
    state.ended = 3;
    state.phases = 20;
    EXPECT_THAT(live_lines(state, SteadyTime(75s), {.interactive = true, .unicode = true, .width = 80}),
                ElementsAre("  containerd-install   package containerd: absent → 2.1.5                 12.0s",
                            "  dns                                                                          ",
                            "  3 of 20 phases                                                          1m15s"));
}

TEST(LiveDisplay, long_errors_are_wrapped_beside_the_name) {
    auto report = ended(Outcome::failed);
    report.error->message =
        "cannot fetch https://pkgs.k8s.io/core:/stable:/v1.35/deb/Release.key: no address for the name";
    const auto lines = phase_lines(containerd, report, {.interactive = true, .unicode = true, .width = 80});
    EXPECT_THAT(lines, ElementsAre("✗ containerd-install   failed after 4.2s: cannot fetch",
                                   "                       https://pkgs.k8s.io/core:/stable:/v1.35/deb/Release.key:",
                                   "                       no address for the name"));
}

TEST(LiveDisplay, a_name_that_is_longer_than_its_column_has_a_line_for_itself) {
    auto phase = containerd;
    phase.name = "security-rules-control-plane";
    EXPECT_THAT(phase_lines(phase, ended(Outcome::changed), {.interactive = true, .unicode = true, .width = 80}),
                ElementsAre("✓ security-rules-control-plane", "                       done in 4.2s"));
}

TEST(LiveDisplay, colors_only_where_there_are_colors) {
    EXPECT_THAT(phase_lines(containerd, ended(Outcome::changed), {.unicode = true}),
                ElementsAre("✓ containerd-install   done in 4.2s"));
    EXPECT_THAT(phase_lines(containerd, ended(Outcome::changed), {.color = true}),
                ElementsAre(HasSubstr("\x1b[32m+\x1b[0m")));
    EXPECT_THAT(phase_lines(containerd, ended(Outcome::unchanged), {}), IsEmpty());
}

TEST(LiveProgress, replaces_its_own_lines_only) {
    ::nodeboot::testing::ManualClock clock;
    std::string out;
    auto progress =
        make_live_progress([&](std::string_view text) { out += text; }, {.interactive = true, .width = 80}, clock, 2);
    progress->phase_began(containerd);
    progress->log(LogLevel::warning, "odd");
    EXPECT_THAT(out, EndsWith("warning: odd\n"
                              "  containerd-install                                                           \n"
                              "  0 of 2 phases                                                                \n"));
    progress->phase_ended(containerd, ended(Outcome::changed));
    EXPECT_THAT(out, HasSubstr("\x1b[2A\r\x1b[J+ containerd-install   done in 4.2s\n  1 of 2 phases"));
    progress->finish();
    EXPECT_THAT(out, EndsWith("\x1b[1A\r\x1b[J"));
    progress->log(LogLevel::info, "after");
    EXPECT_THAT(out, EndsWith("after\n"));
}

TEST(ConsoleRecords, are_one_line_each_whatever_an_error_says) {
    ::nodeboot::testing::ManualClock clock;
    std::vector<std::string> lines;
    ConsoleRecords records([&](std::string_view line) { lines.emplace_back(line); }, clock);
    auto report = ended(Outcome::failed);
    report.error =
        Error{ErrorKind::invalid_input, "a \"quoted\" \\ thing\nsecond\tline\x1b[2J", std::string(500, 'x'), {}};
    records.phase_ended(containerd, report);
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_THAT(lines[0],
                StartsWith("\r\nnodeboot: 2026-11-23T00:00:00Z phase=containerd-install failed kind=invalid-input "
                           "message=\"a \\\"quoted\\\" \\\\ thing second line [2J\" hint=\"xxx"));
    EXPECT_THAT(lines[0], HasSubstr("xxx...\" took=4.2s\r\n"));
    EXPECT_EQ(lines[0].find('\n', 2), lines[0].size() - 1);  // after the one that ends what stood there
    EXPECT_LT(lines[0].size(), 800U);
}

TEST(ConsoleRecords, cut_between_characters) {
    EXPECT_EQ(record_text(std::string(299, 'a') + "→→"), "\"" + std::string(299, 'a') + "→...\"");
}

TEST(Terminal, widths_count_characters_and_not_bytes) {
    EXPECT_EQ(text_width("0 → 1"), 5U);
    EXPECT_EQ(shortened("0 → 1", 5, true), "0 → 1");
    EXPECT_EQ(shortened("0 → 12", 5, true), "0 → …");
    EXPECT_EQ(shortened("abcdef", 5, false), "ab...");
    EXPECT_EQ(padded("→", 3), "→  ");
    EXPECT_THAT(wrapped("one two  three\nfour", 8), ElementsAre("one two", "three", "four"));
    EXPECT_EQ(printable("a\x1b[31mb\tc\nd"), "a [31mb c\nd");
}

}  // namespace
}  // namespace nodeboot::cli
