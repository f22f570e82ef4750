#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace nodeboot {

/// How plain words and JSON values correspond. Reading follows sigs.k8s.io/yaml; writing quotes whatever any YAML
/// reader, 1.1 or 1.2, could take for something other than the string it is ("yes", "0644", "1:30", "2026-11-23").

/// Empty for .inf and .nan, which JSON cannot hold.
std::optional<nlohmann::ordered_json> resolve_plain_scalar(std::string_view text);

/// A string as a YAML scalar: plain, "quoted", or for text of several lines a literal block indented by `indent`.
/// No newline at the end.
std::string yaml_string(std::string_view text, std::size_t indent);

/// The same on one line.
std::string yaml_key(std::string_view text);

}  // namespace nodeboot
