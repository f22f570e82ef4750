#pragma once

#include <cstdint>
#include <functional>
#include <memory>
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
/// name, in the path where the endpoint is overridden. Everything written is encrypted with S3's own keys. All calls may be
/// repeated. Thread-safe.
class S3 {
   public:
    using Tags = std::vector<std::pair<std::string, std::string>>;
    virtual ~S3() = default;

    /// False when nobody has it. `conflict` when it lies in another region, `permission` when it is not ours.
    virtual Result<bool> bucket_exists(const std::string& bucket) = 0;
    /// In the client's region; success when it is ours already. `conflict` when the name is somebody else's.
    virtual Result<void> create_bucket(const std::string& bucket) = 0;
    virtual Result<void> block_public_access(const std::string& bucket) = 0;
    virtual Result<bool> public_access_is_blocked(const std::string& bucket) = 0;
    virtual Result<void> tag_bucket(const std::string& bucket, const Tags& tags) = 0;
    virtual Result<Tags> bucket_tags(const std::string& bucket) = 0;
    /// Absent is success, objects in it are `conflict`.
    virtual Result<void> remove_bucket(const std::string& bucket) = 0;

    virtual Result<std::optional<S3Head>> head(const S3Object& object) = 0;
    /// Streams the file at `path`, whose SHA-256 (hex) is given, which S3 checks and keeps. `corrupted` when what arrived
    /// has another.
    virtual Result<void> put_file(const S3Object& object, const std::string& path, const std::string& sha256,
                                  std::function<void(std::uint64_t, std::uint64_t)> progress) = 0;
    /// As download(): resumed, and complete and right or not there. `what.url` is not used.
    virtual Result<Downloaded> get_file(const S3Object& object, Download what, const RetryOptions& retrying) = 0;
    /// Absent is success.
    virtual Result<void> remove(const S3Object& object) = 0;
    /// All whose key starts with `prefix`, over all pages.
    virtual Result<std::vector<S3Listed>> list(const std::string& bucket, const std::string& prefix) = 0;
};

struct S3Options {
    /// Calls on buckets of any other account are refused by S3: a name that was let go may be somebody else's by now.
    /// Empty: not checked.
    std::string expected_owner;
    std::stop_token stop;
};

/// `client` has to live longer.
std::unique_ptr<S3> make_s3(AwsClient& client, S3Options options = {});

/// S3's rules for names (docs.aws.amazon.com, "General purpose bucket naming rules"), without dots, which TLS
/// certificates do not cover.
Result<void> check_bucket_name(const std::string& name);

}  // namespace nodeboot
