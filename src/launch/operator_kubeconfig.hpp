#pragma once

#include <string>

#include "net/kubeconfig.hpp"

namespace nodeboot {

/// The control plane's admin.conf for an operator outside: names that hold the cluster's (so that several clusters fit
/// into one file), and `address` (an address or name, not empty) instead of the one that the nodes use. The API
/// server's certificate need not hold that address: the name "kubernetes", which kubeadm puts into every one, is
/// checked instead (tls-server-name).
/// `corrupted` when admin.conf is none.
Result<Secret> operator_kubeconfig(const Secret& admin_conf, const std::string& cluster, const std::string& address);

}  // namespace nodeboot
