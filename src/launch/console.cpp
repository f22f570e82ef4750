#include "launch/console.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "base/lines.hpp"

namespace nodeboot {
namespace {

using State = NodeConsole::State;

/// "nodeboot: 2026-11-23T04:20:00Z …" wherever it begins in the line: others print before it without ending theirs.
std::string_view record_in(std::string_view line, std::string& at) {
    constexpr std::string_view mark = "nodeboot: 2";
    const auto begin = line.rfind(mark);
    if (begin == std::string_view::npos) return {};
    line.remove_prefix(begin + mark.size() - 1);
    const auto blank = line.find(' ');
    if (blank == std::string_view::npos || blank < 20 || line[blank - 1] != 'Z') return {};
    at = std::string(line.substr(0, blank));
    return line.substr(blank + 1);
}

/// The words of ErrorKind on the console, with dashes.
ErrorKind kind_of(std::string word) {
    std::replace(word.begin(), word.end(), '-', ' ');
    for (const auto kind : {ErrorKind::invalid_input, ErrorKind::not_found, ErrorKind::permission,
                            ErrorKind::unavailable, ErrorKind::timeout, ErrorKind::conflict, ErrorKind::refused,
                            ErrorKind::corrupted, ErrorKind::cancelled, ErrorKind::io})
        if (to_string(kind) == word) return kind;
    return ErrorKind::internal;
}

bool helps_no_rerun(ErrorKind kind) { return kind == ErrorKind::invalid_input || kind == ErrorKind::refused; }

Error error_in(std::string_view record, const std::string& phase) {
    Error error{kind_of(record_value(record, "kind").value_or("")),
                record_value(record, "message").value_or(""),
                record_value(record, "hint").value_or(""),
                {}};
    if (!phase.empty() && error.message.find(phase) == std::string::npos) error.message = phase + ": " + error.message;
    return error;
}

void read_record(NodeConsole& console, std::string_view record) {
    const auto phase = record_value(record, "phase");
    if (record.starts_with("run began")) {
        console = {State::running, console.at, "began", {}};
    } else if (record.starts_with("run failed")) {
        console.error = error_in(record, "");
        console.state = helps_no_rerun(console.error.kind) ? State::refused : State::failed;
    } else if (record.starts_with("run outcome=")) {
        const auto outcome = record_value(record, "outcome");
        console.state = outcome == "ready"                   ? State::ready
                        : outcome == "stopped"               ? State::failed
                        : helps_no_rerun(console.error.kind) ? State::refused
                                                             : State::failed;
        if (console.state == State::ready) console.error = {};
        if (outcome == "stopped") console.error = {ErrorKind::cancelled, "the run was stopped", "", {}};
        console.doing = console.state == State::ready
                            ? fmt::format("Ready after {}", record_value(record, "took").value_or("?"))
                            : console.error.message;
    } else if (phase && record.find(" failed ") != std::string_view::npos) {
        if (console.error.message.empty()) console.error = error_in(record, *phase);
        console.doing = fmt::format("{} failed", *phase);
    } else if (phase) {
        console.state = State::running;
        console.doing = fmt::format("{}: {} changes, {}", *phase, record_value(record, "changes").value_or("?"),
                                    record_value(record, "took").value_or("?"));
    } else if (record.starts_with("install-failed")) {
        const auto reason = record_value(record, "reason").value_or("?");
        console.state = reason == "sha256-mismatch" ? State::refused : State::failed;
        console.error = {console.state == State::refused ? ErrorKind::corrupted : ErrorKind::unavailable,
                         fmt::format("nodeboot could not be installed: {}", trim(record.substr(14))),
                         "see `binary` in the configuration",
                         {}};
        console.doing = console.error.message;
    } else if (record.starts_with("install")) {
        console.state = State::installing;
        console.doing = std::string(record);
    }
}

}  // namespace

std::string_view to_string(State state) {
    switch (state) {
        case State::silent: return "silent";
        case State::installing: return "installing";
        case State::running: return "running";
        case State::ready: return "ready";
        case State::failed: return "failed";
        case State::refused: return "refused";
    }
    return "?";
}

std::optional<std::string> record_value(std::string_view record, std::string_view name) {
    for (std::size_t at = 0; (at = record.find(name, at)) != std::string_view::npos; at += name.size()) {
        const auto after = at + name.size();
        if ((at != 0 && record[at - 1] != ' ') || after >= record.size() || record[after] != '=') continue;
        std::string_view rest = record.substr(after + 1);
        if (!rest.starts_with('"')) return std::string(rest.substr(0, rest.find(' ')));
        std::string value;
        for (std::size_t i = 1; i < rest.size() && rest[i] != '"'; ++i) {
            if (rest[i] == '\\' && i + 1 < rest.size()) ++i;
            value += rest[i];
        }
        return value;
    }
    return std::nullopt;
}

NodeConsole read_console(std::string_view text) {
    NodeConsole console;
    for (auto line : lines_of(text)) {
        while (line.ends_with('\r')) line.remove_suffix(1);
        std::string at;
        const auto record = record_in(line, at);
        if (record.empty()) continue;
        console.at = at;
        read_record(console, record);
    }
    return console;
}

}  // namespace nodeboot
