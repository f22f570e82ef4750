#include "base/config_syntax.hpp"

#include <arpa/inet.h>
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/cidr.hpp"
#include "base/nearest.hpp"
#include "base/quantity.hpp"

namespace nodeboot::syntax {
namespace {

constexpr std::string_view lower = "abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::string_view digits = "0123456789";
constexpr std::string_view lower_or_digit = "abcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::string_view alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

bool all_in(std::string_view text, std::string_view set) {
    return text.find_first_not_of(set) == std::string_view::npos;
}
bool is_in(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

/// Begins and ends with one of `edge`; between them also `inner`.
bool framed(std::string_view text, std::string_view edge, std::string_view inner) {
    return !text.empty() && is_in(text.front(), edge) && is_in(text.back(), edge) &&
           std::all_of(text.begin(), text.end(), [&](char c) { return is_in(c, edge) || is_in(c, inner); });
}

bool is_label(std::string_view text) { return text.size() <= 63 && framed(text, lower_or_digit, "-"); }

std::vector<std::string_view> split(std::string_view text, char at) {
    std::vector<std::string_view> parts;
    for (std::size_t begin = 0;;) {
        const auto end = text.find(at, begin);
        parts.push_back(text.substr(begin, end - begin));
        if (end == std::string_view::npos) return parts;
        begin = end + 1;
    }
}

bool is_subdomain(std::string_view text) {
    const auto parts = split(text, '.');
    return text.size() <= 253 && std::all_of(parts.begin(), parts.end(), is_label);
}

bool is_port(std::string_view text) {
    unsigned port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    return error == std::errc{} && end == text.data() + text.size() && port >= 1 && port <= 65535;
}

bool is_ipv6(std::string_view text) {
    in6_addr parsed{};
    return inet_pton(AF_INET6, std::string(text).c_str(), &parsed) == 1;
}

bool is_ip(std::string_view text) { return parse_ipv4(text).has_value() || is_ipv6(text); }

/// "10.0.0.300" is a well-formed DNS name by the letter, and never what was meant.
bool looks_like_ipv4(std::string_view text) {
    return all_in(text, "0123456789.") && text.find('.') != std::string_view::npos;
}

bool is_host(std::string_view text) { return is_ip(text) || (is_subdomain(text) && !looks_like_ipv4(text)); }

struct HostPort {
    std::string_view host;
    std::string_view port;  ///< empty: none given
    bool well_formed = false;
};

HostPort split_host_port(std::string_view text) {
    if (text.starts_with('[')) {  // [v6]:port
        const auto close = text.find(']');
        if (close == std::string_view::npos) return {};
        const auto rest = text.substr(close + 1);
        const auto host = text.substr(1, close - 1);
        if (rest.empty()) return {host, {}, is_ipv6(host)};
        return {host, rest.substr(1), is_ipv6(host) && rest.front() == ':' && is_port(rest.substr(1))};
    }
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return {text, {}, is_host(text)};
    const auto host = text.substr(0, colon);
    return {host, text.substr(colon + 1), is_host(host) && is_port(text.substr(colon + 1))};
}

struct Url {
    std::string_view scheme, authority, path;
};

/// Empty scheme when `text` is no URL at all.
Url split_url(std::string_view text) {
    const auto colon = text.find("://");
    if (colon == std::string_view::npos) return {};
    const auto rest = text.substr(colon + 3);
    const auto slash = std::min(rest.find('/'), rest.size());
    return {text.substr(0, colon), rest.substr(0, slash), rest.substr(slash)};
}

bool is_near_by(std::string_view host) {  // loopback and link-local
    if (host == "localhost" || host == "::1") return true;
    const auto ip = parse_ipv4(host);
    return ip && (Cidr{0x7f000000, 8}.contains(*ip) || Cidr{0xa9fe0000, 16}.contains(*ip));
}

std::string lowered(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    std::replace(out.begin(), out.end(), '_', '-');
    return out;
}

/// Most bad names are capital letters or underscores: say the name that would do.
std::string perhaps(std::string_view text, bool (*fits)(std::string_view)) {
    const std::string other = lowered(text);
    return other != text && fits(other) ? fmt::format("; did you mean '{}'?", other) : std::string();
}

/// registry[:port][/path], without tag and digest.
bool is_repository(std::string_view text) {
    auto parts = split(text, '/');
    const bool has_registry =
        parts.front().find_first_of(".:") != std::string_view::npos || parts.front() == "localhost";
    if (has_registry && !split_host_port(parts.front()).well_formed) return false;
    if (has_registry) parts.erase(parts.begin());
    return (has_registry || !parts.empty()) &&
           std::all_of(parts.begin(), parts.end(), [](std::string_view p) { return framed(p, lower_or_digit, "._-"); });
}

}  // namespace

Problem label_name(std::string_view text) {
    if (is_label(text)) return {};
    if (text.size() > 63) return fmt::format("a name of {} characters is too long, 63 are allowed", text.size());
    return fmt::format("'{}' is not a name of a-z, 0-9 and '-' that begins and ends with a letter or digit{}", text,
                       perhaps(text, is_label));
}

Problem subdomain(std::string_view text) {
    if (is_subdomain(text) && !looks_like_ipv4(text)) return {};
    return fmt::format("'{}' is not a DNS name (a-z, 0-9 and '-', parts joined by dots){}", text,
                       perhaps(text, is_subdomain));
}

Problem node_name(std::string_view text) {
    if (text.size() > 63)
        return fmt::format("a node name of {} characters is too long, 63 are allowed (it becomes a label)",
                           text.size());
    return subdomain(text);
}

Problem region(std::string_view text) {
    const auto parts = split(text, '-');
    const bool fits =
        parts.size() >= 3 && parts.back().size() == 1 && all_in(parts.back(), digits) &&
        std::all_of(parts.begin(), parts.end() - 1, [](std::string_view p) { return !p.empty() && all_in(p, lower); });
    if (fits) return {};
    // An availability zone is a region and a letter.
    if (text.size() > 1 && is_in(text.back(), lower) && region(text.substr(0, text.size() - 1)).empty())
        return fmt::format("'{}' is an availability zone; its region is {}", text, text.substr(0, text.size() - 1));
    return fmt::format("'{}' is not an AWS region like eu-central-1", text);
}

Problem user_name(std::string_view text) {
    const bool fits = !text.empty() && text.size() <= 32 && (is_in(text.front(), lower) || text.front() == '_') &&
                      std::all_of(text.begin(), text.end(),
                                  [](char c) { return is_in(c, lower_or_digit) || c == '_' || c == '-' || c == '.'; });
    return fits ? Problem() : fmt::format("'{}' is not a login name", text);
}

Problem label_key(std::string_view text) {
    const auto slash = text.find('/');
    const auto name = slash == std::string_view::npos ? text : text.substr(slash + 1);
    const bool prefix_fits = slash == std::string_view::npos || is_subdomain(text.substr(0, slash));
    if (prefix_fits && name.size() <= 63 && framed(name, alphanumeric, "-_.")) return {};
    return fmt::format("'{}' is not a label key like \"disk\" or \"example.com/disk\"", text);
}

Problem label_value(std::string_view text) {
    if (text.empty() || (text.size() <= 63 && framed(text, alphanumeric, "-_."))) return {};
    return fmt::format(
        "'{}' is not a label value: at most 63 letters, digits, '-', '_' and '.', letter or digit at both ends", text);
}

Problem host_and_port(std::string_view text) {
    if (!split_url(text).scheme.empty())
        return fmt::format("'{}' is a URL; write host or host:port, without \"{}://\"", text, split_url(text).scheme);
    if (split_host_port(text).well_formed) return {};
    return fmt::format("'{}' is not a host or host:port{}", text,
                       perhaps(text, [](std::string_view t) { return split_host_port(t).well_formed; }));
}

Problem san(std::string_view text) {
    const auto name = text.starts_with("*.") ? text.substr(2) : text;
    if (is_host(name) && !(text.starts_with("*.") && is_ip(name))) return {};
    return fmt::format("'{}' is neither an IP address nor a DNS name", text);
}

Problem ip_address(std::string_view text) {
    return is_ip(text) ? Problem() : fmt::format("'{}' is not an IP address", text);
}

Problem ip_or_name(std::string_view text) {
    return is_host(text) ? Problem() : fmt::format("'{}' is neither an IP address nor a DNS name", text);
}

Problem ipv4_range(std::string_view text) {
    const auto parsed = parse_cidr(text);
    if (parsed) return {};
    const auto& error = parsed.error();
    return error.hint.empty() ? error.message : fmt::format("{}; {}", error.message, error.hint);
}

Problem availability_zone(std::string_view text) {
    const bool fits = text.size() > 1 && is_in(text.back(), lower) && region(text.substr(0, text.size() - 1)).empty();
    return fits ? Problem() : fmt::format("'{}' is not an availability zone like eu-central-1a", text);
}

namespace {

Problem resource_id(std::string_view text, std::string_view prefix) {
    const bool fits = text.starts_with(prefix) &&
                      (text.size() == prefix.size() + 8 || text.size() == prefix.size() + 17) &&
                      all_in(text.substr(prefix.size()), "0123456789abcdef");
    return fits ? Problem() : fmt::format("'{}' is not an id like {}0123456789abcdef0", text, prefix);
}

}  // namespace

Problem vpc_id(std::string_view text) { return resource_id(text, "vpc-"); }
Problem subnet_id(std::string_view text) { return resource_id(text, "subnet-"); }
Problem ami_id(std::string_view text) { return resource_id(text, "ami-"); }

// IAM User Guide, "IAM and AWS STS quotas", name requirements.
Problem iam_name(std::string_view text) {
    const bool fits = !text.empty() && text.size() <= 128 && std::all_of(text.begin(), text.end(), [](char c) {
        return is_in(c, lower) || is_in(c, upper) || is_in(c, digits) || is_in(c, "+=,.@_-");
    });
    return fits ? Problem() : fmt::format("'{}' is not a name as IAM has them (letters, digits, +=,.@_-)", text);
}

Problem policy_arn(std::string_view text) {
    const auto parts = split(text, ':');
    const bool fits = parts.size() == 6 && parts[0] == "arn" && parts[2] == "iam" && parts[5].starts_with("policy/");
    return fits ? Problem() : fmt::format("'{}' is not a policy's ARN like arn:aws:iam::123456789012:policy/x", text);
}

// Amazon S3 User Guide, "General purpose bucket naming rules"; AWS's certificates do not cover names with dots.
Problem bucket_name(std::string_view text) {
    const bool fits =
        text.size() >= 3 && text.size() <= 63 && text.front() != '-' && text.back() != '-' &&
        std::all_of(text.begin(), text.end(), [](char c) { return is_in(c, lower) || is_in(c, digits) || c == '-'; });
    return fits ? Problem() : fmt::format("'{}' is not a bucket name of 3 to 63 of a-z 0-9 -", text);
}

Problem sha256(std::string_view text) {
    const bool fits = text.size() == 64 && all_in(text, "0123456789abcdef");
    return fits ? Problem() : fmt::format("'{}' is not a SHA-256: 64 of 0-9 a-f", text);
}

Problem public_key_or_path(std::string_view text) {
    if (text.starts_with('/')) return absolute_path(text);
    const auto parts = split(text, ' ');
    if (parts[0] == "ecdsa-sha2-nistp256" || parts[0].starts_with("sk-"))
        return fmt::format("EC2 takes no {} keys; give an ed25519 or RSA key", parts[0]);
    const bool fits = parts.size() >= 2 && (parts[0] == "ssh-ed25519" || parts[0] == "ssh-rsa") &&
                      parts[1].starts_with("AAAA") && one_line(text).empty();
    return fits ? Problem() : "neither a public key (ssh-ed25519 AAAA…) nor the absolute path of one";
}

Problem instance_type(std::string_view text) {
    const auto parts = split(text, '.');
    const bool fits = parts.size() == 2 && std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
                          return !part.empty() && all_in(part, "abcdefghijklmnopqrstuvwxyz0123456789-");
                      });
    return fits ? Problem() : fmt::format("'{}' is not an instance type like t3.medium", text);
}

