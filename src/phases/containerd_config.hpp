#pragma once

#include <memory>

#include "base/clock.hpp"
#include "base/config.hpp"
#include "system/action.hpp"
#include "system/cri.hpp"

namespace nodeboot {

/// containerd runs, at boot too, with nodeboot's configuration (containerd_toml.hpp), registry mirrors and crictl.yaml.
/// It is restarted only when its file changes, when it was started before its file, its binary or a unit
/// of nodeboot's was last written. Verified by asking it over CRI: ready, the cgroup driver and the pause image in force are
/// those of the file; running pods are not touched by a restart.
std::shared_ptr<const NodePhase> make_containerd_config_phase(const Config& config, const Cri& cri, const Clock& clock);

/// The socket, as kubeadm, kubelet and crictl want it.
inline constexpr auto kCriSocket = "unix:///run/containerd/containerd.sock";

}  // namespace nodeboot
