#pragma once

#include <string>

#include "cli/terminal.hpp"
#include "engine/runner.hpp"

namespace nodeboot::cli {

/// A run as text for people. On a terminal, and where COLUMNS is set, lines are broken to its width; elsewhere each change
/// is one line.

/// "net.ipv4.ip_forward: 0 → 1"
std::string change_text(const ChangeReport& change, const Terminal& terminal);

/// What `node plan` prints: every change under its phase, then a sentence that counts them.
std::string plan_text(const RunReport& report, const Terminal& terminal);

/// The last line of a run: "Done: 12 changes in 5 phases, 41.2s." `fine`: what it means that nothing was to be done.
std::string summary_text(const RunReport& report, std::string_view fine = "the machine is as it should be");

/// For each phase that failed: what was tried, why it failed, what to do next; then the phases that had to wait.
/// Empty when nothing failed.
std::string failure_text(const RunReport& report, const Terminal& terminal);

/// After Ctrl-C: what is done and what is left.
std::string stopped_text(const RunReport& report, const Terminal& terminal);

/// An error that ends a command: "nodeboot: message", and what to do next below it.
std::string error_text(const Error& error, const Terminal& terminal);

}  // namespace nodeboot::cli
