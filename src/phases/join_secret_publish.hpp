#pragma once

#include "phases/services.hpp"
#include "system/action.hpp"

namespace nodeboot {

/// Control plane: keeps a join secret published with which a worker can join now. Renewed when less than half of its
/// life is left, when its token is gone from the API, or when endpoint, CA or version no longer match. Published only
/// after cluster-info carries the new token's signature (kubeadm#668), so that a worker never reads a dead one.
/// `rotate-token` runs this phase and node-roles alone.
std::shared_ptr<const NodePhase> make_join_secret_publish_phase(const NodeServices& services);

}  // namespace nodeboot
