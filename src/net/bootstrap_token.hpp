#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "net/kube_api.hpp"

namespace nodeboot {

/// A kubeadm bootstrap token, "abcdef.0123456789abcdef": the id is public, the rest is not
/// (kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens).
struct BootstrapToken {
    std::string id;  ///< 6 of [a-z0-9]
    Secret secret;   ///< 16 of [a-z0-9]

    Secret text() const { return Secret(id + "." + std::string(secret.reveal())); }
};

Result<BootstrapToken> generate_bootstrap_token();
/// `corrupted` when it has not that form; the text is not quoted.
Result<BootstrapToken> parse_bootstrap_token(const Secret& text);

/// The Secret object kube-system/bootstrap-token-<id> that makes the API server accept the token for joining
/// (authentication, signing, group system:bootstrappers:kubeadm:default-node-token) until `expires`.
nlohmann::json bootstrap_token_object(const BootstrapToken& token, WallTime expires);
Result<void> create_bootstrap_token(KubeApi& api, const BootstrapToken& token, WallTime expires);

/// ConfigMap kube-public/cluster-info: where the API is and its CA, signed for each token that may be used.
struct ClusterInfo {
    std::string kubeconfig;                         ///< YAML; the bytes that are signed
    std::map<std::string, std::string> signatures;  ///< token id → detached JWS (RFC 7515, appendix F)
};

Result<ClusterInfo> parse_cluster_info(const nlohmann::json& config_map);
/// Empty optional while the object is not there. Needs no identity.
Result<std::optional<ClusterInfo>> read_cluster_info(const KubeReader& api);

/// Whether whoever holds `token` signed this info: HS256 over the kubeconfig with the token's secret as key.
/// `not_found` when there is no signature for the token (it expired, or is not signed yet), `refused` when it is wrong.
Result<void> verify_cluster_info(const ClusterInfo& info, const BootstrapToken& token);

}  // namespace nodeboot
