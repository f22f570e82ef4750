#pragma once

#include <set>

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

/// The image archives of a bundle that bring something which is not `present`, a list of CRI's; on a worker without those that hold
/// nothing but the control plane's own programs. Others, whatever they are, somebody packed for these nodes.
std::vector<BundleFile> archives_to_import(Role role, const BundleManifest& manifest,
                                           const std::set<std::string>& present);

}  // namespace nodeboot
