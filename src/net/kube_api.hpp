#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace nodeboot {

/// The Kubernetes API with the rights of one kubeconfig. Paths are API paths ("/api/v1/nodes/ip-10-0-1-5").
/// `unavailable` when nothing answers or the server says 429/5xx; the server's own message is in every error.
class KubeReader {
   public:
    virtual ~KubeReader() = default;
    /// Empty optional on 404 of the object.
    virtual Result<std::optional<nlohmann::json>> get(const std::string& path) const = 0;
    /// /readyz: true when the server answers 200; `permission` when it does not know who asks.
    virtual Result<bool> ready() const = 0;
};

class KubeApi : public KubeReader {
   public:
    /// Server-side apply (application/apply-patch+yaml) with fieldManager=nodeboot&force=true&fieldValidation=Strict.
    virtual Result<nlohmann::json> apply(const std::string& path, const nlohmann::json& object) = 0;
    /// The same with dryRun=All: what the server would store. Changes nothing, so it is part of looking.
    virtual Result<nlohmann::json> apply_dry_run(const std::string& path, const nlohmann::json& object) const = 0;
    virtual Result<nlohmann::json> create(const std::string& collection_path, const nlohmann::json& object) = 0;
    /// JSON merge patch (RFC 7386).
    virtual Result<nlohmann::json> patch(const std::string& path, const nlohmann::json& merge_patch) = 0;
    virtual Result<void> remove(const std::string& path) = 0;  ///< absent is success
};

}  // namespace nodeboot
