#pragma once

#include "cli/session.hpp"

namespace nodeboot::cli {

ExitCode bundle_create(Session& session);
ExitCode bundle_verify(Session& session);

}  // namespace nodeboot::cli
