#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/backoff.hpp"
#include "net/http.hpp"

namespace nodeboot {

struct Download {
    std::string url;
    std::string path;    ///< where it goes when it is complete and right; the folder must exist
    std::string sha256;  ///< hex; empty: unknown, any content of the right length is taken
    std::uint32_t mode = 0644;
    std::uint64_t max_size = std::uint64_t{4} << 30;             ///< bytes
    Duration timeout = std::chrono::minutes(30);                 ///< for one attempt
    std::vector<std::pair<std::string, std::string>> headers;    ///< for the URL's own host only
    std::function<void(std::uint64_t, std::uint64_t)> progress;  ///< bytes so far, total (0: not known)
    std::function<Result<void>(HttpRequest&)> sign;  ///< last touch before each attempt, for the own host only
    unsigned redirects = 5;                          ///< followed, https to https only
};

struct Downloaded {
    std::uint64_t size = 0;
    std::string sha256;
};

/// Fetches a file: streamed to <path>.part with a running digest, continued where a broken connection left it (Range,
/// If-Range), and renamed to `path` only when complete, synced and of the expected digest. Network trouble, 408, 429
/// and 5xx are retried as `retrying` says. `corrupted`: another digest, also after one fresh start; the part is removed.
Result<Downloaded> download(Http& http, Clock& clock, const Download& what, const RetryOptions& retrying);

}  // namespace nodeboot
