#include "cli/completion.hpp"

#include <fmt/core.h>

#include <map>
#include <set>
#include <vector>

#include "base/config_schema.hpp"
#include "cli/commands.hpp"

namespace nodeboot::cli {
namespace {

struct Word {
    std::string text, help;
};

/// For each place in the tree ("", "node", "node up") the commands that may follow.
std::map<std::string, std::vector<Word>> subcommands() {
    std::map<std::string, std::vector<Word>> out;
    for (const auto& group : groups()) out[""].push_back({std::string(group.word), std::string(group.summary)});
    for (const auto& command : commands()) {
        const auto space = command.words.find(' ');
        const bool nested = space != std::string_view::npos;
        out[nested ? std::string(command.words.substr(0, space)) : ""].push_back(
            {std::string(nested ? command.words.substr(space + 1) : command.words), std::string(command.summary)});
    }
    return out;
}

std::vector<OptionSpec> options_of(const CommandSpec& command) {
    std::vector<OptionSpec> out(command.options.begin(), command.options.end());
    out.insert(out.end(), global_options().begin(), global_options().end());
    return out;
}

/// Every option that takes a value, once; the same name means the same everywhere.
std::vector<OptionSpec> value_options() {
    std::vector<OptionSpec> out;
    std::set<std::string_view> seen;
    for (const auto& command : commands())
        for (const auto& option : options_of(command))
            if (!option.is_flag() && !option.is_positional() && seen.insert(option.name).second) out.push_back(option);
    return out;
}

std::string setting_keys(std::string_view separator) {
    std::string out;
    for (const auto& setting : config_settings())
        out += fmt::format("{}{}=", out.empty() ? "" : separator, setting.key);
    return out;
}

std::string shell_quoted(std::string_view text) {  // for all three of them
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
    return out + "'";
}

std::string tree_words() {  // "node|node up|...": to recognise where the cursor is
    std::string out;
    for (const auto& group : groups()) out += fmt::format("{}'{}'", out.empty() ? "" : "|", group.word);
    for (const auto& command : commands()) out += fmt::format("|'{}'", command.words);
    return out;
}

constexpr std::string_view bash_head = R"(# nodeboot completion for bash
_nodeboot() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} place= try= i
    COMPREPLY=()
    if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        try="${place:+$place }${COMP_WORDS[i]}"
        case $try in @TREE@) place=$try ;; esac
    done
)";

std::string bash_value(const OptionSpec& option) {
    switch (option.completes) {
        case Completes::files: return "mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); compopt -o filenames";
        case Completes::folders: return "mapfile -t COMPREPLY < <(compgen -d -- \"$cur\"); compopt -o filenames";
        case Completes::words:
            return fmt::format("mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$cur\")", option.words);
        case Completes::phases:
            return "local head=; [[ $cur == *,* ]] && head=${cur%,*},\n"
                   "            mapfile -t COMPREPLY < <(compgen -P \"$head\" -W \"$(nodeboot phases --names "
                   "2>/dev/null)\" -- \"${cur##*,}\")\n"
                   "            compopt -o nospace";
        case Completes::settings:
            return fmt::format("mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$cur\"); compopt -o nospace",
                               setting_keys(" "));
        case Completes::nothing: break;
    }
    return ":";
}

/// What may be typed at each place: commands, options, the words of a positional argument.
std::string bash_words(const std::string& place, const std::vector<Word>& commands_here, const CommandSpec* command) {
    std::string words, files;
    for (const auto& word : commands_here) words += word.text + " ";
    for (const auto& option :
         command ? options_of(*command) : std::vector<OptionSpec>(global_options().begin(), global_options().end())) {
        words += fmt::format("{} ", option.is_positional() ? option.words : option.name);
        if (option.is_positional() && option.completes != Completes::words) files = "; compopt -o default";
    }
    return fmt::format("        '{}') mapfile -t COMPREPLY < <(compgen -W '{}--help' -- \"$cur\"){} ;;\n", place, words,
                       files);
}

std::string bash_script() {
    std::string out(bash_head);
    out.replace(out.find("@TREE@"), 6, tree_words());
    out += "    case $prev in\n";
    for (const auto& option : value_options())
        out += fmt::format("        {})\n            {}\n            return ;;\n", option.name, bash_value(option));
    out += "    esac\n    case $place in\n";
    for (const auto& [place, words] : subcommands()) out += bash_words(place, words, nullptr);
    for (const auto& command : commands()) out += bash_words(std::string(command.words), {}, &command);
    return out + "    esac\n}\ncomplete -F _nodeboot nodeboot\n";
}

