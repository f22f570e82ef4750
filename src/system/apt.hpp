#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "system/action.hpp"

namespace nodeboot {

/// Debian packages: what is installed, read from dpkg's own database without a process, and an action that installs.
/// Installing survives what first boots are made of: apt-daily holding dpkg's lock, an earlier run killed in
/// mid-install, package lists that are missing or too old, a mirror that does not answer at once. It asks no questions,
/// keeps config files as they are, removes no package for another, and starts again from wherever a crash left dpkg.

struct PackageState {
    std::string version;     ///< "1.7.24~ds1-2"; of what is unpacked, even when it is not configured
    bool installed = false;  ///< unpacked and configured: it works
    bool held = false;       ///< apt-mark hold
};

/// /var/lib/dpkg/status. Pure.
class DpkgStatus {
   public:
    explicit DpkgStatus(std::string text) : text_(std::move(text)) {}
    /// Not known at all: installed == false and no version.
    PackageState find(std::string_view package) const;
    /// Packages that an interrupted dpkg left unpacked, half-configured or waiting for triggers.
    std::vector<std::string> unfinished() const;
    /// Installed packages that say they provide `name` (Debian Policy 7.5), in the order of the database.
    std::vector<std::string> providers_of(std::string_view name) const;

   private:
    std::string text_;
};

/// An empty status on a machine without dpkg.
Result<DpkgStatus> read_dpkg_status(const HostView& view);

struct PackageWanted {
    std::string name;
    std::string version;  ///< exact, as apt writes it; empty: any that is installed, else the newest
    friend bool operator==(const PackageWanted&, const PackageWanted&) = default;
};

struct InstallRequest {
    std::vector<PackageWanted> packages;
    bool may_downgrade = false;                    ///< --allow-downgrades
    bool may_change_held = false;                  ///< --allow-change-held-packages
    bool refresh_first = false;                    ///< apt-get update before the first try: a repository was just added
    Duration patience = std::chrono::minutes(10);  ///< for locks and mirrors, within the phase's deadline
};

/// The action: `dpkg --configure -a` if something is unfinished, apt-get update if needed, apt-get install.
Action install_packages(InstallRequest request);

/// Adds an install for those of `request` that are missing, unfinished or of another version; nothing otherwise.
Result<void> want_packages(std::vector<NodeChange>& changes, const HostView& view, InstallRequest request);

/// `apt-mark hold` for those that are installed and not held: no upgrade by unattended-upgrades.
Result<void> want_held(std::vector<NodeChange>& changes, const HostView& view,
                       const std::vector<std::string>& packages);

/// The way back: `apt-mark unhold` for those that are held.
Result<void> want_not_held(std::vector<NodeChange>& changes, const HostView& view,
                           const std::vector<std::string>& packages);

/// Why apt or dpkg failed, from what it printed; decides whether waiting helps.
enum class AptFailure { locked, network, stale_lists, interrupted, disk_full, other };
AptFailure classify_apt_failure(std::string_view output);

}  // namespace nodeboot
