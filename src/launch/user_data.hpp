#pragma once

#include <string>
#include <variant>

#include "base/config.hpp"
#include "base/result.hpp"

namespace nodeboot {

/// User-data for one role's instances: cloud-config that writes the node's configuration and, unless nodeboot is in
/// the image, fetches it. Rendered from cloud-init/*.in; docs/decisions/0006-user-data.md says why it is so.

/// The image was baked: it holds nodeboot and its enabled unit, which waits for the configuration only.
struct BinaryInImage {
    friend bool operator==(const BinaryInImage&, const BinaryInImage&) = default;
};
/// Anybody may download it.
struct BinaryFromUrl {
    std::string url;     ///< https
    std::string sha256;  ///< 64 hex digits
    friend bool operator==(const BinaryFromUrl&, const BinaryFromUrl&) = default;
};
/// A private object, fetched with the instance's role (s3:GetObject).
struct BinaryFromS3 {
    std::string bucket;
    std::string key;
    std::string region;  ///< of the bucket
    std::string sha256;
    std::string endpoint = {};  ///< https, asked as ENDPOINT/BUCKET/KEY; empty: AWS's own for the region
    friend bool operator==(const BinaryFromS3&, const BinaryFromS3&) = default;
};
using BinarySource = std::variant<BinaryInImage, BinaryFromUrl, BinaryFromS3>;

struct UserDataInput {
    Config config;  ///< as the node shall see it: with its role, and with region and endpoint where they are known
    BinarySource binary;
};

/// EC2's limit, in bytes before base64 (RunInstances).
constexpr std::size_t user_data_limit = 16384;

/// Plain text, at most `user_data_limit` bytes, without secrets; the same input gives the same text. `invalid_input`
/// for a source that is not well-formed or more than fits, `refused` for what looks like a secret.
Result<std::string> render_user_data(const UserDataInput& input);

}  // namespace nodeboot
