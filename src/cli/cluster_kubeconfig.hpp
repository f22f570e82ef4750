#pragma once

#include "cli/session.hpp"

namespace nodeboot::cli {

/// Writes admin access to a cluster, as its control plane published it, into a file of mode 0600 (or standard output).
ExitCode cluster_kubeconfig(Session& session);

}  // namespace nodeboot::cli
