#pragma once

#include "phases/services.hpp"
#include "system/action.hpp"

namespace nodeboot {

/// Control plane: keeps admin.conf in the join store, so that an operator's `cluster kubeconfig` gets access without
/// SSH. Published again when admin.conf is another one (a new cluster, renewed certificates).
std::shared_ptr<const NodePhase> make_kubeconfig_publish_phase(const NodeServices& services);

}  // namespace nodeboot
