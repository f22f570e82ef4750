#include "cli/help.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "cli/terminal.hpp"

namespace nodeboot::cli {
namespace {

constexpr std::size_t width = 80;

constexpr std::string_view exit_codes =
    "Exit codes:\n"
    "  0    done, or nothing to do\n"
    "  1    an error; standard error says what failed, why and what to do next\n"
    "  2    plan: changes are pending; status: something drifted (node and cluster)\n"
    "  64   the command line was wrong\n"
    "  130  stopped by Ctrl-C, SIGTERM or SIGHUP; a rerun goes on from there\n";

std::string paragraph(std::string_view text) {
    std::string out;
    for (const auto& line : wrapped(text, width)) out += line + "\n";
    return out;
}

/// "  left        right", the right side wrapped in its column.
std::string two_columns(std::string_view left, std::string_view right, std::size_t column) {
    std::string out;
    for (const auto& line : wrapped(right, width - column - 2)) {
        out += fmt::format("  {}{}\n", padded(out.empty() ? left : "", column), line);
    }
    return out;
}

std::string name_and_value(const OptionSpec& option) {
    if (option.is_positional()) return std::string(option.name);
    return option.is_flag() ? std::string(option.name) : fmt::format("{} {}", option.name, option.value);
}

std::string option_list(std::string_view title, std::span<const OptionSpec> options) {
    if (options.empty()) return {};
    std::string out = fmt::format("\n{}:\n", title);
    for (const auto& option : options) out += two_columns(name_and_value(option), option.help, 28);
    return out;
}

std::string examples(std::string_view lines) {
    std::string out = "\nExamples:\n";
    for (std::size_t begin = 0; begin < lines.size();) {
        const auto end = std::min(lines.find('\n', begin), lines.size());
        out += fmt::format("  {}\n", lines.substr(begin, end - begin));
        begin = end + 1;
    }
    return out;
}

std::string command_list(std::string_view group) {
    std::string out;
    for (const auto& command : commands()) {
        const auto space = command.words.find(' ');
        const auto word = space == std::string_view::npos ? std::string_view() : command.words.substr(0, space);
        if (word == group) out += two_columns(command.words, command.summary, 20);
    }
    return out;
}

}  // namespace

std::string help_overview() {
    std::string out =
        "nodeboot turns this machine into a member of a Kubernetes cluster.\n\nUsage: nodeboot COMMAND [OPTIONS]\n";
    for (const auto& group : groups()) out += fmt::format("\n{}\n{}", group.summary, command_list(group.word));
    out += "\nOthers\n" + command_list("");
    out += option_list("Options of every command", global_options());
    out += two_columns("--help", "about one command: nodeboot node up --help", 28);
    out += examples("nodeboot config check\nnodeboot node plan\nnodeboot node up\n");
    return out + "\n" + std::string(exit_codes);
}

std::string help_of_group(const GroupSpec& group) {
    std::string out =
        fmt::format("{}\n\nUsage: nodeboot {} COMMAND [OPTIONS]\n\nCommands:\n", group.summary, group.word);
    out += command_list(group.word) + option_list("Options of every command", global_options());
    const auto first = std::find_if(commands().begin(), commands().end(),
                                    [&](const CommandSpec& c) { return c.words.starts_with(group.word); });
    return out + examples(first->examples) + "\n" + std::string(exit_codes);
}

std::string help_of_command(const CommandSpec& command) {
    std::string usage = fmt::format("Usage: nodeboot {}", command.words);
    std::vector<OptionSpec> positional, named;
    for (const auto& option : command.options) (option.is_positional() ? positional : named).push_back(option);
    for (const auto& option : positional) usage += fmt::format(" {}", option.name);
    std::string out = fmt::format("{}.\n\n{} [OPTIONS]\n", command.summary, usage);
    if (!command.details.empty()) out += "\n" + paragraph(command.details);
    out += option_list("Arguments", positional) + option_list("Options", named);
    out += option_list("Options of every command", global_options());
    return out + examples(command.examples) + "\n" + std::string(exit_codes);
}

}  // namespace nodeboot::cli
