#pragma once

#include "phases/services.hpp"
#include "system/action.hpp"

namespace nodeboot {

/// Control plane: gives nodes without a role the label node-role.kubernetes.io/worker, and this node the labels of its
/// config that a kubelet may not set itself. A joined node may not label itself so (kubeadm#2509); a timer runs this.
std::shared_ptr<const NodePhase> make_node_roles_phase(const NodeServices& services);

}  // namespace nodeboot
