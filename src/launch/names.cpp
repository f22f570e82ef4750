#include "launch/names.hpp"

#include <fmt/core.h>

#include "net/sha256.hpp"

namespace nodeboot {
namespace {

constexpr std::size_t digest_digits = 8, account_digits = 12, longest_bucket = 63;

std::string bounded(std::string name, std::size_t most) {
    if (name.size() <= most) return name;
    const std::string digest = sha256_hex(name).substr(0, digest_digits);
    return fmt::format("{}-{}", name.substr(0, most - digest_digits - 1), digest);
}

}  // namespace

std::string role_name(const std::string& cluster, const std::string& region, Role role) {
    return bounded(fmt::format("nodeboot-{}-{}-{}", cluster, region, role == Role::worker ? "worker" : "control-plane"),
                   64);
}

std::string bucket_name(const std::string& cluster, const std::string& account, const std::string& region) {
    return bounded(fmt::format("nodeboot-{}-{}-{}", cluster, account, region), longest_bucket);
}

std::string bucket_pattern(const std::string& cluster, const std::string& region) {
    const std::string before = fmt::format("nodeboot-{}-", cluster), after = "-" + region;
    if (before.size() + account_digits + after.size() <= longest_bucket) return before + "*" + after;
    return before.substr(0, longest_bucket - digest_digits - 1) + "*";  // cut, and ends with a digest
}

std::string binary_key(const std::string& cluster, const std::string& account, const std::string& region,
                       const std::string& sha256) {
    return fmt::format("{}/{}/{}/nodeboot-{}", cluster, account, region, sha256);
}

std::string parameter_name(const std::string& cluster, const std::string& leaf) {
    return fmt::format("/nodeboot/{}/{}", cluster, leaf);
}

}  // namespace nodeboot
