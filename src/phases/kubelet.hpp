#pragma once

#include "phases/services.hpp"
#include "system/action.hpp"

namespace nodeboot {

/// kubelet's systemd unit: the packages' own where they brought one, else the same files written by nodeboot; and a
/// drop-in of ours. Enabled always; running once the machine is a member of the cluster (before, kubelet has no
/// configuration and would only restart in a loop). A member's is restarted when it was started before a unit file of
/// ours or its binary was last written; before that, kubeadm starts it after all of them.
std::shared_ptr<const NodePhase> make_kubelet_phase(const NodeServices& services);

/// Did kubelet come as a package, whose folders are not nodeboot's to remove? A bundle brings no vendor unit.
Result<bool> kubelet_is_from_a_package(const HostView& view);

}  // namespace nodeboot
