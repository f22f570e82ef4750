#pragma once

#include "cli/app.hpp"

namespace nodeboot::cli {

/// The real surroundings of this process: standard output and error, their terminals, the console, signals.
Surroundings process_surroundings(Clock& clock, Host& host, NodeFactory make_node, AwsFactory make_aws);

}  // namespace nodeboot::cli
