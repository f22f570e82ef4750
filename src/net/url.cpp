#include "net/url.hpp"

#include <arpa/inet.h>
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/cidr.hpp"

namespace nodeboot {
namespace {

std::string lowered(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
    return out;
}

unsigned default_port(std::string_view scheme) { return scheme == "https" ? 443 : 80; }

tl::unexpected<Error> bad(std::string_view text, std::string_view why) {
    return fail(ErrorKind::invalid_input, fmt::format("'{}' is no usable URL: {}", printable_url(text), why));
}

bool secret_parameter(std::string_view name) {
    static constexpr std::array<std::string_view, 7> words{"key",      "token",  "sig", "credential",
                                                           "password", "secret", "auth"};
    const std::string lower = lowered(name);
    return std::any_of(words.begin(), words.end(), [&](auto word) { return lower.find(word) != std::string::npos; });
}

std::string printable_query(std::string_view query) {
    std::string out;
    while (!query.empty()) {
        const auto end = std::min(query.find('&'), query.size());
        const auto pair = query.substr(0, end);
        const auto name = pair.substr(0, pair.find('='));
        if (!out.empty()) out += '&';
        out += secret_parameter(name) && name.size() < pair.size() ? std::string(name) + "=…" : std::string(pair);
        query.remove_prefix(std::min(end + 1, query.size()));
    }
    return out;
}

}  // namespace

std::string Url::authority() const {
    const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
    return port == default_port(scheme) ? name : fmt::format("{}:{}", name, port);
}

std::string Url::text() const { return scheme + "://" + authority() + path + (query.empty() ? "" : "?" + query); }

namespace {

constexpr std::string_view letters_and_digits = "abcdefghijklmnopqrstuvwxyz0123456789";

bool all_of(std::string_view text, std::string_view others) {
    return std::all_of(text.begin(), text.end(), [&](char c) {
        return letters_and_digits.find(c) != std::string_view::npos || others.find(c) != std::string_view::npos;
    });
}

/// What stands between brackets: an IPv6 address, perhaps with a zone (RFC 6874).
bool is_ipv6(const std::string& host) {
    const auto percent = host.find("%25");
    in6_addr parsed{};
    return host.find('\0') == std::string::npos && inet_pton(AF_INET6, host.substr(0, percent).c_str(), &parsed) == 1 &&
           (percent == std::string::npos || (percent + 3 < host.size() && all_of(host.substr(percent + 3), ".-_~")));
}

}  // namespace

Result<Url> parse_url(std::string_view text) {
    if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; }))
        return bad(text, "it holds a space or control character");
    Url url;
    const auto colon = text.find("://");
    if (colon != std::string_view::npos) url.scheme = lowered(text.substr(0, colon));
    if (url.scheme != "http" && url.scheme != "https") return bad(text, "it must start with https:// or http://");
    std::string_view rest = text.substr(colon + 3);
    rest = rest.substr(0, rest.find('#'));
    std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
    rest.remove_prefix(authority.size());
    if (authority.find('@') != std::string_view::npos) return bad(text, "credentials do not belong into a URL");
    std::string_view port;
    if (authority.starts_with('[')) {
        const auto close = authority.find(']');
        if (close == std::string_view::npos) return bad(text, "'[' without ']'");
        url.host = lowered(authority.substr(1, close - 1));
        port = authority.substr(close + 1);
        if (!is_ipv6(url.host)) return bad(text, "between '[' and ']' belongs an IPv6 address");
    } else {
        url.host = lowered(authority.substr(0, authority.find(':')));
        port = authority.substr(url.host.size());
        if (!all_of(url.host, ".-_")) return bad(text, "its host is no name of letters, digits, '.', '-' and '_'");
    }
    if (url.host.empty()) return bad(text, "it names no host");
    url.port = default_port(url.scheme);
    if (!port.empty()) {
        const bool colon_first = port.front() == ':';
        port.remove_prefix(1);
        const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
        if (!colon_first || port.empty() || error != std::errc{} || end != port.data() + port.size() || url.port == 0 ||
            url.port > 65535)
            return bad(text, "its port is not a number from 1 to 65535");
    }
    url.path = rest.substr(0, rest.find('?'));
    if (url.path.size() < rest.size()) url.query = rest.substr(url.path.size() + 1);
    if (url.path.empty()) url.path = "/";
    return url;
}

std::string printable_url(std::string_view text) {
    std::string out;
    if (const auto colon = text.find("://"); colon != std::string_view::npos) {
        out = text.substr(0, colon + 3);
        text.remove_prefix(colon + 3);
        const auto authority = text.substr(0, text.find_first_of("/?#"));
        if (const auto at = authority.rfind('@'); at != std::string_view::npos) text.remove_prefix(at + 1);
    }
    const auto question = text.find('?');
    out += text.substr(0, question);
    if (question != std::string_view::npos) out += "?" + printable_query(text.substr(question + 1));
    return out;
}

bool loopback_or_link_local(std::string_view host) {
    if (host == "localhost" || host == "::1") return true;
    const std::string lower = lowered(host);
    const bool fe80 =
        lower.find(':') != std::string::npos && lower.size() > 4 &&
        (lower.starts_with("fe8") || lower.starts_with("fe9") || lower.starts_with("fea") || lower.starts_with("feb"));
    if (fe80) return true;
    const auto ip = parse_ipv4(host);
    return ip && (*ip >> 24 == 127 || *ip >> 16 == 0xa9fe);
}

}  // namespace nodeboot
