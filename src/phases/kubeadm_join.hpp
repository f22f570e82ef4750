#pragma once

#include "phases/join_material.hpp"
#include "phases/services.hpp"
#include "system/action.hpp"

namespace nodeboot {

/// Worker: waits for the join secret while the rest of the machine is still being installed. Nothing to do on a
/// machine that has joined.
std::shared_ptr<const NodePhase> make_join_secret_fetch_phase(const NodeServices& services,
                                                              std::shared_ptr<JoinMaterial> material);

/// Worker: `kubeadm join` with the CA pinned, once. Remains of an interrupted join are removed first; a kubelet.conf
/// that works is never touched. Verified when this node's own Node object is Ready.
std::shared_ptr<const NodePhase> make_kubeadm_join_phase(const NodeServices& services,
                                                         std::shared_ptr<JoinMaterial> material);

}  // namespace nodeboot
