#pragma once

#include "cli/session.hpp"

namespace nodeboot::cli {

ExitCode cluster_iam_policy(Session& session);  ///< what is printed is JSON whatever --output says

}  // namespace nodeboot::cli
