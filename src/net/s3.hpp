#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/aws_client.hpp"
#include "net/download.hpp"

namespace nodeboot {

struct S3Object {
    std::string bucket;
    std::string key;  ///< any text; "nodeboot/0.1.0/nodeboot-amd64"

    std::string text() const { return "s3://" + bucket + "/" + key; }
};

struct S3Listed {
    std::string key;
    std::uint64_t size = 0;  ///< bytes
};

/// What S3 keeps beside an object.
struct S3Head {
    std::uint64_t size = 0;  ///< bytes
    std::string sha256;      ///< hex; empty where it was uploaded without one
};

/// Amazon S3, as far as nodeboot uses it: one private bucket that holds its binary. Buckets are addressed in the host's
/// name, in the path where the endpoint is overridden. Uploads carry their SHA-256, which S3 checks and keeps. All calls
/// may be repeated. Thread-safe.
class S3 {
   public:
    using Tags = std::vector<std::pair<std::string, std::string>>;
    explicit S3(AwsClient& client, std::stop_token stop = {}) : client_(client), stop_(std::move(stop)) {}

    /// False when nobody has it. `conflict` when it lies in another region, `permission` when it is not ours to see.
    Result<bool> bucket_exists(const std::string& bucket);
    /// In the client's region; success when it is ours already. `conflict` when the name is somebody else's.
    Result<void> create_bucket(const std::string& bucket);
    Result<void> block_public_access(const std::string& bucket);
    Result<bool> public_access_is_blocked(const std::string& bucket);
    /// With S3's own keys (SSE-S3), for what is written without saying otherwise.
    Result<void> encrypt_bucket(const std::string& bucket);
    Result<void> tag_bucket(const std::string& bucket, const Tags& tags);
    Result<Tags> bucket_tags(const std::string& bucket);
    /// Absent is success, objects in it are `conflict`.
    Result<void> remove_bucket(const std::string& bucket);

    Result<std::optional<S3Head>> head(const S3Object& object);
    /// Streams the file at `path`, whose SHA-256 (hex) is given. `corrupted` when what arrived has another.
    Result<void> put_file(const S3Object& object, const std::string& path, const std::string& sha256,
                          std::function<void(std::uint64_t, std::uint64_t)> progress = {});
    /// As download(): resumed, and complete and right or not there. `what.url` is not used.
    Result<Downloaded> get_file(Http& http, Clock& clock, const S3Object& object, Download what,
                                const RetryOptions& retrying);
    /// Absent is success.
    Result<void> remove(const S3Object& object);
    /// All whose key starts with `prefix`, over all pages.
    Result<std::vector<S3Listed>> list(const std::string& bucket, const std::string& prefix);

   private:
    AwsCall call(const std::string& action, const std::string& method, const S3Object& object,
                 const std::string& query = {}) const;
    Result<void> put_setting(const std::string& action, const std::string& bucket, const std::string& query,
                             std::string xml);
    AwsClient& client_;
    std::stop_token stop_;
};

/// S3's rules for names (docs.aws.amazon.com, "General purpose bucket naming rules"), without dots, which TLS
/// certificates do not cover.
Result<void> check_bucket_name(const std::string& name);

}  // namespace nodeboot
