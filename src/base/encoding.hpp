#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace nodeboot {

/// Bytes as text and back: hex, base64 (RFC 4648), percent-encoding (RFC 3986). Decoding is strict: `corrupted` for
/// anything that an encoder would not have written, without quoting it (it may be a key).

std::string to_hex(std::string_view bytes);  ///< lower case

std::string base64_encode(std::string_view bytes);
Result<std::string> base64_decode(std::string_view text);  ///< newlines are skipped
std::string base64url_encode(std::string_view bytes);      ///< without padding, as JWS has it (RFC 7515)
Result<std::string> base64url_decode(std::string_view text);

/// Everything but unreserved characters (A-Z a-z 0-9 - . _ ~) becomes %XX; '/' stays when `keep` holds it.
std::string percent_encode(std::string_view bytes, std::string_view keep = {});
std::string percent_decode(std::string_view text);  ///< a % that starts no escape stays as it is

}  // namespace nodeboot
