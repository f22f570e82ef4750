#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/config.hpp"

namespace nodeboot {

/// One object of a manifest and the API path it lives at.
struct KubeObject {
    std::string path;
    std::string name;  ///< "DaemonSet kube-flannel/kube-flannel-ds"
    nlohmann::json object;
};

/// Flannel v0.28 for this cluster: the objects, names and fields of its Documentation/kube-flannel.yml, with
/// net-conf.json's Network = pod_cidr (it must equal kubeadm's podSubnet) and the VXLAN port of the config.
/// Pure; tests/golden/flannel holds the result.
std::vector<KubeObject> flannel_manifest(const Config& config);

/// The first place where `live` lacks what `wanted` asks for ("/spec/template/…: is X"); empty when all of it is there.
/// What the server or others added is nobody's difference.
std::string first_difference(const nlohmann::json& wanted, const nlohmann::json& live);

}  // namespace nodeboot
