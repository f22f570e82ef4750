#include "system/host.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace nodeboot {

std::string_view to_string(UnitVerb verb) {
    switch (verb) {
        case UnitVerb::start: return "start";
        case UnitVerb::stop: return "stop";
        case UnitVerb::restart: return "restart";
        case UnitVerb::enable: return "enable";
        case UnitVerb::disable: return "disable";
        case UnitVerb::mask: return "mask";
        case UnitVerb::unmask: return "unmask";
        case UnitVerb::reset_failed: return "reset-failed";
    }
    return "?";
}

std::string to_text(const std::vector<std::string>& argv) {
    std::string text;
    for (const auto& word : argv) {
        const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) {
            return std::isalnum(c) != 0 ||
                   std::string_view("-_./:=,@+%").find(static_cast<char>(c)) != std::string_view::npos;
        });
        text += (text.empty() ? "" : " ") + (plain ? word : fmt::format("'{}'", word));
    }
    return text;
}

namespace {

// The end of what a program printed is where it says why; a log line is no place for all of it.
std::string tail(const std::string& text, std::size_t limit) {
    const auto end = text.find_last_not_of(" \n\r\t");
    if (end == std::string::npos) return {};
    const std::string trimmed = text.substr(0, end + 1);
    return trimmed.size() <= limit ? trimmed : "…" + trimmed.substr(trimmed.size() - limit);
}

}  // namespace

Result<CommandOutput> run_checked(Host& host, const Command& command) {
    auto output = NB_TRY(host.run(command));
    if (output.exit_code == 0) return output;
    std::string said = tail(output.err, 2000);
    // apt and dpkg say on standard output what they then sum up in one line on standard error.
    if (!command.output_is_secret && said.find('\n') == std::string::npos)
        if (const std::string printed = tail(output.out, 1000); !printed.empty())
            said = said.empty() ? printed : said + "; before that: " + printed;
    if (said.empty()) said = command.output_is_secret ? "it printed nothing on standard error" : "it printed nothing";
    return fail(ErrorKind::io, fmt::format("'{}' exited with {}: {}", to_text(command.argv), output.exit_code, said));
}

}  // namespace nodeboot
