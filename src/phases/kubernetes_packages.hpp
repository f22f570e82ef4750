#pragma once

#include "phases/bundle.hpp"
#include "phases/services.hpp"
#include "system/action.hpp"

namespace nodeboot {

/// kubeadm, kubelet, kubectl and the CNI plugins, from where `kubernetes.source` says:
///  - repository: an apt repository of one minor version (pkgs.k8s.io's layout), its key, a pin on the configured
///    version and a hold, so that nothing upgrades a node by itself; on machines of dnf see kubernetes_rpms.hpp;
///  - bundle: files checked against the bundle's manifest;
///  - preinstalled: looked for only.
/// A member's version is not changed here: moving a cluster to another version is an upgrade, not a repair.
std::shared_ptr<const NodePhase> make_kubernetes_packages_phase(const NodeServices& services,
                                                                std::shared_ptr<const Bundle> bundle);

/// `repository_url` with {minor} put in.
std::string repository_url(const KubernetesConfig& config);

}  // namespace nodeboot
