#pragma once

#include "cli/node.hpp"
#include "system/host.hpp"

namespace nodeboot::cli {

/// Until when the certificates that kubeadm and kubelet keep on this machine are good: all that `kubeadm certs
/// check-expiration` shows, and kubelet's own. What is absent or cannot be read is left out.
std::vector<NodeFacts::Certificate> node_certificates(const HostView& view);

}  // namespace nodeboot::cli