// Amazon EC2 User Guide, "Tag restrictions".
Problem tag_key(std::string_view text) {
    if (text.empty() || text.size() > 128) return fmt::format("'{}' has not 1 to 128 characters", text);
    for (const std::string_view reserved : {"aws:", "nodeboot.io/"})
        if (text.starts_with(reserved))
            return fmt::format("'{}': keys that begin with {} are reserved", text, reserved);
    if (text == "Name") return "the tag Name is given by nodeboot";
    return tag_value(text);
}

Problem tag_value(std::string_view text) {
    if (text.size() > 256) return "a tag's value has at most 256 characters";
    const bool printable =
        std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    return printable ? Problem() : "a tag has no control characters";
}

Problem image(std::string_view text) {
    std::string_view rest = text;
    bool pinned = false;
    if (const auto at = rest.find('@'); at != std::string_view::npos) {
        const auto digest = rest.substr(at + 1);
        if (!digest.starts_with("sha256:") || digest.size() != 71 || !all_in(digest.substr(7), "0123456789abcdef"))
            return fmt::format("'{}' has a malformed digest; it is @sha256: and 64 hex digits", text);
        rest = rest.substr(0, at);
        pinned = true;
    }
    const auto slash = rest.rfind('/');
    if (const auto colon = rest.rfind(':');
        colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
        const auto tag = rest.substr(colon + 1);
        if (tag.empty() || tag.size() > 128 || !all_in(tag.substr(0, 1), std::string(alphanumeric) + "_") ||
            !all_in(tag, std::string(alphanumeric) + "_.-"))
            return fmt::format("'{}' has a malformed tag", text);
        rest = rest.substr(0, colon);
        pinned = true;
    }
    if (!is_repository(rest)) return fmt::format("'{}' is not an image like registry.k8s.io/pause:3.10.1", text);
    return pinned ? Problem()
                  : fmt::format(
                        "'{}' has no tag: \"latest\" would be another image on each node; add one, such as \"{}:3.10\"",
                        text, text);
}

