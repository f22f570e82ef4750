#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/config.hpp"
#include "system/action.hpp"
#include "system/cri.hpp"

namespace nodeboot {

/// containerd, runc and the programs that CNI plugins call are on the machine, from where `containerd.source` says:
/// distribution (apt, or dnf on Amazon Linux; any version that is installed is left alone), bundle (upstream binaries
/// in /usr/local/bin and a unit file), preinstalled (looked for only). Configuring and starting is containerd_config's
/// business.

/// Adds the changes that put the bundle's containerd/ files (kind "containerd") into /usr/local/bin, or take them away
/// again; given by whoever reads the bundle, which has checked every file's sha256 before.
using BundleChanges = std::function<Result<void>(std::vector<NodeChange>& changes, const HostView& view)>;
struct ContainerdBundle {
    BundleChanges install, remove;
};

/// The unit file that comes with a bundle's containerd.
inline constexpr auto kContainerdUnitFile = "/etc/systemd/system/containerd.service";

std::shared_ptr<const NodePhase> make_containerd_install_phase(const Config& config, ContainerdBundle bundle = {});

/// The version of the containerd that would be started next, or nothing on a machine without one. Asked, cheapest and
/// surest first: dpkg's database (packages "containerd", "containerd.io"), the running daemon over CRI, and last
/// `containerd --version`, which costs a process and happens only where the first two know nothing (a binary that is
/// not of a package and does not run). With a unit file that stands before the package's and starts another program
/// (a bundle's), dpkg is not asked, nor a daemon that was started before that file or program was written. Nothing, too,
/// where a bundle's containerd is to replace what is there: its version is known once containerd-install has put it there.
Result<std::optional<Version>> containerd_version(const HostView& view, const Cri& cri, const Clock& clock,
                                                  ContainerdSource source = ContainerdSource::distribution);

}  // namespace nodeboot
