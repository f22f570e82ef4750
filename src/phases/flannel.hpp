#pragma once

#include "phases/services.hpp"
#include "system/action.hpp"

namespace nodeboot {

/// Control plane: flannel's objects in the API, server-side applied. Each object is compared with what the server
/// holds; fields that somebody changed are put back, fields that others added stay. Verified when this node is Ready,
/// which needs flannel to have written its CNI configuration here.
std::shared_ptr<const NodePhase> make_flannel_phase(const NodeServices& services);

/// Control plane: CoreDNS answers for the cluster (its Deployment is Available). kubeadm made it; nothing to change.
std::shared_ptr<const NodePhase> make_cluster_dns_phase(const NodeServices& services);

}  // namespace nodeboot
