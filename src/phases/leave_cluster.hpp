#pragma once

#include "system/action.hpp"

namespace nodeboot {

/// The undoing of kubeadm's init and join: kubeadm reset, then what that leaves (flannel's links and state). On a control
/// plane it destroys the cluster's etcd: the command asks first. What a machine is, it tells by itself; its role in the
/// config does not matter.
Result<std::vector<NodeChange>> plan_to_leave_cluster(const HostView& view);

}  // namespace nodeboot
