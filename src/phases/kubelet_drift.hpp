#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/config.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "net/kube_api.hpp"
#include "system/host.hpp"

namespace nodeboot {

/// A member's kubelet runs with /var/lib/kubelet/config.yaml, which kubeadm made of the cluster's ConfigMap kubelet-config
/// when the node joined. Neither follows the other: an edited file is lost at the next upgrade, an edited ConfigMap reaches
/// a node by `kubeadm upgrade node phase kubelet-config` alone. Only shown, never changed: kubeadm applies patches of the
/// administrator's that nodeboot does not know, and a file edited on purpose looks the same.

/// In what a node's file differs, a line each: "maxPods: 110, here 50". Left out is what is a node's own: its resolver, its
/// CRI socket, and what stands in `instance`, kubeadm's instance-config.yaml. "Not set", empty and zero are the same, and so
/// are two spellings of a time ("5m", "5m0s"): kubeadm writes the file through Go's types. `corrupted` where one of
/// the texts is not YAML.
Result<std::vector<std::string>> kubelet_config_differences(std::string_view cluster, std::string_view here,
                                                            std::string_view instance);

/// Asks `api` for the ConfigMap and warns of differences. An API server that does not answer, or refuses, is no error.
void warn_of_kubelet_drift(const HostView& view, const KubeReader& api, const Config& config, const Log& log);

}  // namespace nodeboot
