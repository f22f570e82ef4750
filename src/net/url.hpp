#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace nodeboot {

/// An absolute http or https URL (RFC 3986) in its parts, as far as nodeboot needs them.
struct Url {
    std::string scheme;  ///< "http" or "https", lower case
    std::string host;    ///< lower case, without brackets; never empty
    unsigned port = 0;   ///< the scheme's default when none is written
    std::string path;    ///< from the first '/', percent-encoded as written; at least "/"
    std::string query;   ///< after '?', without it

    /// host, or host:port where the port is not the scheme's own; as the Host header has it.
    std::string authority() const;
    std::string text() const;
};

/// `invalid_input` for another scheme, a missing host, credentials in the URL, a bad port, spaces or controls.
Result<Url> parse_url(std::string_view text);

/// The URL as it may be printed: no user:password, and for each query parameter whose name speaks of a key, token,
/// signature, credential or password "…" instead of its value. For any text, also one that is no URL.
std::string printable_url(std::string_view text);

/// Whether `host` is this machine (127.0.0.0/8, ::1, localhost) or link-local (169.254.0.0/16, fe80::/10): the only
/// places that may be spoken to without TLS.
bool loopback_or_link_local(std::string_view host);

}  // namespace nodeboot
