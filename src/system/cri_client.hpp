#pragma once

#include <stop_token>

#include "system/cri.hpp"
#include "system/host.hpp"

namespace nodeboot {

/// Cri over the runtime's own socket, CRI version runtime.v1 (Kubernetes 1.26 and later). No process is started.
class CriClient final : public Cri {
   public:
    explicit CriClient(Path socket = "/run/containerd/containerd.sock", std::stop_token stop = {})
        : socket_(std::move(socket)), stop_(std::move(stop)) {}

    /// `conflict` when the daemon answers but runs without its CRI plugin.
    Result<CriStatus> status() const override;
    Result<std::vector<std::string>> images() const override;
    /// `not_found` when the registry has no such image, `permission` when it wants credentials.
    Result<void> pull(const std::string& reference, Duration timeout) override;
    Result<std::vector<std::string>> sandboxes() const override;
    Result<void> remove_sandbox(const std::string& id) override;

   private:
    Result<std::string> ask(const std::string& method, std::string request, Duration timeout) const;
    Result<std::optional<bool>> cgroup_driver_in_force() const;

    Path socket_;
    std::stop_token stop_;
};

/// Why an image could not be pulled, from the runtime's text: containerd gives nearly everything the code "unknown".
ErrorKind classify_pull_failure(unsigned grpc_status, std::string_view message);

}  // namespace nodeboot
