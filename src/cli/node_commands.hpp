#pragma once

#include "cli/session.hpp"

namespace nodeboot::cli {

/// The commands of `nodeboot node`, and `phases`, which lists what they run.
ExitCode node_plan(Session& session);
ExitCode node_status(Session& session);
ExitCode node_timeline(Session& session);
ExitCode list_phases(Session& session);
/// `up`, `repair`, `reset`, `rotate-token`: take the lock, converge, report (converge_commands.cpp).
ExitCode node_converge(Session& session);

}  // namespace nodeboot::cli
