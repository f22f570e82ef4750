#pragma once

#include <filesystem>
#include <map>
#include <stop_token>
#include <string>

#include "base/backoff.hpp"
#include "base/log.hpp"
#include "net/download.hpp"

namespace nodeboot {

struct FetchOptions {
    /// Instead of the official hosts: <mirror>/<host>/<path>, e.g. http://files.example/dl.k8s.io/release/…
    std::string mirror;
    /// Registry host → base URL of a mirror of it, e.g. registry.k8s.io → https://mirror.example.
    std::map<std::string, std::string> registry_mirrors;
    Duration timeout = std::chrono::minutes(30);  ///< for one file, retries included
    std::stop_token stop;
};

/// Where bundles come from: official hosts or mirrors of them, passing failures retried and logged until `timeout`. Files
/// are net/download.hpp's; texts and registries' answers follow redirects by the same rules.
class Fetcher {
   public:
    Fetcher(Http& http, Clock& clock, const Log& log, FetchOptions options);

    const FetchOptions& options() const { return options_; }
    /// Small texts: checksums, manifests. `url` is the official one; the mirror is put in here.
    Result<std::string> text(const std::string& url);
    /// To `path`, 0644, as download() does. `corrupted` when the digest differs.
    Result<void> file(const std::string& url, const std::filesystem::path& path, const std::string& sha256);
    /// One answer with the given headers, redirects followed and retried; for registries, whose 401 means something.
    Result<HttpResponse> send(const HttpRequest& request);
    /// As `file`, from an address that is taken as it is.
    Result<void> save(const Download& what);

   private:
    std::string mirrored(const std::string& url) const;
    Result<HttpResponse> follow(HttpRequest request);
    RetryOptions retrying() const;

    Http& http_;
    Clock& clock_;
    const Log& log_;
    FetchOptions options_;
};

}  // namespace nodeboot
