#pragma once

#include <map>
#include <string>
#include <string_view>

namespace nodeboot {

/// Whether a kubelet may give its own Node this label. Of the names under kubernetes.io and k8s.io it may only give a
/// few: with another one in --node-labels it does not start, and the API server (NodeRestriction) refuses it from a
/// joined node.
bool may_label_itself(std::string_view key);

/// What nobody would give a worker: a label that its kubelet may not give, and that the control plane does not give
/// either (it gives node-role.kubernetes.io/worker, without a value). What is wrong and what to do, or nothing.
std::string worker_label_flaw(const std::string& key, const std::string& value);

}  // namespace nodeboot
