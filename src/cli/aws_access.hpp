#pragma once

#include "cli/app.hpp"

namespace nodeboot::cli {

/// AWS itself, with the operator's credentials: environment, shared files, credential_process, or the instance's role
/// where the operator's machine is one.
AwsFactory aws_access_factory(Host& host, Clock& clock);

}  // namespace nodeboot::cli
