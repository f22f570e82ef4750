#pragma once

#include <string>

#include "base/config.hpp"

namespace nodeboot {

/// Names of what has no tags to be found by, or shares its names with the whole account or world. Each holds the cluster's
/// name; those that would be too long end in a part of their digest instead.

/// Of roles and instance profiles (64 characters): IAM knows no regions, so the region is in it. They have no path: IAM judges
/// the question for one that does not exist by the ARN without, so that no policy with a path could allow it.
std::string role_name(const std::string& cluster, const std::string& region, Role role);

/// Of the inline policy in such a role.
inline constexpr const char* role_policy_name = "nodeboot";

/// 63 characters; the account is in it because bucket names are shared by everybody.
std::string bucket_name(const std::string& cluster, const std::string& account, const std::string& region);
/// What matches it in a policy, whatever the account: "nodeboot-demo-*-eu-central-1".
std::string bucket_pattern(const std::string& cluster, const std::string& region);

/// "demo/123456789012/eu-central-1/nodeboot-<sha256>": what user-data names is never replaced by something else, and clusters
/// of one name in several accounts or regions may share a bucket.
std::string binary_key(const std::string& cluster, const std::string& account, const std::string& region,
                       const std::string& sha256);

/// "/nodeboot/demo/join"; the folder of all of them without `leaf`.
std::string parameter_name(const std::string& cluster, const std::string& leaf);

}  // namespace nodeboot
