#pragma once

#include <span>
#include <string>
#include <string_view>

#include "cli/invocation.hpp"

namespace nodeboot::cli {

/// The one table of commands and options. Parsing, --help and the shells' completions are all made from it.

/// What a shell offers for a value.
enum class Completes { nothing, files, folders, words, phases, settings };

struct OptionSpec {
    std::string_view name;   ///< "--only"; without dashes: a positional argument
    std::string_view value;  ///< "PHASES", for help; empty: a flag
    std::string_view help;
    /// Stores the value; returns what is wrong with it, or nothing.
    std::string (*set)(Invocation&, const std::string& value) = nullptr;
    Completes completes = Completes::nothing;
    std::string_view words = {};  ///< with Completes::words, separated by blanks
    bool required = false;        ///< of a positional argument

    bool is_flag() const { return value.empty(); }
    bool is_positional() const { return !name.starts_with('-'); }
};

struct CommandSpec {
    Command command;
    std::string_view words;    ///< "node up"
    std::string_view summary;  ///< one line
    std::string_view details;  ///< a paragraph
    std::span<const OptionSpec> options;
    std::string_view examples;  ///< whole lines
};

struct GroupSpec {
    std::string_view word;  ///< "node"
    std::string_view summary;
};

std::span<const CommandSpec> commands();
std::span<const GroupSpec> groups();
std::span<const OptionSpec> global_options();

}  // namespace nodeboot::cli
