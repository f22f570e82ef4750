#pragma once

#include "phases/bundle.hpp"
#include "phases/services.hpp"
#include "system/action.hpp"

namespace nodeboot {

/// The container images that kubeadm and flannel will ask for, there before they ask: imported from the bundle, or
/// pulled with nodeboot's own retries (kubeadm gives up on the first failed pull). Only until the machine is a member;
/// afterwards images are kubelet's business.
std::shared_ptr<const NodePhase> make_images_phase(const NodeServices& services, std::shared_ptr<const Bundle> bundle,
                                                   Role role);

/// Of `all` (kubeadm config images list), those that a node of this role runs.
std::vector<std::string> images_for(Role role, const std::vector<std::string>& all);

}  // namespace nodeboot
