#pragma once

#include <filesystem>
#include <string>

#include "bundle/fetch.hpp"

namespace nodeboot {

/// "registry.k8s.io/coredns/coredns:v1.12.1" in its parts (distribution spec; docker.io's short forms included).
struct ImageReference {
    std::string registry;    ///< host[:port]
    std::string repository;  ///< "coredns/coredns"
    std::string tag;         ///< or digest: "sha256:…"
    bool is_digest() const { return tag.starts_with("sha256:"); }
    /// As containerd keeps and lists it and kubelet asks for it: with the registry, and without a tag beside a digest.
    std::string name() const { return registry + "/" + repository + (is_digest() ? "@" : ":") + tag; }
};
Result<ImageReference> parse_image_reference(const std::string& text);
/// ImageReference::name(); what is no reference stays as it is.
std::string normalised_image(const std::string& text);

/// Fetches one image for one architecture from its registry (OCI distribution spec 1.1, docker schema 2 included, token
/// authentication) into `folder` as an OCI image layout that `ctr images import` takes under the reference's name().
/// Every blob is checked against its digest.
Result<void> fetch_image(Fetcher& fetcher, const std::string& reference, const std::string& arch,
                         const std::filesystem::path& folder);

}  // namespace nodeboot