Problem image_repository(std::string_view text) {
    if (!split_url(text).scheme.empty())
        return fmt::format("'{}' is a URL; write the registry without \"{}://\"", text, split_url(text).scheme);
    return is_repository(text)
               ? Problem()
               : fmt::format("'{}' is not a registry like registry.k8s.io or localhost:5000/mirror", text);
}

Problem registry_host(std::string_view text) {
    if (text == "*" || split_host_port(text).well_formed) return {};
    return fmt::format("'{}' is not a registry's host like docker.io, registry.example.com:5000, or \"*\"", text);
}

Problem web_url(std::string_view text) {
    const Url url = split_url(text);
    if (url.scheme != "https" && url.scheme != "http")
        return fmt::format("'{}' is not a URL; it begins with https:// or http://", text);
    if (url.authority.find('@') != std::string_view::npos)
        return fmt::format("the URL of {} holds credentials; secrets never go into the config",
                           url.authority.substr(url.authority.rfind('@') + 1));
    if (!split_host_port(url.authority).well_formed) return fmt::format("'{}' names no valid host", text);
    if (std::any_of(text.begin(), text.end(), [](char c) { return c <= ' ' || c == 0x7f; }))
        return fmt::format("'{}' has a blank or control character in it", text);
    return {};
}

Problem package_url(std::string_view text) {
    for (auto open = text.find('{'); open != std::string_view::npos; open = text.find('{', open + 1))
        if (!text.substr(open).starts_with("{minor}"))
            return fmt::format("'{}' has a placeholder other than {{minor}}", text);
    return web_url(text);
}

