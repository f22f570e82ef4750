#include <algorithm>

#include "base/config.hpp"

namespace nodeboot {
namespace {

/// The n-th /24 of the VPC's range; a range below a /22 is cut into quarters.
Cidr part(const Cidr& vpc, unsigned n) {
    const unsigned prefix = std::min(std::max(24U, vpc.prefix + 2), 32U);
    return {vpc.address + (n << (32 - prefix)), prefix};
}

}  // namespace

Cidr public_subnet(const Config& config) {
    const auto& given = config.vpc.public_subnet;
    return given.empty() ? part(config.network.vpc_cidr, 0) : *parse_cidr(given);
}

std::vector<Cidr> private_subnets(const Config& config) {
    std::vector<Cidr> out;
    for (const auto& text : config.vpc.private_subnets) out.push_back(*parse_cidr(text));
    if (out.empty())
        for (unsigned n = 1; n <= 3; ++n) out.push_back(part(config.network.vpc_cidr, n));
    return out;
}

}  // namespace nodeboot
