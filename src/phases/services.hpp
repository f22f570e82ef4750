#pragma once

#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/config.hpp"
#include "base/log.hpp"
#include "net/http.hpp"
#include "net/join_store.hpp"
#include "net/kube_api.hpp"
#include "system/cri.hpp"
#include "system/host.hpp"

namespace nodeboot {

/// The Kubernetes API as this machine may ask it. Clients are made when first asked for and when their kubeconfig
/// changes; the kubeconfigs do not exist before kubeadm has run.
class KubeAccess {
   public:
    virtual ~KubeAccess() = default;
    /// With /etc/kubernetes/admin.conf (control plane). `not_found` when the file is absent.
    virtual Result<std::shared_ptr<KubeApi>> admin() = 0;
    /// With /etc/kubernetes/kubelet.conf: this node's own rights. `not_found` when the file is absent.
    virtual Result<std::shared_ptr<KubeApi>> node() = 0;
    /// Of admin.conf: "10.0.0.10:6443", and the hash of the CA in it, as a joining node pins it.
    virtual Result<std::string> endpoint() = 0;
    virtual Result<std::string> ca_hash() = 0;
};

/// What phases of the node are made from. All outlive the catalog.
struct NodeServices {
    const Config& config;
    Host& host;
    Clock& clock;
    const Log& log;
    Cri& cri;
    KubeAccess& kube;
    JoinStore& store;
    Http& http;
    std::string node_name;  ///< settled by preflight's rule: config.node.name, else the hostname
    /// Where the configuration is, if not in /etc/nodeboot/config.toml: for the units that start nodeboot again.
    std::string config_file = {};
};

}  // namespace nodeboot
