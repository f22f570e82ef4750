#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/config.hpp"
#include "base/result.hpp"

namespace nodeboot {

/// kubeadm init reads its configuration once; afterwards the cluster keeps these settings in ConfigMaps and manifests,
/// which nodeboot does not change. What init would be given now and was not given then (`given`, the file that it read),
/// a line each: "KubeletConfiguration maxPods: 110, now 50". Left out are the version, the node's name and its resolver,
/// which change without anybody's doing, the networks (kubeadm-init refuses to go on with others) and what init alone
/// looked at.
/// `corrupted` where the file cannot be read as that of an init.
Result<std::vector<std::string>> settings_changed_since_init(std::string_view given, const Config& config);

/// The same of a worker's `kubeadm join`, of which `flags`, the text of kubelet_flags_file, is what is left: kubelet's own
/// flags, labels and taints. The rest of a joined kubelet's configuration is the cluster's. Left out are the flags that
/// kubeadm gives by itself, and the resolver. Nothing where `flags` names no arguments.
std::vector<std::string> settings_changed_since_join(std::string_view flags, const Config& config);

/// The warning for both; `command` is "init" or "join".
std::string read_once_text(std::string_view command, const std::vector<std::string>& changed);

}  // namespace nodeboot
