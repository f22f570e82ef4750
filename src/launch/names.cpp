#include "launch/names.hpp"

#include <fmt/core.h>

#include "net/sha256.hpp"

namespace nodeboot {
namespace {

constexpr std::size_t digest_digits = 8;

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
    return bounded(fmt::format("nodeboot-{}-{}-{}", cluster, account, region), 63);
}

std::string binary_key(const std::string& cluster, const std::string& account, const std::string& region,
                       const std::string& sha256) {
    return fmt::format("{}/{}/{}/nodeboot-{}", cluster, account, region, sha256);
}

std::string parameter_name(const std::string& cluster, const std::string& leaf) {
    return fmt::format("/nodeboot/{}/{}", cluster, leaf);
}

}  // namespace nodeboot
