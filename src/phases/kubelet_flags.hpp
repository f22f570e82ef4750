#pragma once

#include <string_view>

namespace nodeboot {

/// Where kubeadm leaves kubelet's arguments, as one quoted value: KUBELET_KUBEADM_ARGS="--a=b --c=d". kubelet's unit reads it.
inline constexpr const char* kubelet_flags_file = "/var/lib/kubelet/kubeadm-flags.env";

/// What a node's kubelet has of its own beside the cluster's configuration (kubeadm's feature gate NodeLocalCRISocket).
inline constexpr const char* kubelet_instance_config = "/var/lib/kubelet/instance-config.yaml";

/// What stands between the quotes, a part of `flags`, the file's text; without data() where it names no arguments.
std::string_view kubelet_arguments(std::string_view flags);

}  // namespace nodeboot
