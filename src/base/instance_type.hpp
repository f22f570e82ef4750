#pragma once

#include <string_view>

namespace nodeboot {

enum class Architecture { amd64, arm64 };
std::string_view to_string(Architecture architecture);  ///< "amd64", "arm64": Debian's and Go's words

/// Of an EC2 instance type, by its family's name: a 'g' behind the generation means Graviton ("t4g", "c7gn", "im4gn"), and
/// "a1" is its first (Amazon EC2 Instance Types, "Naming conventions"). Nobody is asked.
Architecture architecture_of(std::string_view instance_type);

/// False for the families that run on Xen: of their console EC2 shows what was there soon after the start, not what it is now.
bool on_nitro(std::string_view instance_type);

}  // namespace nodeboot
