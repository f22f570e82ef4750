#include "base/config_print.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "base/config_schema.hpp"
#include "base/config_secrets.hpp"

namespace nodeboot {
namespace {

constexpr std::size_t comment_column = 44;

std::string with_origin(std::string line, const std::string& origin) {
    line.resize(std::max(line.size() + 1, comment_column), ' ');
    return line + "# " + origin;
}

void show_setting(std::string& out, const Setting& setting, const LoadedConfig& loaded, ShowOrigins origins) {
    if (const auto kind = secret_in(setting, loaded.config); !kind.empty()) {
        out += fmt::format("# {} is not shown: it holds what looks like a secret ({})\n", setting.name(), kind);
        return;
    }
    const TomlValue value = setting.get(loaded.config);
    const bool unset_number = value.get<std::string>() && value.get<std::string>()->empty() && setting.limits.most != 0;
    const auto* table = value.get<TomlTable>();
    if (unset_number || (table && table->entries.empty())) {  // what is not set has no value to show
        if (origins == ShowOrigins::yes) out += with_origin(fmt::format("# {}", setting.name()), "not set") + "\n";
        return;
    }
    const auto line = [&](const std::string& text, const std::string& key) {
        out += (origins == ShowOrigins::yes ? with_origin(text, loaded.origin_of(key).text()) : text) + "\n";
    };
    if (table == nullptr) return line(fmt::format("{} = {}", setting.name(), to_toml(value)), std::string(setting.key));
    for (const auto& entry : table->entries)
        line(fmt::format("{}.{} = {}", setting.name(), toml_key(entry.key), to_toml(entry.value)),
             fmt::format("{}.{}", setting.key, entry.key));
}

bool is_for(Audience audience, Role role) {
    return audience == Audience::every_node || (audience == Audience::control_plane && role == Role::control_plane);
}

/// An image may hold another nodeboot, with other defaults: what all nodes must agree on is always said.
bool is_always_told(const Setting& setting) {
    return setting.key == "cluster.name" || setting.key == "node.role" || setting.key == "kubernetes.version";
}

std::string default_text(const Setting& setting) {
    static const Config defaults;
    const TomlValue value = setting.get(defaults);
    const std::string text = to_toml(value);
    const bool empty = text == "\"\"" || text == "[]" || text == "{}";
    if (!empty) return fmt::format("`{}`", text);
    return setting.when_empty.empty() ? fmt::format("`{}`", text) : std::string(setting.when_empty);
}

std::string reference_entry(const Setting& setting) {
    std::string out = fmt::format("### `{}`\n\n{}\n\n", setting.key, setting.help);
    const std::string allowed = setting.allowed(setting);
    out += fmt::format("- Type: {}{}\n", setting.type,
                       allowed.empty() ? "" : (setting.type == "one of" ? " " : ", ") + allowed);
    out += fmt::format("- Default: {}\n", default_text(setting));
    if (!setting.example.empty()) out += fmt::format("- Example: `{} = {}`\n", setting.name(), setting.example);
    return out;
}

constexpr std::string_view introduction = R"(# Configuration

<!-- Made by `nodeboot config reference`; a test keeps the two equal. Do not edit. -->

One TOML file describes the cluster, and most of it may be left out: every key has a default. A control plane and a
worker need no more than this:

```toml
[cluster]
name = "demo"

[node]
role = "control-plane"        # or "worker"

[kubernetes]
version = "1.35"
```

## Where values come from

Later layers win over earlier ones:

1. the defaults below,
2. `/etc/nodeboot/config.toml` (`--config FILE` names another),
3. `config.d/*.toml` beside that file, in the order of their names,
4. `--set section.key=value` on the command line, any number of times.

A value or list replaces the one of an earlier layer; tables whose keys are your own (`node.labels`, `host.sysctl`, …)
add up entry by entry. `nodeboot config show --origin` prints every value and the file, line and column that it comes
from. `nodeboot config check` reads everything and reports all mistakes at once, each with its place and the nearest
right name; nothing is touched before the whole configuration is right.

On the command line quotes may be left out and lists separated by commas:

```sh
nodeboot node plan --set network.vxlan_port=8472 --set dns.servers=1.1.1.1,9.9.9.9 --set node.labels.disk=ssd
```

## How values are written

| type | is |
|---|---|
| duration | `"90s"`, `"1h30m"`, `"2d"`: whole numbers with the units d, h, m, s, ms |
| IPv4 range | `"10.244.0.0/16"`, without host bits |
| version | `"1.35"` or `"1.35.2"`, in quotes |
| quantity | as in Kubernetes: `"100m"`, `"150Mi"`, `"1.5Gi"`, `"2"` |
| image | `"registry/name:tag"` or `"registry/name@sha256:…"`; a tag or digest is required |
| TCP port, UDP port, number, MiB, GiB | a whole number without quotes |

Secrets have no place here: nodeboot makes its own and keeps them in `join.store`.

## Exit codes

The same for every command, and stable.

| code | means |
|---|---|
| 0 | done; or there was nothing to do |
| 1 | an error; what failed, why and what to do next is on standard error |
| 2 | `node plan`: there are changes to make. `node status`: the node is not as it should be |
| 64 | the command line was wrong |
| 130 | stopped by Ctrl-C, SIGTERM or SIGHUP |

)";

}  // namespace

std::string show_config(const LoadedConfig& loaded, ShowOrigins origins) {
    std::string out;
    for (const auto& section : config_sections()) {
        out += fmt::format("{}[{}]\n", out.empty() ? "" : "\n", section.name);
        for (const auto& setting : config_settings())
            if (setting.section() == section.name) show_setting(out, setting, loaded, origins);
    }
    return out;
}

std::string node_config(const Config& config) {
    static const Config defaults;
    std::string out;
    for (const auto& section : config_sections()) {
        std::string lines;
        for (const auto& setting : config_settings()) {
            if (setting.section() != section.name || !is_for(audience_of(setting), config.node.role)) continue;
            const std::string value = to_toml(setting.get(config));
            if (is_always_told(setting) || value != to_toml(setting.get(defaults)))
                lines += fmt::format("{} = {}\n", setting.name(), value);
        }
        if (!lines.empty()) out += fmt::format("{}[{}]\n{}", out.empty() ? "" : "\n", section.name, lines);
    }
    return out;
}

std::string config_reference() {
    std::string out(introduction);
    for (const auto& section : config_sections()) {
        out += fmt::format("## `[{}]`\n\n{}\n\n", section.name, section.help);
        for (const auto& setting : config_settings())
            if (setting.section() == section.name) out += reference_entry(setting) + "\n";
    }
    out.pop_back();
    return out;
}

}  // namespace nodeboot
