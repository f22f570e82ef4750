#include "cli/report_text.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace nodeboot::cli {
namespace {

std::string counted(std::size_t count, std::string_view noun) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::size_t count(const RunReport& report, Outcome outcome) {
    return static_cast<std::size_t>(std::count_if(report.phases.begin(), report.phases.end(),
                                                  [&](const PhaseReport& p) { return p.outcome == outcome; }));
}

std::size_t changes_done(const RunReport& report) {
    std::size_t done = 0;
    for (const auto& phase : report.phases)
        done += static_cast<std::size_t>(
            std::count_if(phase.changes.begin(), phase.changes.end(), [](const auto& c) { return c.done; }));
    return done;
}

/// Broken to the terminal's width; for a pipe one long line.
std::string block(std::string_view first, std::string_view indent, std::string_view text, const Terminal& terminal) {
    if (!terminal.wraps()) return fmt::format("{}{}\n", first, text);
    std::string out;
    for (const auto& line : wrapped(text, terminal.width - 1 - std::max(text_width(first), text_width(indent))))
        out += fmt::format("{}{}\n", out.empty() ? first : indent, line);
    return out;
}

std::string names(const RunReport& report, std::initializer_list<Outcome> outcomes) {
    std::string out;
    for (const auto& phase : report.phases)
        if (std::find(outcomes.begin(), outcomes.end(), phase.outcome) != outcomes.end())
            out += (out.empty() ? "" : ", ") + phase.name;
    return out;
}

std::string change_block(const ChangeReport& change, const Terminal& terminal) {
    return block("  ", "      ", printable(change_text(change, terminal)), terminal);
}

}  // namespace

std::string change_text(const ChangeReport& change, const Terminal& terminal) {
    const auto state = [](const std::string& text) { return text.empty() ? "nothing" : std::string_view(text); };
    return fmt::format("{}: {} {} {}", change.subject, state(change.from), terminal.arrow(), state(change.to));
}

std::string plan_text(const RunReport& report, const Terminal& terminal) {
    std::string out;
    std::size_t changes = 0;
    for (const auto& phase : report.phases) {
        if (phase.outcome != Outcome::pending) continue;
        out += phase.name + "\n";
        for (const auto& change : phase.changes) out += change_block(change, terminal);
        changes += phase.changes.size();
    }
    const auto pending = count(report, Outcome::pending), fine = count(report, Outcome::unchanged);
    const auto skipped = count(report, Outcome::skipped), failed = count(report, Outcome::failed);
    std::string sentence = changes != 0
                               ? fmt::format("{} to make in {}", counted(changes, "change"), counted(pending, "phase"))
                           : failed != 0 ? "No change was found"
                                         : "Nothing to change";
    if (fine != 0) sentence += fmt::format("; {} as {} should be", counted(fine, "phase"), fine == 1 ? "it" : "they");
    if (failed != 0) sentence += fmt::format("; {} could not be looked at", failed);
    if (skipped != 0) sentence += fmt::format("; {} left out", skipped);
    return (out.empty() ? "" : out + "\n") +
           block("", "", fmt::format("{} ({}).", sentence, format_duration(report.took)), terminal);
}

std::string summary_text(const RunReport& report, std::string_view fine) {
    const auto failed = count(report, Outcome::failed), blocked = count(report, Outcome::blocked);
    const auto done = changes_done(report);
    const auto took = format_duration(report.took);
    if (failed + blocked != 0)
        return fmt::format("Failed: {} failed, {} not begun, {} made, {}.\n", counted(failed, "phase"), blocked,
                           counted(done, "change"), took);
    if (done == 0) return fmt::format("Nothing to change: {}, {}.\n", fine, took);
    return fmt::format("Done: {} in {}, {}.\n", counted(done, "change"),
                       counted(count(report, Outcome::changed), "phase"), took);
}

std::string failure_text(const RunReport& report, const Terminal& terminal) {
    std::string out;
    for (const auto& phase : report.phases)
        if (phase.outcome == Outcome::failed && phase.error) out += error_text(*phase.error, terminal);
    const auto waiting = names(report, {Outcome::blocked});
    if (!waiting.empty()) out += block("  not begun: ", "    ", waiting, terminal);
    return out;
}

std::string stopped_text(const RunReport& report, const Terminal& terminal) {
    const auto done = names(report, {Outcome::changed, Outcome::unchanged});
    const auto left = names(report, {Outcome::failed, Outcome::blocked});
    std::string out = fmt::format("Stopped after {}, {} made; a rerun goes on from here.\n",
                                  format_duration(report.took), counted(changes_done(report), "change"));
    out += block("  done: ", "    ", done.empty() ? "nothing" : done, terminal);
    return out + block("  left: ", "    ", left.empty() ? "nothing" : left, terminal);
}

std::string error_text(const Error& error, const Terminal& terminal) {
    const std::string text = printable(error.text());
    const auto first_line = text.substr(0, text.find('\n'));
    // Lists (the config's mistakes) keep their lines: each can be clicked on or copied.
    std::string out =
        text == first_line ? block("nodeboot: ", "  ", text, terminal) : fmt::format("nodeboot: {}\n", text);
    if (!error.hint.empty()) out += block("  what to do: ", "    ", printable(error.hint), terminal);
    return out;
}

}  // namespace nodeboot::cli
