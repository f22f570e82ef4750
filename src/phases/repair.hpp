#pragma once

#include "phases/services.hpp"
#include "system/action.hpp"

namespace nodeboot {

/// What only a person may allow.
struct RepairOptions {
    bool rejoin = false;      ///< worker: leave and join again even though the membership looks whole
    std::string forget_node;  ///< control plane: delete this Node object, so that its name can join again
};

/// Runs before the join. Worker: removes credentials that the API server no longer accepts (expired, another
/// cluster's CA), or all of them with `rejoin`. Control plane: deletes the Node object named. Never touches etcd.
std::shared_ptr<const NodePhase> make_repair_phase(const NodeServices& services, RepairOptions options);

}  // namespace nodeboot
