#pragma once

#include "cli/session.hpp"

namespace nodeboot::cli {

ExitCode config_check(Session& session);
ExitCode config_show(Session& session);

}  // namespace nodeboot::cli
