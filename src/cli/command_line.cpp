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
        for (const auto& group : groups()) app_.add_subcommand(std::string(group.word));
        for (const auto& command : commands()) add_command(command);
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
    void add_command(const CommandSpec& command) {
        CLI::App* parent = &app_;
        std::string word(command.words);
        if (const auto space = word.find(' '); space != std::string::npos) {
            parent = app_.get_subcommand(word.substr(0, space));
            word = word.substr(space + 1);
        }
        CLI::App* app = parent->add_subcommand(word);
        // Each option costs microseconds, of which `node plan` has few: a command that is not named needs none.
        if (std::find(arguments_.begin(), arguments_.end(), word) != arguments_.end())
            add_options(*app, command.options);
        apps_.emplace_back(app, &command);
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
            for (const auto* sub : app->get_subcommands([](const CLI::App*) { return true; }))
                known.push_back(sub->get_name());
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
