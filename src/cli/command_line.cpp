#include "cli/command_line.hpp"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <deque>

#include "base/nearest.hpp"
#include "cli/commands.hpp"
#include "cli/help.hpp"

namespace nodeboot::cli {
namespace {

class Parser {
   public:
    explicit Parser(std::vector<std::string> arguments) : arguments_(std::move(arguments)) {
        app_.allow_extras();  // collected, so that we name the nearest right word ourselves
        app_.fallthrough();   // options of every command may stand anywhere
        add_options(app_, global_options());
        // Each command and each option costs microseconds, of which `node plan` has few. What is not named is not parsed.
        for (const auto& group : groups())
            if (is_named(group.word)) app_.add_subcommand(std::string(group.word));
        for (const auto& command : commands())
            if (is_named(group_of(command)) && is_named(word_of(command))) add_command(command);
    }

    std::variant<Invocation, Saying> parse() {
        auto arguments = arguments_;
        std::reverse(arguments.begin(), arguments.end());  // as the library takes them
        try {
            app_.parse(arguments);
        } catch (const CLI::CallForHelp&) {
            return Saying{help(), exit_ok};
        } catch (const CLI::ExtrasError&) {
            return unexpected();
        } catch (const CLI::ParseError& error) {
            return usage(problem_.empty() ? reworded(error) : problem_);
        }
        if (!app_.remaining(true).empty()) return unexpected();
        if (const auto* command = chosen()) {
            invocation_.command = command->command;
            return std::move(invocation_);
        }
        return Saying{help(), exit_usage};
    }

   private:
    /// "node" of "node up"; of a command that stands alone nothing.
    static std::string_view group_of(const CommandSpec& command) {
        return command.words.substr(0, command.words.find(' ') == std::string_view::npos ? 0 : command.words.find(' '));
    }
    static std::string_view word_of(const CommandSpec& command) {
        return command.words.substr(command.words.find(' ') + 1);  // npos + 1 is 0
    }
    bool is_named(std::string_view word) const {
        return word.empty() || std::find(arguments_.begin(), arguments_.end(), word) != arguments_.end();
    }

    void add_command(const CommandSpec& command) {
        CLI::App* parent = &app_;
        if (const auto group = group_of(command); !group.empty()) parent = app_.get_subcommand(std::string(group));
        CLI::App* app = parent->add_subcommand(std::string(word_of(command)));
        add_options(*app, command.options);
        apps_.emplace_back(app, &command);
    }

    /// What may follow `app`: none where it is a command.
    std::vector<std::string> words_after(const CLI::App& app) const {
        std::vector<std::string> words;
        const bool top = &app == &app_;
        for (const auto& group : groups())
            if (top) words.emplace_back(group.word);
        for (const auto& command : commands())
            if (group_of(command) == (top ? std::string_view() : std::string_view(app.get_name())))
                words.emplace_back(word_of(command));
        return words;
    }

    void add_options(CLI::App& app, std::span<const OptionSpec> options) {
        for (const auto& spec : options) {
            const auto store = [this, &spec](const std::string& value) {
                if (auto problem = spec.set(invocation_, value); !problem.empty()) {
                    problem_ = fmt::format("{}: {}", spec.name, problem);
                    throw CLI::ValidationError(problem_);
                }
            };
            if (spec.is_flag()) {
                app.add_flag_callback(std::string(spec.name), [store] { store(""); });
                continue;
            }
            auto* option = app.add_option_function<std::vector<std::string>>(
                std::string(spec.name), [store](const std::vector<std::string>& values) {
                    for (const auto& value : values) store(value);
                });
            option->allow_extra_args(false)->required(spec.required);
            if (spec.is_positional()) option->expected(1);
        }
    }

    const CommandSpec* chosen() const {
        for (const auto& [app, command] : apps_)
            if (app->parsed()) return command;
        return nullptr;
    }

    const CLI::App* deepest() const {
        const CLI::App* app = &app_;
        while (!app->get_subcommands().empty()) app = app->get_subcommands().back();
        return app;
    }

    std::string help() const {
        for (const auto& [app, command] : apps_)
            if (app == deepest()) return help_of_command(*command);
        for (const auto& group : groups())
            if (deepest()->get_name() == group.word) return help_of_group(group);
        return help_overview();
    }

    std::string path() const {
        std::string words;
        for (const CLI::App* app = &app_; !app->get_subcommands().empty();) {
            app = app->get_subcommands().back();
            words += " " + app->get_name();
        }
        return words;
    }

    Saying usage(const std::string& message) const {
        return {fmt::format("nodeboot{}: {}\nnodeboot{} --help says more\n", path(), message, path()), exit_usage};
    }

    Saying unexpected() const {
        const auto extra = app_.remaining(true).empty() ? std::string() : app_.remaining(true).front();
        const CLI::App* app = deepest();
        std::vector<std::string> known;
        const bool is_option = extra.starts_with('-');
        if (is_option) {
            for (const auto* from : {app, static_cast<const CLI::App*>(&app_)})
                for (const auto* option : from->get_options())
                    for (const auto& name : option->get_lnames()) known.push_back("--" + name);
        } else {
            known = words_after(*app);
        }
        const std::string near = nearest(extra.substr(0, extra.find('=')), known);
        std::string message = fmt::format("there is no {} '{}' here",
                                          is_option       ? "option"
                                          : known.empty() ? "argument"
                                                          : "command",
                                          extra);
        if (!near.empty()) message += fmt::format("; did you mean {}?", near);
        if (near.empty() && !is_option && !known.empty()) {
            message += "; there are ";
            for (const auto& name : known) message += (&name == &known.front() ? "" : ", ") + name;
        }
        return usage(message);
    }

    /// The library's own words name types and counts; a person wants the option and what it is for.
    std::string reworded(const CLI::ParseError& error) const {
        const std::string text = error.what();
        for (const auto* spec : options_here()) {
            if (text.find(spec->name) == std::string::npos) continue;
            if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr)
                return fmt::format("{} is missing: {}", spec->name, spec->help);
            return spec->is_flag() ? fmt::format("{} takes no value", spec->name)
                                   : fmt::format("{} needs a value: {}", spec->name, spec->help);
        }
        return text;
    }

    std::vector<const OptionSpec*> options_here() const {
        std::vector<const OptionSpec*> out;
        if (const auto* command = chosen())
            for (const auto& option : command->options) out.push_back(&option);
        for (const auto& option : global_options()) out.push_back(&option);
        return out;
    }

    const std::vector<std::string> arguments_;
    CLI::App app_{"", "nodeboot"};  // --help, and what is set on it, goes to the subcommands too
    Invocation invocation_;
    std::string problem_;
    std::vector<std::pair<const CLI::App*, const CommandSpec*>> apps_;
};

}  // namespace

std::variant<Invocation, Saying> parse_command_line(const std::vector<std::string>& arguments) {
    return Parser(arguments).parse();
}

}  // namespace nodeboot::cli