std::string zsh_value(const OptionSpec& option) {
    switch (option.completes) {
        case Completes::files: return "_files";
        case Completes::folders: return "_files -/";
        case Completes::words: return fmt::format("compadd {}", option.words);
        case Completes::phases: return "_sequence compadd - ${(f)\"$(nodeboot phases --names 2>/dev/null)\"}";
        case Completes::settings: return fmt::format("compadd -S '' {}", setting_keys(" "));
        case Completes::nothing: break;
    }
    return "_message " + shell_quoted(option.help);
}

std::string zsh_words(const std::string& place, const std::vector<Word>& commands_here, const CommandSpec* command) {
    std::string described, positional;
    const auto add = [&](std::string_view name, std::string_view help) {
        described += fmt::format("\n            {}", shell_quoted(fmt::format("{}:{}", name, help)));
    };
    for (const auto& word : commands_here) add(word.text, word.help);
    for (const auto& option :
         command ? options_of(*command) : std::vector<OptionSpec>(global_options().begin(), global_options().end())) {
        if (option.is_positional())
            positional = "; " + zsh_value(option);
        else
            add(option.name, option.help);
    }
    add("--help", "help");
    return fmt::format("        '{}') here=({}\n            ); _describe -o nodeboot here{} ;;\n", place, described,
                       positional);
}

std::string zsh_script() {
    std::string out =
        "#compdef nodeboot\n"
        "_nodeboot() {\n"
        "    local place= try= word prev=${words[CURRENT-1]}\n"
        "    local -a here\n"
        "    for word in ${words[2,CURRENT-1]}; do\n"
        "        try=\"${place:+$place }$word\"\n"
        "        case $try in (" +
        tree_words() +
        ") place=$try ;; esac\n"
        "    done\n"
        "    case $prev in\n";
    for (const auto& option : value_options())
        out += fmt::format("        {}) {}; return ;;\n", option.name, zsh_value(option));
    out += "    esac\n    case $place in\n";
    for (const auto& [place, words] : subcommands()) out += zsh_words(place, words, nullptr);
    for (const auto& command : commands()) out += zsh_words(std::string(command.words), {}, &command);
    return out +
           "    esac\n}\nif [[ $funcstack[1] == _nodeboot ]]; then _nodeboot \"$@\"; else compdef _nodeboot nodeboot; "
           "fi\n";
}

std::string fish_value(const OptionSpec& option) {
    switch (option.completes) {
        case Completes::files: return " -r -F";
        case Completes::folders: return " -x -a '(__fish_complete_directories)'";
        case Completes::words: return fmt::format(" -x -a '{}'", option.words);
        case Completes::phases: return " -x -a '(__fish_complete_list , \"nodeboot phases --names 2>/dev/null\")'";
        case Completes::settings: return fmt::format(" -x -a '{}'", setting_keys(" "));
        case Completes::nothing: break;
    }
    return option.is_flag() ? "" : " -x";
}

std::string fish_option(const OptionSpec& option, std::string_view place) {
    const std::string condition = place.empty() ? "" : fmt::format(" -n '__nodeboot_at \"{}\"'", place);
    if (option.is_positional())
        return option.completes == Completes::words
                   ? fmt::format("complete -c nodeboot{} -a '{}'\n", condition, option.words)
                   : fmt::format("complete -c nodeboot{} -F\n", condition);
    return fmt::format("complete -c nodeboot{} -l {}{} -d {}\n", condition, option.name.substr(2), fish_value(option),
                       shell_quoted(option.help));
}

std::string fish_script() {
    std::string out =
        "# nodeboot completion for fish\n"
        "function __nodeboot_at\n"
        "    set -l place\n"
        "    for word in (commandline -opc)[2..-1]\n"
        "        switch \"$place $word\"\n"
        "            case";
    for (const auto& group : groups()) out += fmt::format(" ' {}'", group.word);
    for (const auto& command : commands())
        out += fmt::format(" '{}{}'", command.words.find(' ') == std::string_view::npos ? " " : "", command.words);
    out +=
        "\n                set place (string trim \"$place $word\")\n"
        "        end\n"
        "    end\n"
        "    test \"$place\" = \"$argv[1]\"\n"
        "end\n"
        "complete -c nodeboot -f\n";
    for (const auto& [place, words] : subcommands())
        for (const auto& word : words)
            out += fmt::format("complete -c nodeboot -n '__nodeboot_at \"{}\"' -a {} -d {}\n", place, word.text,
                               shell_quoted(word.help));
    for (const auto& option : global_options()) out += fish_option(option, "");
    for (const auto& command : commands())
        for (const auto& option : command.options) out += fish_option(option, command.words);
    return out;
}

}  // namespace

std::string completion_script(const std::string& shell) {
    return shell == "bash" ? bash_script() : shell == "zsh" ? zsh_script() : fish_script();
}

}  // namespace nodeboot::cli
