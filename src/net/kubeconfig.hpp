#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace nodeboot {

/// The current context of a kubeconfig file: where the API is, whom to trust, who we are.
struct Kubeconfig {
    std::string server;  ///< "https://10.0.0.10:6443"
    std::string ca_pem;
    std::string client_certificate_pem;
    Secret client_key_pem;
    Secret token;
    std::string cluster, user, context;  ///< names in the file
};

/// How files that a kubeconfig refers to are read: a HostView's read(), through read_through().
using ReadFile = std::function<Result<std::optional<std::string>>(const std::string& path)>;

/// Something with read(path), as HostView has it, as a ReadFile. `view` must outlive it.
template <class View>
ReadFile read_through(const View& view) {
    return [&view](const std::string& path) { return view.read(path); };
}

/// Certificates and keys may be inline (base64) or in files, absolute or relative to the kubeconfig's folder; one
/// file may hold both (kubelet-client-current.pem). Refused: no TLS, insecure-skip-tls-verify, exec plugins.
/// `corrupted` names the key that is missing or malformed, never its content.
Result<Kubeconfig> parse_kubeconfig(std::string_view text, const ReadFile& files, const std::string& path);

/// The same for one that names a single cluster and nobody to be, as ConfigMap cluster-info holds.
Result<Kubeconfig> parse_cluster_only_kubeconfig(std::string_view text, const ReadFile& files, const std::string& path);

/// Empty optional when `path` does not exist.
Result<std::optional<Kubeconfig>> read_kubeconfig(const ReadFile& files, const std::string& path);

}  // namespace nodeboot
