#pragma once

#include "phases/services.hpp"
#include "system/action.hpp"

namespace nodeboot {

/// Makes this machine the cluster's control plane: `kubeadm init`, once, from any half-done state.
///
/// The rule for half-done states: where /var/lib/etcd/member exists, a cluster's state lives there and nothing is
/// removed; init is run again over what is there (its phases reuse certificates and kubeconfigs and rewrite
/// manifests). Without it nothing of value can exist, so `kubeadm reset` clears the remains first.
/// Values that a cluster cannot change (pod and service range, DNS domain) are compared with those it was made with.
std::shared_ptr<const NodePhase> make_kubeadm_init_phase(const NodeServices& services);

}  // namespace nodeboot