Problem url_or_path(std::string_view text) {
    if (text.starts_with('/')) return absolute_path(text);
    return split_url(text).scheme.empty() ? fmt::format("'{}' is neither a URL nor an absolute path", text)
                                          : web_url(text);
}

Problem guarded_url(std::string_view text) {
    if (auto problem = web_url(text); !problem.empty()) return problem;
    const Url url = split_url(text);
    if (url.scheme == "https" || is_near_by(split_host_port(url.authority).host)) return {};
    return fmt::format(
        "'{}' would send credentials unencrypted; use https (http only to 127.0.0.0/8, ::1, localhost and "
        "169.254.0.0/16)",
        text);
}

Problem https_url(std::string_view text) {
    if (auto problem = web_url(text); !problem.empty()) return problem;
    return split_url(text).scheme == "https" ? Problem() : fmt::format("'{}' is not https", text);
}

Problem absolute_path(std::string_view text) {
    if (!text.starts_with('/')) return fmt::format("'{}' is not an absolute path; it begins with '/'", text);
    for (const auto part : split(text, '/'))
        if (part == "..") return fmt::format("'{}' has '..' in it; write the path it leads to", text);
    return one_line(text);
}

Problem sysctl_name(std::string_view text) {
    static const std::vector<std::string> roots{"abi", "debug", "dev", "fs", "kernel", "net", "sunrpc", "user", "vm"};
    const auto separator = text.find_first_of("./");
    const std::string root(text.substr(0, separator));
    const bool fits = separator != std::string_view::npos && framed(text, std::string(alphanumeric) + "_", "./-") &&
                      text.find("..") == std::string_view::npos && text.find("//") == std::string_view::npos;
    if (fits && std::find(roots.begin(), roots.end(), root) != roots.end()) return {};
    const std::string near = fits ? nearest(root, roots) : "";
    if (!near.empty())
        return fmt::format("'{}' is not a sysctl; did you mean '{}{}'?", text, near, text.substr(separator));
    return fmt::format("'{}' is not a sysctl like net.ipv4.ip_forward", text);
}

