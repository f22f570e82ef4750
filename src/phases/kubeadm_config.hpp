#pragma once

#include <map>
#include <string>

#include "base/config.hpp"
#include "net/join_store.hpp"

namespace nodeboot {

/// kubeadm's configuration files in the API version that the installed kubeadm speaks: v1beta3 for 1.22 to 1.30,
/// v1beta4 from 1.31 (cmd/kubeadm/app/apis/kubeadm/v1beta4). Pure: same input, same bytes (tests/golden/kubeadm).

struct KubeadmFacts {
    Version version;  ///< of the kubeadm that will read the file, with its patch
    std::string node_name;
    std::string resolv_conf;  ///< for kubelet: must not lead to 127.0.0.53; empty: kubeadm's own choice
};

/// InitConfiguration, ClusterConfiguration, KubeletConfiguration and KubeProxyConfiguration. Holds no secret: the
/// bootstrap token that `kubeadm init` insists on making gets a lifetime of one minute and is never printed.
std::string render_kubeadm_init(const Config& config, const KubeadmFacts& facts);

/// JoinConfiguration. Holds the token, so the result goes to a 0600 file that is removed after the join.
Secret render_kubeadm_join(const Config& config, const KubeadmFacts& facts, const JoinSecret& join);

/// What kubelet may give itself of node.labels, in its arguments, beside those that kubelet.extra_args gives.
void add_node_labels(std::map<std::string, std::string>& arguments, const Config& config);

}  // namespace nodeboot
