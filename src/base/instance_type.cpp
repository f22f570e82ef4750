#include "base/instance_type.hpp"

#include <algorithm>
#include <iterator>

namespace nodeboot {

std::string_view to_string(Architecture architecture) {
    return architecture == Architecture::arm64 ? "arm64" : "amd64";
}

bool on_nitro(std::string_view instance_type) {
    // Amazon EC2 Instance Types, "Xen-based instances" and what is older; none has been added since 2017.
    static constexpr std::string_view xen[] = {"m1",  "m2",  "m3", "m4", "t1",  "t2",  "c1", "c3", "c4",
                                               "cc2", "r3",  "r4", "x1", "x1e", "cr1", "d2", "h1", "i2",
                                               "i3",  "hs1", "f1", "g2", "g3",  "g3s", "p2", "p3"};
    const auto dot = std::min(instance_type.find('.'), instance_type.size());
    return std::find(std::begin(xen), std::end(xen), instance_type.substr(0, dot)) == std::end(xen) ||
           instance_type.substr(dot) == ".metal";
}

Architecture architecture_of(std::string_view instance_type) {
    const std::string_view family = instance_type.substr(0, instance_type.find('.'));
    if (family == "a1") return Architecture::arm64;
    const auto options = family.substr(std::min(family.find_first_of("0123456789"), family.size()));
    return options.find('g') != std::string_view::npos ? Architecture::arm64 : Architecture::amd64;
}

}  // namespace nodeboot
