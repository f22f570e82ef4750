#pragma once

#include <string>
#include <string_view>

#include "cli/commands.hpp"

namespace nodeboot::cli {

/// `nodeboot --help`, `nodeboot node --help`, `nodeboot node up --help`: 80 columns, made from the table of commands.
std::string help_overview();
std::string help_of_group(const GroupSpec& group);
std::string help_of_command(const CommandSpec& command);

}  // namespace nodeboot::cli
