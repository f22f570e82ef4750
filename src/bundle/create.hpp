#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "bundle/fetch.hpp"
#include "bundle/manifest.hpp"
#include "system/host.hpp"

namespace nodeboot {

struct BundleCreateOptions {
    Version kubernetes;  ///< with its patch
    std::string arch = "amd64";
    std::filesystem::path output;  ///< a folder that does not exist yet, or a name ending in .tar, .tar.gz, .tar.zst
    std::string image_repository = "registry.k8s.io";
    std::vector<std::string> further_images;  ///< flannel's, and what a site wants ready
    Version cni_plugins{1, 8, 0};
    std::optional<Version> crictl;      ///< the .0 of the Kubernetes minor when not given
    std::optional<Version> containerd;  ///< not given: none, the distribution's is used
    Version runc{1, 3, 3};
};

/// Makes a bundle from what the projects publish: Kubernetes' binaries (dl.k8s.io), CNI plugins, crictl, containerd and
/// runc (GitHub releases), each checked against the checksum published beside it, and the images that this kubeadm
/// names. `host` runs kubeadm to ask for that list, and tar. Nothing is left, at `output` or beside it, unless all of
/// it is there.
Result<BundleManifest> create_bundle(Fetcher& fetcher, Host& host, const Log& log, const BundleCreateOptions& options);

/// "0123…  kubeadm" or the bare digest, as publishers write it beside a file; empty when there is none for `name`.
std::string published_sha256(std::string_view text, std::string_view name);

}  // namespace nodeboot
