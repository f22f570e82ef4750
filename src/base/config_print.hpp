#pragma once

#include <string>

#include "base/config_load.hpp"

namespace nodeboot {

/// Every setting as one TOML document that loads back to the same Config.
enum class ShowOrigins { no, yes };
std::string show_config(const LoadedConfig& loaded, ShowOrigins origins);

/// docs/configuration.md: every section and key with type, default and meaning, from the schema.
std::string config_reference();

}  // namespace nodeboot
