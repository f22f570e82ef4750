#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"

namespace nodeboot {

/// What a worker needs to join: published by the control plane, one JSON document, format 1.
struct JoinSecret {
    std::string endpoint;                     ///< host:port of the API
    Secret token;                             ///< "abcdef.0123456789abcdef"
    std::vector<std::string> ca_cert_hashes;  ///< "sha256:" + hex over the CA's SubjectPublicKeyInfo
    WallTime expires{};
    std::string kubernetes_version;  ///< "v1.35.2"
};

/// `corrupted` names what is missing or malformed, never the token.
Result<JoinSecret> parse_join_secret(const Secret& document);
Secret serialise(const JoinSecret& secret);

/// Whether trouble that passes is the caller's, who has a schedule of its own, or is waited out by the store's call.
enum class Look { once, patiently };

/// Where control plane and workers meet: SSM Parameter Store, or a folder.
class JoinStore {
   public:
    virtual ~JoinStore() = default;
    /// Empty optional while nothing is published. `unavailable` or `timeout` on throttling and network trouble.
    virtual Result<std::optional<JoinSecret>> fetch(Look look) const = 0;
    virtual Result<void> publish(const JoinSecret& secret) = 0;
    /// Admin access, as a kubeconfig, for `nodeboot cluster kubeconfig`. Only the control plane and the operator may
    /// read it. Empty optional while none is published.
    virtual Result<std::optional<Secret>> fetch_kubeconfig() const = 0;
    virtual Result<void> publish_kubeconfig(const Secret& kubeconfig) = 0;
    /// For people: "SSM parameter /nodeboot/demo/join in eu-central-1".
    virtual std::string describe() const = 0;
};

}  // namespace nodeboot
