#pragma once

#include <memory>
#include <string>
#include <vector>

#include "phases/services.hpp"
#include "system/action.hpp"

namespace nodeboot {

/// What `node bake` adds to the phases of a node: a machine that becomes an image must belong to no cluster, and nothing
/// of its own may go into the image (systemd.io/BUILDING_IMAGES; AWS, "Create a shared AMI").

/// Refuses, all at once and before anything is changed: settings of one cluster or machine, what looks like a secret in
/// the configuration or on the disk, a member of a cluster, a first boot that is still under way, nodeboot elsewhere than
/// its unit expects it. Nothing that a person put there is deleted instead.
Result<void> check_bakeable(const Config& config, const HostView& view);

/// Takes away what identifies this machine and what only its own life left behind: machine-id (emptied, not removed: a
/// missing one makes systemd apply its presets, which on some distributions disable everything), host keys, authorized
/// keys, host name, cloud-init's state, the random seed, logs, leases, package lists and caches, run records. Idempotent.
std::shared_ptr<const NodePhase> make_bake_clean_phase(std::vector<std::string> needs);

}  // namespace nodeboot
