#pragma once

#include <string>
#include <variant>
#include <vector>

#include "cli/exit_code.hpp"
#include "cli/invocation.hpp"

namespace nodeboot::cli {

/// Arguments into an Invocation. The only file that knows the argument parser's library; nothing is looked up or
/// opened here.

/// Not a command to run but something to say: help (standard output, exit 0) or a usage mistake (standard error, 64).
struct Saying {
    std::string text;
    ExitCode code = exit_ok;
};

std::variant<Invocation, Saying> parse_command_line(const std::vector<std::string>& arguments);

}  // namespace nodeboot::cli
