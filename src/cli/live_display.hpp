#pragma once

#include <string>
#include <vector>

#include "cli/terminal.hpp"
#include "engine/runner.hpp"

namespace nodeboot::cli {

/// The lines of the live display, without the drawing: pure, so that tests read what a person sees.

struct RunningPhase {
    std::string name;
    std::string doing;  ///< "net.ipv4.ip_forward: 0 → 1", "pulling image 3 of 7", "checking that it works"
    SteadyTime began{};
};

struct LiveState {
    std::vector<RunningPhase> running;  ///< in the order in which they began
    std::size_t ended = 0, phases = 0;
    SteadyTime began{};
};

/// What is drawn below everything else and replaced the next time; no line is wider than the terminal, and
/// all of them fit into its height: the cursor could not come back over lines that have left it.
std::vector<std::string> live_lines(const LiveState& state, SteadyTime now, const Terminal& terminal);

/// Lines that stay.
std::vector<std::string> change_lines(const PhaseInfo& phase, const ChangeReport& change, const Terminal& terminal);
std::vector<std::string> phase_lines(const PhaseInfo& phase, const PhaseReport& report, const Terminal& terminal);

/// Columns of the phase's name at the left of each line.
constexpr std::size_t name_column = 21;

}  // namespace nodeboot::cli
