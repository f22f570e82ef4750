#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/version.hpp"

namespace nodeboot {

enum class BundleKind { binary, cni, containerd, image };
std::string_view to_string(BundleKind kind);

/// One file of a bundle, as its manifest lists it.
struct BundleFile {
    std::string path;  ///< relative, no "..": "bin/kubeadm"
    BundleKind kind = BundleKind::binary;
    std::string sha256;  ///< 64 hex digits
    std::uint64_t size = 0;
    std::uint32_t mode = 0644;
    std::vector<std::string> refs;  ///< images only: the names it brings
};

/// manifest.json, format 1. docs/bundle.md describes it.
struct BundleManifest {
    Version kubernetes;
    std::string arch;      ///< "amd64", "arm64"
    bool standin = false;  ///< made for the lab: not Kubernetes
    std::vector<BundleFile> files;
};

/// `corrupted` naming the entry and the field; a path that leaves the bundle is refused.
Result<BundleManifest> parse_bundle_manifest(std::string_view json);
std::string serialise(const BundleManifest& manifest);

/// Where a file of the bundle belongs on a node; empty optional for images, which are imported.
std::optional<std::string> install_path(const BundleFile& file);

}  // namespace nodeboot
