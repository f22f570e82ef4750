#pragma once

#include <set>
#include <string>

#include "base/config_load.hpp"

namespace nodeboot {

/// What no single value shows: ranges that overlap, ports that collide, settings that exclude or need each other.
/// Adds to the mistakes and warnings of `loaded`. Rules that involve a key in `bad` (its own value was refused already)
/// are left out: they would only say the same again.
void check_config_rules(LoadedConfig& loaded, const std::set<std::string>& bad);

}  // namespace nodeboot
