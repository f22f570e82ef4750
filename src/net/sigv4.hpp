#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "net/http.hpp"

namespace nodeboot {

struct AwsCredentials {
    std::string access_key_id;
    Secret secret_access_key;
    Secret session_token;             ///< empty for a user's own keys
    std::optional<WallTime> expires;  ///< never, when empty
};

/// What a signature is valid for.
struct SigningScope {
    std::string region;
    std::string service;  ///< signing name: "ssm", "ec2", "s3"
    WallTime time{};      ///< by AWS's clock, or 5 minutes off at most
    /// Sent and signed as x-amz-content-sha256; S3 insists on it.
    bool content_sha256_header = false;
    /// Sign the path as it goes over the wire, neither normalised nor encoded once more; S3 alone works so.
    bool path_as_is = false;
    /// Hex; empty: that of the request's body. For upload_file, which is not read here.
    std::string payload_sha256;
};

/// AWS Signature Version 4 (docs.aws.amazon.com, "Create a signed AWS API request"): adds X-Amz-Date,
/// X-Amz-Security-Token and Authorization. Every header present is signed, and Host. The URL's path must be
/// percent-encoded as it goes over the wire. A pure function of its arguments. Why not libcurl's CURLOPT_AWS_SIGV4:
/// docs/decisions/0007-aws-client.md.
Result<void> sign_v4(HttpRequest& request, const AwsCredentials& credentials, const SigningScope& scope);

}  // namespace nodeboot
