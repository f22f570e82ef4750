#pragma once

#include "cli/session.hpp"

namespace nodeboot::cli {

/// The commands of `nodeboot cluster`: AWS, seen from an operator's machine. They leave nothing on it.

ExitCode cluster_plan(Session& session);  ///< exit_pending when there are changes; nothing is changed
ExitCode cluster_up(Session& session);
ExitCode cluster_status(Session& session);     ///< drift, and the nodes by what their consoles say
ExitCode cluster_user_data(Session& session);  ///< for one role, on standard output
ExitCode cluster_down(Session& session);       ///< asks first, or is told --yes

}  // namespace nodeboot::cli
