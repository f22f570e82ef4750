#pragma once

#include <string>

#include "base/config_load.hpp"

namespace nodeboot {

/// Every setting as one TOML document that loads back to the same Config. What looks like a secret (secret_in) is left
/// out, and a comment says so: what is shown gets into tickets and logs.
enum class ShowOrigins { no, yes };
std::string show_config(const LoadedConfig& loaded, ShowOrigins origins);

/// What a node has to be told of `config`, whose `node.role` is its role: its role, its cluster's name and Kubernetes
/// version, and every other setting that differs from the default and is for such a node (Setting::audience). TOML
/// that a node of this nodeboot loads to the same Config, but for what it does not read.
std::string node_config(const Config& config);

/// docs/configuration.md: every section and key with type, default and meaning, from the schema.
std::string config_reference();

}  // namespace nodeboot
