#pragma once

#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace nodeboot {

/// Looking into JSON that somebody else wrote, without exceptions: what is missing or of another type is an empty
/// answer, and the caller says what that means.

/// `corrupted`, naming `what` and the byte where it broke off; the text itself is never quoted, it may be secret.
Result<nlohmann::json> parse_json(std::string_view text, std::string_view what);

/// The value at a path of object keys; nullptr when any part is missing.
const nlohmann::json* json_at(const nlohmann::json& value, std::initializer_list<std::string_view> path);

std::optional<std::string> json_string(const nlohmann::json& value, std::initializer_list<std::string_view> path);

/// The list at a path; an empty one when there is none, or null, as Go writes a list without elements.
const nlohmann::json& json_list(const nlohmann::json& value, std::initializer_list<std::string_view> path);

}  // namespace nodeboot
