#pragma once

#include "launch/console.hpp"
#include "launch/instances.hpp"

namespace nodeboot {

/// A phase "<node>-ready" for each instance, which waits until its console says that it is Ready. It has no changes: what
/// the node does is the node's. A node that never joined is explained by what it said last.
void add_node_waits(CloudPhases& phases, const Config& config);

/// What a node is, as `cluster status` shows it.
struct NodeState {
    Ref ref;
    std::string id, type, zone, private_ip, public_ip;
    std::string state;  ///< EC2's: "running"; "absent" when there is none
    NodeConsole console;
};
Result<std::vector<NodeState>> node_states(const CloudView& view, const Config& config);

}  // namespace nodeboot
