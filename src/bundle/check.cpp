#include "bundle/check.hpp"

#include <fmt/core.h>

#include <fstream>
#include <set>
#include <sstream>

#include "net/sha256.hpp"

namespace nodeboot {
namespace {

namespace fs = std::filesystem;

Result<void> check_file(const fs::path& folder, const BundleFile& file) {
    const fs::path path = folder / file.path;
    std::error_code error;
    const auto status = fs::symlink_status(path, error);
    if (status.type() != fs::file_type::regular)
        return fail(ErrorKind::corrupted, fmt::format("{}: listed in manifest.json, but no such file", path.string()));
    const auto size = fs::file_size(path, error);
    if (size != file.size)
        return fail(ErrorKind::corrupted,
                    fmt::format("{}: {} bytes, manifest.json says {}", path.string(), size, file.size),
                    "the download or copy was cut short: fetch the bundle again");
    const std::string digest = NB_TRY(sha256_file(path.string()));
    if (digest != file.sha256)
        return fail(ErrorKind::corrupted,
                    fmt::format("{}: sha256 is {}, manifest.json says {}", path.string(), digest, file.sha256),
                    "do not use this bundle: it was changed after it was made; fetch it again from where you trust it");
    return {};
}

// Something that nobody listed could be picked up by a wildcard one day; it has no business here.
Result<void> check_nothing_else(const fs::path& folder, const BundleManifest& manifest) {
    std::set<std::string> listed{"manifest.json"};
    for (const auto& file : manifest.files) listed.insert(file.path);
    std::error_code error;
    for (auto it = fs::recursive_directory_iterator(folder, error); !error && it != fs::recursive_directory_iterator();
         it.increment(error)) {
        if (it->is_directory(error) && !it->is_symlink(error)) continue;
        const std::string name = fs::relative(it->path(), folder, error).string();
        if (!listed.contains(name))
            return fail(ErrorKind::corrupted, fmt::format("{}: not listed in manifest.json", it->path().string()),
                        "remove it, or make the bundle again");
    }
    if (error) return fail(ErrorKind::io, fmt::format("reading {}: {}", folder.string(), error.message()));
    return {};
}

}  // namespace

Result<BundleManifest> read_bundle_manifest(const fs::path& folder) {
    std::ifstream in(folder / "manifest.json", std::ios::binary);
    if (!in)
        return fail(ErrorKind::not_found, fmt::format("{} has no manifest.json", folder.string()),
                    "a bundle is what `nodeboot bundle create` makes");
    std::ostringstream text;
    text << in.rdbuf();
    return parse_bundle_manifest(text.str());
}

Result<void> check_bundle(const fs::path& folder, const BundleManifest& manifest,
                          const std::function<void(std::string_view)>& progress) {
    NB_CHECK(check_nothing_else(folder, manifest));
    for (const auto& file : manifest.files) {
        progress(file.path);
        NB_CHECK(check_file(folder, file));
    }
    return {};
}

}  // namespace nodeboot
