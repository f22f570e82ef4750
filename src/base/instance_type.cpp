#include "base/instance_type.hpp"

#include <algorithm>

namespace nodeboot {

std::string_view to_string(Architecture architecture) {
    return architecture == Architecture::arm64 ? "arm64" : "amd64";
}

Architecture architecture_of(std::string_view instance_type) {
    const std::string_view family = instance_type.substr(0, instance_type.find('.'));
    if (family == "a1") return Architecture::arm64;
    const auto options = family.substr(std::min(family.find_first_of("0123456789"), family.size()));
    return options.find('g') != std::string_view::npos ? Architecture::arm64 : Architecture::amd64;
}

}  // namespace nodeboot
