#pragma once

#include <mutex>
#include <optional>

#include "bundle/manifest.hpp"
#include "phases/services.hpp"
#include "system/action.hpp"

namespace nodeboot {

/// The bundle that the config names, for the phases that install from it. An archive is unpacked into
/// /var/lib/nodeboot/bundle, again when it is replaced or what was unpacked turns out damaged; a folder is used where it is. Nothing of it is used before every file's sha256 was
/// checked, and nothing may be in it that the manifest does not list.
class Bundle {
   public:
    explicit Bundle(std::string source) : source_(std::move(source)) {}

    /// Where its files are (after unpacking).
    Path folder() const;
    bool is_archive() const;
    /// The manifest as it stands, unchecked files: for planning. Empty optional while an archive is not unpacked.
    Result<std::optional<BundleManifest>> manifest(const HostView& view) const;
    /// The manifest after checking every file, once a run. `corrupted` names the first bad file.
    Result<BundleManifest> verified(ActionContext& context) const;
    /// Adds a change for each file of `kind` that is not installed: of another size or mode, from another file, or written
    /// to since.
    Result<void> want_installed(std::vector<NodeChange>& changes, const HostView& view, BundleKind kind) const;

    /// The way back: files that are as the manifest lists them are removed. Without a manifest nothing is known of them.
    Result<void> want_removed(std::vector<NodeChange>& changes, const HostView& view, BundleKind kind) const;

   private:
    Result<void> install(ActionContext& context, const BundleFile& file) const;

    std::string source_;
    mutable std::mutex mutex_;
    mutable std::optional<BundleManifest> verified_;
};

/// Unpacks the archive. No change where the bundle is a folder or nothing comes from a bundle.
std::shared_ptr<const NodePhase> make_bundle_phase(const NodeServices& services, std::shared_ptr<const Bundle> bundle);

}  // namespace nodeboot
