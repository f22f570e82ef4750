#include "base/cidr.hpp"

#include <arpa/inet.h>
#include <fmt/core.h>

#include <charconv>

namespace nodeboot {
namespace {

std::uint32_t mask_of(unsigned prefix) { return prefix == 0 ? 0 : ~std::uint32_t{0} << (32 - prefix); }

}  // namespace

Result<std::uint32_t> parse_ipv4(std::string_view text) {
    in_addr parsed{};
    const bool ends_early = text.find('\0') != std::string_view::npos;  // for inet_pton
    if (ends_early || inet_pton(AF_INET, std::string(text).c_str(), &parsed) != 1)
        return fail(ErrorKind::invalid_input, fmt::format("'{}' is not an IPv4 address", text));
    return ntohl(parsed.s_addr);
}

std::string format_ipv4(std::uint32_t ip) {
    return fmt::format("{}.{}.{}.{}", ip >> 24, ip >> 16 & 0xff, ip >> 8 & 0xff, ip & 0xff);
}

Result<Cidr> parse_cidr(std::string_view text) {
    const auto slash = text.find('/');
    unsigned prefix = 0;
    const std::string_view digits = slash == std::string_view::npos ? "" : text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
    auto address = parse_ipv4(text.substr(0, slash));
    if (!address || digits.empty() || error != std::errc{} || end != digits.data() + digits.size() || prefix > 32)
        return fail(ErrorKind::invalid_input, fmt::format("'{}' is not an IPv4 range like 10.0.0.0/16", text));
    const Cidr cidr{*address & mask_of(prefix), prefix};
    if (cidr.address != *address)
        return fail(ErrorKind::invalid_input, fmt::format("'{}' has host bits set", text),
                    fmt::format("the network is {}", to_string(cidr)));
    return cidr;
}

std::string to_string(const Cidr& cidr) { return fmt::format("{}/{}", format_ipv4(cidr.address), cidr.prefix); }

bool Cidr::contains(std::uint32_t ip) const { return (ip & mask_of(prefix)) == address; }

bool Cidr::overlaps(const Cidr& other) const { return contains(other.address) || other.contains(address); }

}  // namespace nodeboot
