#pragma once

#include "phases/services.hpp"
#include "system/action.hpp"

namespace nodeboot {

/// The phases of `node reset`. leave-cluster: kubeadm reset, then what it leaves (flannel's links and state). On a
/// control plane that destroys the cluster's etcd; the command asks first. own-files: files whose first line says that
/// nodeboot made them, its units, and its mark in fstab. Packages, images and run records stay.
std::shared_ptr<const NodePhase> make_leave_cluster_phase(const NodeServices& services);
std::shared_ptr<const NodePhase> make_own_files_phase(const NodeServices& services);

}  // namespace nodeboot
