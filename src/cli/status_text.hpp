#pragma once

#include <string>

#include "cli/node.hpp"
#include "cli/terminal.hpp"

namespace nodeboot::cli {

/// `node status` for people, at most as wide as the terminal: the node, its phases, versions, certificates.
std::string status_text(const RunReport& report, const NodeFacts& facts, const Config& config, WallTime now,
                        const Terminal& terminal);

}  // namespace nodeboot::cli
