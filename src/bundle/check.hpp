#pragma once

#include <filesystem>
#include <functional>

#include "bundle/manifest.hpp"

namespace nodeboot {

/// Reads manifest.json of an unpacked bundle. `not_found` when there is none.
Result<BundleManifest> read_bundle_manifest(const std::filesystem::path& folder);

/// Size and sha256 of every file against the manifest, and no file besides. `corrupted` names the first bad one.
/// `progress` gets each path as it is read.
Result<void> check_bundle(const std::filesystem::path& folder, const BundleManifest& manifest,
                          const std::function<void(std::string_view)>& progress);

}  // namespace nodeboot
