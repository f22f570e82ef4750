#include "cli/live_display.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <span>

#include "cli/report_text.hpp"

namespace nodeboot::cli {
namespace {

constexpr std::string_view dim = "\x1b[2m", red = "\x1b[31m", green = "\x1b[32m", yellow = "\x1b[33m",
                           plain = "\x1b[0m";

std::string painted(std::string_view color, std::string_view text, const Terminal& terminal) {
    return terminal.color ? fmt::format("{}{}{}", color, text, plain) : std::string(text);
}

/// "name      text", the text wrapped in its column; a name that is longer than its own has a line for itself.
std::vector<std::string> in_columns(std::string_view mark, std::string_view name, std::string_view text,
                                    const Terminal& terminal, std::string_view color) {
    std::vector<std::string> lines;
    if (text_width(name) >= name_column) lines.push_back(fmt::format("{} {}", painted(color, mark, terminal), name));
    // One column stays free: a full line would make some terminals go to the next.
    for (const auto& part : wrapped(printable(text), terminal.width - name_column - 3)) {
        const bool first = lines.empty();
        const std::string left = first ? padded(name, name_column) : std::string(name_column, ' ');
        lines.push_back(fmt::format("{} {}{}", first ? painted(color, mark, terminal) : " ", left,
                                    shortened(part, terminal.width - name_column - 3, terminal.unicode)));
    }
    return lines;
}

std::string live_line(std::string_view name, std::string_view doing, Duration took, const Terminal& terminal) {
    const std::string time = format_duration(std::chrono::floor<std::chrono::seconds>(took));
    const std::size_t room = terminal.width - name_column - 11;
    const std::string text = padded(shortened(printable(doing), room, terminal.unicode), room);
    return painted(
        dim, fmt::format("  {}{}{:>8}", padded(name, name_column), text, took < std::chrono::seconds(1) ? "" : time),
        terminal);
}

}  // namespace

std::vector<std::string> live_lines(const LiveState& state, SteadyTime now, const Terminal& terminal) {
    std::vector<std::string> lines;
    // The last line, and the one below it where the cursor stands.
    const std::size_t room = terminal.height - std::min(terminal.height, 2U);
    const std::size_t shown = std::min<std::size_t>(state.running.size(), room);
    for (const auto& phase : std::span(state.running).first(shown))
        lines.push_back(live_line(shortened(phase.name, name_column - 1, terminal.unicode), phase.doing,
                                  now - phase.began, terminal));
    const auto left_out = state.running.size() - shown;
    lines.push_back(live_line(fmt::format("{} of {} phases", state.ended, state.phases),
                              left_out == 0 ? "" : fmt::format("and {} more at work", left_out), now - state.began,
                              terminal));
    return lines;
}

std::vector<std::string> change_lines(const PhaseInfo& phase, const ChangeReport& change, const Terminal& terminal) {
    return in_columns(" ", phase.name, change_text(change, terminal), terminal, plain);
}

std::vector<std::string> phase_lines(const PhaseInfo& phase, const PhaseReport& report, const Terminal& terminal) {
    const auto took = format_duration(report.planning + report.applying + report.verifying);
    if (report.outcome == Outcome::changed)
        return in_columns(terminal.unicode ? "✓" : "+", phase.name, fmt::format("done in {}", took), terminal, green);
    const bool stopped = report.error && report.error->kind == ErrorKind::cancelled;
    if (report.outcome == Outcome::failed && stopped)
        return in_columns("-", phase.name, fmt::format("stopped after {}", took), terminal, yellow);
    if (report.outcome == Outcome::failed)  // in short: the end of the run tells all of it
        return in_columns(terminal.unicode ? "✗" : "x", phase.name,
                          fmt::format("failed after {}: {}", took, report.error ? report.error->message : ""), terminal,
                          red);
    if (report.outcome == Outcome::blocked && !stopped)
        return in_columns("-", phase.name, "not begun: a phase that it needs failed", terminal, yellow);
    return {};
}

}  // namespace nodeboot::cli
