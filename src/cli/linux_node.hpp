#pragma once

#include "cli/node.hpp"
#include "system/host.hpp"

namespace nodeboot::cli {

/// The machine that nodeboot runs on. Clients (HTTP, AWS, CRI) are made when a phase first asks for them: a plan of the
/// host phases needs none.
NodeFactory linux_node_factory(Host& host, Clock& clock);

}  // namespace nodeboot::cli
