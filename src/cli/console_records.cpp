#include "cli/console_records.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace nodeboot::cli {
namespace {

std::string kind_word(ErrorKind kind) {
    std::string word(to_string(kind));
    std::replace(word.begin(), word.end(), ' ', '-');
    return word;
}

std::string failure(const Error& error) {
    std::string text = fmt::format("failed kind={} message={}", kind_word(error.kind), record_text(error.text()));
    if (!error.hint.empty()) text += fmt::format(" hint={}", record_text(error.hint));
    return text;
}

}  // namespace

std::string record_text(std::string_view text) {
    constexpr std::size_t limit = 300;
    std::string out = "\"";
    std::size_t used = 0;
    for (const char c : text) {
        const bool begins_character = (static_cast<unsigned char>(c) & 0xc0) != 0x80;
        if (used++ >= limit && begins_character) {
            out += "...";
            break;
        }
        if (c == '"' || c == '\\')
            out += {'\\', c};
        else
            out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
    }
    return out + '"';
}

void ConsoleRecords::record(const std::string& text) {
    // \r: nothing says that the console's line discipline adds it. A line of its own, whatever stands there already:
    // a login prompt, half a line of somebody else's.
    if (write_) write_(fmt::format("\r\nnodeboot: {} {}\r\n", format_rfc3339(clock_.wall()), text));
}

void ConsoleRecords::run_began(std::string_view command, std::string_view version) {
    record(fmt::format("run began command={} version={}", record_text(command), version));
}

void ConsoleRecords::phase_ended(const PhaseInfo& info, const PhaseReport& report) {
    const auto took = format_duration(report.planning + report.applying + report.verifying);
    if (report.outcome == Outcome::changed)
        record(fmt::format("phase={} outcome=changed changes={} took={}", info.name, report.changes.size(), took));
    if (report.outcome == Outcome::failed && report.error)
        record(fmt::format("phase={} {} took={}", info.name, failure(*report.error), took));
}

void ConsoleRecords::run_ended(const RunReport& report, bool stopped) {
    const auto changes = std::count_if(report.phases.begin(), report.phases.end(),
                                       [](const PhaseReport& p) { return p.outcome == Outcome::changed; });
    record(fmt::format("run outcome={} phases_changed={} took={}",
                       stopped       ? "stopped"
                       : report.ok() ? "ready"
                                     : "failed",
                       changes, format_duration(report.took)));
}

void ConsoleRecords::run_refused(const Error& error) { record("run " + failure(error)); }

}  // namespace nodeboot::cli
