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

}  // namespace nodeboot
