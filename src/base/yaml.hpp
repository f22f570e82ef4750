#pragma once

#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace nodeboot {

/// YAML 1.1 as Kubernetes files use it (libyaml), to and from JSON values. Anchors and tags are refused; keys keep
/// their order; plain scalars resolve as sigs.k8s.io/yaml does (true/false, null, numbers; "yes" stays a string).
Result<std::vector<nlohmann::ordered_json>> parse_yaml(std::string_view text);  ///< one value a document
/// The value at a path of keys; nullptr when any part is missing. As json_at(), to change what is found.
nlohmann::ordered_json* yaml_at(nlohmann::ordered_json& value, std::initializer_list<std::string_view> path);
std::string to_yaml(const nlohmann::ordered_json& value);  ///< block style, strings quoted only where needed

}  // namespace nodeboot
