#include "cli/command_line.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <sstream>

#include "cli/commands.hpp"
#include "cli/terminal.hpp"

namespace nodeboot::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

std::vector<std::string> words(const std::string& text) {
    std::istringstream stream(text);
    return {std::istream_iterator<std::string>(stream), {}};
}

Invocation parsed(const std::string& line) {
    const auto result = parse_command_line(words(line));
    const auto* saying = std::get_if<Saying>(&result);
    EXPECT_EQ(saying, nullptr) << line << ": " << (saying ? saying->text : "");
    return saying ? Invocation{} : std::get<Invocation>(result);
}

Saying said(const std::string& line) {
    const auto result = parse_command_line(words(line));
    EXPECT_TRUE(std::holds_alternative<Saying>(result)) << line;
    return std::holds_alternative<Saying>(result) ? std::get<Saying>(result) : Saying{};
}

TEST(CommandLine, every_command_of_the_table_is_understood) {
    for (const auto& command : commands()) {
        std::string line(command.words);
        for (const auto& option : command.options)
            if (option.required) line += option.completes == Completes::words ? " bash" : " ./x";
        EXPECT_EQ(parsed(line).command, command.command) << line;
    }
}

TEST(CommandLine, options_of_every_command_may_stand_anywhere) {
    for (const char* line : {"--set a.b=c --output json --log-level debug --config f.toml node up",
                             "node --set a.b=c --output=json up --log-level debug --config=f.toml",
                             "node up --set=a.b=c --output json --log-level=debug --config f.toml"}) {
        const auto invocation = parsed(line);
        EXPECT_EQ(invocation.command, Command::node_up);
        EXPECT_THAT(invocation.settings, ElementsAre("a.b=c"));
        EXPECT_EQ(invocation.output, OutputFormat::json);
        EXPECT_EQ(invocation.log_level, LogLevel::debug);
        EXPECT_EQ(invocation.config_file, "f.toml");
        EXPECT_TRUE(invocation.config_given);
    }
}

TEST(CommandLine, phases_are_lists_and_add_up) {
    const auto invocation = parsed("node up --only swap,sysctl --only dns --skip time-sync");
    EXPECT_THAT(invocation.selection.only, UnorderedElementsAre("swap", "sysctl", "dns"));
    EXPECT_THAT(invocation.selection.skip, UnorderedElementsAre("time-sync"));
}

TEST(CommandLine, set_may_be_repeated_and_never_swallows_the_command) {
    const auto invocation = parsed("--set a.b=1 --set c.d=2 node plan");
    EXPECT_EQ(invocation.command, Command::node_plan);
    EXPECT_THAT(invocation.settings, ElementsAre("a.b=1", "c.d=2"));
}

TEST(CommandLine, durations_are_read) {
    EXPECT_EQ(parsed("node up --lock-timeout 90s").lock_timeout, std::chrono::seconds(90));
}

TEST(CommandLine, mistakes_are_named_with_the_nearest_right_word) {
    const std::pair<const char*, const char*> cases[] = {
        {"nod up", "nodeboot: there is no command 'nod' here; did you mean node?"},
        {"node upp", "nodeboot node: there is no command 'upp' here; did you mean up?"},
        {"node frobnicate",
         "nodeboot node: there is no command 'frobnicate' here; there are plan, up, status, repair, bake, reset, "
         "rotate-token, timeline"},
        {"node up --onyl swap", "nodeboot node up: there is no option '--onyl' here; did you mean --only?"},
        {"node up --sett=a.b=c", "nodeboot node up: there is no option '--sett=a.b=c' here; did you mean --set?"},
        {"node up extra", "nodeboot node up: there is no argument 'extra' here"},
        {"node plan --yes", "nodeboot node plan: there is no option '--yes' here"},
        {"node up --only", "nodeboot node up: --only needs a value: only these phases, separated by commas"},
        {"node up --only ,", "nodeboot node up: --only: names no phase"},
        {"node up --output yaml", "nodeboot node up: --output: 'yaml' is neither text nor json"},
        {"node up --lock-timeout 15",
         "nodeboot node up: --lock-timeout: '15' is not a duration like \"90s\", \"1h30m\" or \"2d\""},
        {"completion", "nodeboot completion: SHELL is missing: bash, zsh or fish"},
        {"completion tcsh", "nodeboot completion: SHELL: 'tcsh' is not one of bash, zsh, fish"},
        {"node reset --yes=maybe", "nodeboot node reset: --yes takes no value"},
    };
    for (const auto& [line, message] : cases) {
        const auto saying = said(line);
        EXPECT_EQ(saying.code, exit_usage) << line;
        EXPECT_EQ(saying.text.substr(0, saying.text.find('\n')), message);
    }
}

TEST(CommandLine, help_is_asked_for_at_every_level) {
    EXPECT_EQ(said("--help").code, exit_ok);
    EXPECT_THAT(said("--help").text, HasSubstr("node up"));
    EXPECT_THAT(said("node --help").text, HasSubstr("Usage: nodeboot node COMMAND"));
    EXPECT_THAT(said("node up --help").text, HasSubstr("Usage: nodeboot node up [OPTIONS]"));
    EXPECT_THAT(said("node up --only swap -h").text, HasSubstr("Usage: nodeboot node up [OPTIONS]"));
    EXPECT_EQ(said("").code, exit_usage);
    EXPECT_THAT(said("node").text, HasSubstr("Usage: nodeboot node COMMAND"));
}

TEST(CommandLine, every_help_fits_80_columns_and_shows_an_example) {
    for (const auto& command : commands()) {
        const auto text = said(std::string(command.words) + " --help").text;
        EXPECT_THAT(text, HasSubstr("\nExamples:\n  nodeboot " + std::string(command.words)));
        EXPECT_THAT(text, HasSubstr("Exit codes:"));
        std::istringstream lines(text.substr(0, text.find("\nExamples:")));
        for (std::string line; std::getline(lines, line);) EXPECT_LE(text_width(line), 80U) << line;
    }
}

}  // namespace
}  // namespace nodeboot::cli
