#include "phases/containerd_toml.hpp"

#include <fmt/core.h>

#include "base/toml.hpp"
#include "bundle/registry.hpp"

namespace nodeboot {
namespace {

constexpr auto kCri = "io.containerd.grpc.v1.cri";
constexpr auto kRuntime = "io.containerd.cri.v1.runtime";
constexpr auto kImages = "io.containerd.cri.v1.images";

// Debian packages ship a file that points elsewhere for CNI, and Docker's package one with disabled_plugins = ["cri"]
// (containerd#4581): this text replaces the file as a whole, and disables nothing.
constexpr auto kLayout2 = R"(version = 2

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = {pause}

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/opt/cni/bin"
conf_dir = "/etc/cni/net.d"

[plugins."io.containerd.grpc.v1.cri".containerd]
default_runtime_name = "runc"
snapshotter = "overlayfs"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = true

[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "/etc/containerd/certs.d"
)";

constexpr auto kLayout3 = R"(version = 3

[plugins."io.containerd.cri.v1.images"]
snapshotter = "overlayfs"

[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = {pause}

[plugins."io.containerd.cri.v1.images".registry]
config_path = "/etc/containerd/certs.d"

[plugins."io.containerd.cri.v1.runtime".cni]
{bin_dir}
conf_dir = "/etc/cni/net.d"

[plugins."io.containerd.cri.v1.runtime".containerd]
default_runtime_name = "runc"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
SystemdCgroup = true
)";

Result<TomlTable> parse(std::string_view text) {
    auto table = parse_toml(text);
    if (table) return *std::move(table);
    const auto& error = table.error();
    return fail(ErrorKind::invalid_input, fmt::format("containerd.extra_config, line {} column {}: {}",
                                                      error.position.line, error.position.column, error.message));
}

const TomlValue* walk(const TomlTable& table, std::initializer_list<std::string_view> path) {
    const TomlTable* at = &table;
    const TomlValue* value = nullptr;
    for (const auto key : path) {
        if (at == nullptr) return nullptr;
        value = at->find(key);
        if (value == nullptr) return nullptr;
        at = value->get<TomlTable>();
    }
    return value;
}

Result<int> layout_for(const Version& version, const TomlTable& extra) {
    const int natural = version.major >= 2 ? 3 : 2;
    const auto* value = extra.find("version");
    if (value == nullptr) return natural;
    const auto* asked = value->get<std::int64_t>();
    if (asked != nullptr && (*asked == natural || *asked == 2)) return static_cast<int>(*asked);
    return fail(ErrorKind::invalid_input,
                fmt::format("containerd.extra_config says version = {}, and containerd {} is configured in version {}",
                            to_toml(*value), version.text(), natural == 3 ? "2 or 3" : "2"),
                "leave the version line out, or write the fragment for that version");
}

// A table under another layout's plugin name is no error for containerd, and has no effect.
Result<void> refuse_other_names(const TomlTable& extra, int layout) {
    const auto wrong = [&](std::string_view name, std::string_view hint) -> Result<void> {
        return fail(ErrorKind::invalid_input,
                    fmt::format("containerd.extra_config sets plugins.\"{}\", which has no effect in a version {} file",
                                name, layout),
                    std::string(hint));
    };
    if (layout == 2) {
        for (const auto* name : {kRuntime, kImages})
            if (walk(extra, {"plugins", name}) != nullptr)
                return wrong(name, "containerd 1.x knows these settings under plugins.\"io.containerd.grpc.v1.cri\"");
        return {};
    }
    const auto* cri = walk(extra, {"plugins", kCri});
    const auto* table = cri == nullptr ? nullptr : cri->get<TomlTable>();
    if (table == nullptr) return {};
    for (const auto& entry : table->entries)  // only the streaming server is configured there in version 3
        if (!entry.key.starts_with("stream_") && entry.key != "disable_tcp_service" &&
            entry.key != "enable_tls_streaming" && entry.key != "x509_key_pair_streaming")
            return wrong(fmt::format("{}\".\"{}", kCri, entry.key),
                         "put 'version = 2' above it; containerd 2.x converts such a file by itself");
    return {};
}

std::string layout_text(int layout, const Config& config, const Version& version) {
    std::string text = layout == 3 ? kLayout3 : kLayout2;
    const auto replace = [&](std::string_view name, const std::string& value) {
        if (const auto at = text.find(name); at != std::string::npos) text.replace(at, name.size(), value);
    };
    replace("{pause}", toml_string(pause_image(config)));
    replace("{bin_dir}", version.at_least(2, 1) ? "bin_dirs = [\"/opt/cni/bin\"]" : "bin_dir = \"/opt/cni/bin\"");
    return text;
}

// Setting the older name explicitly wins in containerd; setting both is refused by it.
void drop_overridden_bin_dirs(TomlTable& base, const TomlTable& extra) {
    if (walk(extra, {"plugins", kRuntime, "cni", "bin_dir"}) == nullptr) return;
    auto* cni = const_cast<TomlTable*>(walk(base, {"plugins", kRuntime, "cni"})->get<TomlTable>());
    std::erase_if(cni->entries, [](const TomlEntry& entry) { return entry.key == "bin_dirs"; });
}

template <class T>
T value_or(const TomlValue* value, T otherwise) {
    const T* found = value == nullptr ? nullptr : value->get<T>();
    return found == nullptr ? otherwise : *found;
}

}  // namespace

Result<ContainerdFile> make_containerd_file(const Config& config, const Version& version) {
    const auto extra = NB_TRY(parse(config.containerd.extra_config));
    const int layout = NB_TRY(layout_for(version, extra));
    NB_CHECK(refuse_other_names(extra, layout));
    auto table = NB_TRY(parse(layout_text(layout, config, version)));
    drop_overridden_bin_dirs(table, extra);
    merge_toml(table, extra);

    ContainerdFile file;
    file.text = "# Made by nodeboot; change with the containerd section of its config.\n" + to_toml(table);
    const auto* cgroup = walk(table, {"plugins", layout == 3 ? kRuntime : kCri, "containerd", "runtimes", "runc",
                                      "options", "SystemdCgroup"});
    const auto* sandbox = layout == 3 ? walk(table, {"plugins", kImages, "pinned_images", "sandbox"})
                                      : walk(table, {"plugins", kCri, "sandbox_image"});
    file.systemd_cgroup = value_or(cgroup, true);
    file.sandbox_image = value_or(sandbox, std::string());
    return file;
}

std::string pause_image(const Config& config) {
    if (!config.containerd.pause_image.empty()) return normalised_image(config.containerd.pause_image);
    // PauseVersion in cmd/kubeadm/app/constants/constants.go of each release.
    struct Row {
        unsigned minor;
        std::string_view tag;
    };
    constexpr Row rows[] = {{36, "3.10.2"}, {34, "3.10.1"}, {31, "3.10"}, {26, "3.9"},
                            {25, "3.8"},    {24, "3.7"},    {23, "3.6"},  {0, "3.5"}};
    const auto& version = config.kubernetes.version;
    for (const auto& row : rows)
        if (version.at_least(1, row.minor))
            return fmt::format("{}/pause:{}", config.kubernetes.image_repository, row.tag);
    return config.kubernetes.image_repository + "/pause:3.5";
}

std::string make_hosts_toml(const std::string& registry, const std::vector<std::string>& mirrors) {
    std::string text = "# Made by nodeboot; change with containerd.registry_mirrors in its config.\n";
    if (registry == "docker.io")
        text += "server = \"https://registry-1.docker.io\"\n";
    else if (registry != "*")  // with no server named, the registry that was asked for stands behind the mirrors
        text += fmt::format("server = {}\n", toml_string("https://" + registry));
    for (const auto& mirror : mirrors) {
        text += fmt::format("\n[host.{}]\ncapabilities = [\"pull\", \"resolve\"]\n", toml_string(mirror));
        // A mirror inside another registry's path ("https://harbor.example/v2/proxy") is used as it is written.
        if (const auto scheme = mirror.find("://");
            scheme != std::string::npos && mirror.find("/v2/", scheme + 3) != std::string::npos)
            text += "override_path = true\n";
    }
    return text;
}

}  // namespace nodeboot
