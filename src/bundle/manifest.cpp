#include "bundle/manifest.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

namespace nodeboot {
namespace {

constexpr std::pair<BundleKind, std::string_view> kinds[] = {
    {BundleKind::binary, "binary"},
    {BundleKind::cni, "cni"},
    {BundleKind::containerd, "containerd"},
    {BundleKind::image, "image"},
};

std::optional<BundleKind> kind_of(std::string_view text) {
    for (const auto& [kind, name] : kinds)
        if (name == text) return kind;
    return std::nullopt;
}

bool is_sha256(const std::string& text) {
    return text.size() == 64 && std::all_of(text.begin(), text.end(),
                                            [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// "bin/kubeadm" and nothing that could name a file outside of the bundle.
bool stays_inside(const std::string& path) {
    if (path.empty() || path.front() == '/' || path.find('\0') != std::string::npos) return false;
    for (const auto& part : std::filesystem::path(path))
        if (part == ".." || part == "." || part.empty()) return false;
    return true;
}

Result<BundleFile> parse_file(const nlohmann::json& entry, std::size_t index) {
    const auto bad = [&](std::string_view what) {
        return fail(ErrorKind::corrupted, fmt::format("manifest.json: files[{}]: {}", index, what),
                    "make the bundle again with `nodeboot bundle create`");
    };
    BundleFile file;
    file.path = entry.value("path", std::string());
    if (!stays_inside(file.path)) return bad(fmt::format("'{}' is not a path inside the bundle", file.path));
    const auto kind = kind_of(entry.value("kind", std::string()));
    if (!kind) return bad(fmt::format("{}: kind is none of binary, cni, containerd, image", file.path));
    file.kind = *kind;
    file.sha256 = entry.value("sha256", std::string());
    if (!is_sha256(file.sha256)) return bad(fmt::format("{}: sha256 is not 64 hex digits", file.path));
    file.size = entry.value("size", std::uint64_t{0});
    const std::string mode = entry.value("mode", std::string(file.kind == BundleKind::image ? "0644" : "0755"));
    if (mode.empty() || mode.size() > 4 || mode.find_first_not_of("01234567") != std::string::npos)
        return bad(fmt::format("{}: mode '{}' is not of octal digits", file.path, mode));
    file.mode = static_cast<std::uint32_t>(std::strtoul(mode.c_str(), nullptr, 8)) & 0777;
    file.refs = entry.value("refs", std::vector<std::string>{});
    return file;
}

}  // namespace

std::string_view to_string(BundleKind kind) {
    return std::find_if(std::begin(kinds), std::end(kinds), [&](const auto& row) { return row.first == kind; })->second;
}

Result<BundleManifest> parse_bundle_manifest(std::string_view text) {
    try {
        const auto json = nlohmann::json::parse(text);
        if (json.value("format", 0) != 1)
            return fail(ErrorKind::corrupted,
                        fmt::format("manifest.json: format {} is not known", json.value("format", 0)),
                        "a newer nodeboot made this bundle: use that one");
        BundleManifest manifest;
        manifest.kubernetes =
            NB_TRY_CONTEXT(parse_version(json.value("kubernetes", std::string())), "manifest.json: kubernetes");
        manifest.arch = json.value("arch", std::string());
        manifest.standin = json.value("standin", false);
        for (const auto& entry : json.value("files", nlohmann::json::array()))
            manifest.files.push_back(NB_TRY(parse_file(entry, manifest.files.size())));
        return manifest;
    } catch (const nlohmann::json::exception& e) {
        return fail(ErrorKind::corrupted, fmt::format("manifest.json: {}", e.what()));
    }
}

std::string serialise(const BundleManifest& manifest) {
    nlohmann::ordered_json out{{"format", 1},
                               {"kubernetes", "v" + manifest.kubernetes.text()},
                               {"arch", manifest.arch},
                               {"standin", manifest.standin},
                               {"files", nlohmann::ordered_json::array()}};
    for (const auto& file : manifest.files) {
        nlohmann::ordered_json entry{{"path", file.path},
                                     {"kind", to_string(file.kind)},
                                     {"sha256", file.sha256},
                                     {"size", file.size},
                                     {"mode", fmt::format("{:04o}", file.mode)}};
        if (!file.refs.empty()) entry["refs"] = file.refs;
        out["files"].push_back(std::move(entry));
    }
    return out.dump(2) + "\n";
}

std::optional<std::string> install_path(const BundleFile& file) {
    const std::string name = std::filesystem::path(file.path).filename();
    switch (file.kind) {
        case BundleKind::binary: return "/usr/bin/" + name;
        case BundleKind::cni: return "/opt/cni/bin/" + name;
        case BundleKind::containerd: return "/usr/local/bin/" + name;
        case BundleKind::image: return std::nullopt;
    }
    return std::nullopt;
}

}  // namespace nodeboot
