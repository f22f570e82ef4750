#pragma once

#include "phases/services.hpp"
#include "system/action.hpp"

namespace nodeboot {

/// Makes this machine the cluster's control plane: `kubeadm init`, once, from any half-done state.
///
/// The rule for half-done states: only what an init of nodeboot's left that did not end (kubeadm_init_unfinished stands)
/// is touched. Where /var/lib/etcd/member exists, a cluster's state lives there and nothing is removed; init is run
/// again over what is there (its phases reuse certificates and kubeconfigs and rewrite manifests). Without it `kubeadm reset`
/// clears the remains first, but for credentials that were there before that init. Anything else that is not whole is
/// somebody's, and refused; what is missing in the API of a whole one is nobody's business here.
/// Values that a cluster cannot change (pod and service range, DNS domain) are compared with those it was made with.
std::shared_ptr<const NodePhase> make_kubeadm_init_phase(const NodeServices& services);

}  // namespace nodeboot
