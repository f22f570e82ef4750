#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.hpp"
#include "base/toml.hpp"

namespace nodeboot {

/// Makes a Config out of its layers: defaults < config.toml < config.d/*.toml in the order of their names < --set.
/// Lists and single values replace each other, tables of the user's own keys (labels, sysctl …) add up. Every mistake
/// is found in one go, each with its place; a Config with mistakes must not be used.

/// Where a value was set.
struct Origin {
    std::string source;       ///< the file as it was named, "--set", or empty for a default
    TomlPosition position{};  ///< within a file
    bool is_default() const { return source.empty(); }
    std::string text() const;  ///< "/etc/nodeboot/config.toml:12:3", "--set", "default"
};

struct ConfigMistake {
    Origin origin;
    std::string key;  ///< dotted; empty for a syntax error
    std::string message;
    std::string text() const;  ///< "config.toml:12:3: network.pod_cidr: …"
};

struct ConfigLayer {
    std::string source;  ///< as it is shown to people
    std::string text;    ///< TOML
};

struct LoadedConfig {
    Config config;
    std::map<std::string, Origin> origins;  ///< what is not a default; tables by entry: "node.labels.zone"
    std::vector<ConfigMistake> mistakes;    ///< in the order of layers and lines
    std::vector<ConfigMistake> warnings;    ///< allowed, but not what was meant, or never tried
    bool ok() const { return mistakes.empty(); }
    /// One `invalid_input` error that lists all mistakes, one a line.
    Error error() const;
    Origin origin_of(const std::string& key) const;
};

/// Pure. `settings`: the arguments of --set, "a.b=c".
LoadedConfig load_config(const std::vector<ConfigLayer>& layers, const std::vector<std::string>& settings = {});

/// Reads `file` and the *.toml of config.d beside it. A file that is not there is an error only when `required`: a
/// machine without any configuration has the defaults.
enum class Presence { required, optional };
Result<std::vector<ConfigLayer>> read_config_layers(const std::string& file, Presence presence);

}  // namespace nodeboot
