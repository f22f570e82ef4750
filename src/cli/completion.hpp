#pragma once

#include <string>

namespace nodeboot::cli {

/// A completion script for "bash", "zsh" or "fish", made from the table of commands. Phases are asked of nodeboot
/// itself when they are wanted, because they depend on the machine's role.
std::string completion_script(const std::string& shell);

}  // namespace nodeboot::cli
