#pragma once

#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

#include "phases/services.hpp"

namespace nodeboot {

/// KubeAccess over the kubeconfig files on this machine. A client is kept, with its connection, as long as its file
/// reads the same; kubelet's certificate rotates under a symlink, so that is read, too. Thread-safe.
class FileKubeAccess final : public KubeAccess {
   public:
    FileKubeAccess(const HostView& view, Http& http, std::stop_token stop = {});

    Result<std::shared_ptr<KubeApi>> admin() override;
    Result<std::shared_ptr<KubeApi>> node() override;
    Result<std::string> endpoint() override;
    Result<std::string> ca_hash() override;

   private:
    struct Client {
        std::string fingerprint;  ///< of everything the client was made from
        std::shared_ptr<KubeApi> api;
    };
    Result<std::shared_ptr<KubeApi>> client(Client& kept, const char* path);

    const HostView& view_;
    Http& http_;
    std::stop_token stop_;
    std::mutex mutex_;
    Client admin_;
    Client node_;
};

}  // namespace nodeboot