Problem one_line(std::string_view text) {
    if (text.empty()) return "must not be empty";
    const bool control =
        std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; });
    return control ? Problem("has a line break or control character in it") : Problem();
}

Problem module_name(std::string_view text) {
    if (!text.empty() && all_in(text, std::string(alphanumeric) + "_-")) return {};
    const std::string_view base = text.substr(0, text.find('.'));
    if (text.ends_with(".ko") || text.ends_with(".ko.xz") || text.ends_with(".ko.zst"))
        return fmt::format("'{}' is a file; the module is called '{}'", text, base.substr(base.rfind('/') + 1));
    return fmt::format("'{}' is not a kernel module's name", text);
}

Problem argument_name(std::string_view text) {
    if (framed(text, lower_or_digit, "-")) return {};
    const auto bare = text.substr(std::min(text.find_first_not_of('-'), text.size()));
    if (bare != text && framed(bare, lower_or_digit, "-"))
        return fmt::format("write '{}' without the leading dashes", bare);
    return fmt::format("'{}' is not a flag's name like \"v\" or \"serialize-image-pulls\"", text);
}

Problem word(std::string_view text) {
    if (!text.empty() && all_in(text, std::string(alphanumeric) + "-_.")) return {};
    return fmt::format("'{}' is not a single word", text);
}

Problem quantity(std::string_view text) {
    const auto parsed = parse_quantity(text);
    if (!parsed) return parsed.error().message;
    return parsed->thousandths == 0 ? fmt::format("'{}' must be more than nothing", text) : Problem();
}

Problem quantity_or_percent(std::string_view text) {
    if (!text.ends_with('%')) return quantity(text);
    double percent = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size() - 1, percent);
    const bool fits = error == std::errc{} && end == text.data() + text.size() - 1 && percent > 0 && percent < 100;
    return fits ? Problem() : fmt::format("'{}' is not a share between 0% and 100%", text);
}

}  // namespace nodeboot::syntax
