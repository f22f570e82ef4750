#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace nodeboot {

/// What a container runtime says of itself over CRI (runtime.v1 RuntimeService/Version and Status --verbose).
struct CriStatus {
    std::string runtime_name;     ///< "containerd"
    std::string runtime_version;  ///< "1.7.24~ds1"
    bool runtime_ready = false;   ///< condition RuntimeReady
    bool network_ready = false;   ///< condition NetworkReady: a CNI config is loaded
    std::string network_message;
    std::optional<bool> systemd_cgroup;  ///< in force for runc, from RuntimeConfig (2.x) or the verbose config (1.x)
    std::string sandbox_image;           ///< in force, from the verbose config; empty with 2.x, which does not show it
};

/// The runtime, asked over its gRPC socket; no process is started. `unavailable` while nothing listens.
class Cri {
   public:
    virtual ~Cri() = default;
    virtual Result<CriStatus> status() const = 0;
    /// ImageService/ListImages: every repo tag and digest.
    virtual Result<std::vector<std::string>> images() const = 0;
    /// ImageService/PullImage; `unavailable` when the registry could not be reached, so that the caller retries.
    virtual Result<void> pull(const std::string& reference, Duration timeout) = 0;
    /// Pod sandboxes that exist: for `reset`.
    virtual Result<std::vector<std::string>> sandboxes() const = 0;
    virtual Result<void> remove_sandbox(const std::string& id) = 0;  ///< stops it first
};

}  // namespace nodeboot
