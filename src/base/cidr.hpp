#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace nodeboot {

/// An IPv4 network in CIDR notation (RFC 4632). Parsing refuses host bits ("10.0.1.5/16") and names the network
/// that was probably meant.
struct Cidr {
    std::uint32_t address = 0;  ///< host byte order, host bits zero
    unsigned prefix = 0;        ///< 0..32

    bool contains(std::uint32_t ip) const;
    bool overlaps(const Cidr& other) const;
    std::uint64_t size() const { return std::uint64_t{1} << (32 - prefix); }
    friend bool operator==(const Cidr&, const Cidr&) = default;
};

Result<Cidr> parse_cidr(std::string_view text);
std::string to_string(const Cidr& cidr);
Result<std::uint32_t> parse_ipv4(std::string_view text);
std::string format_ipv4(std::uint32_t ip);

}  // namespace nodeboot
