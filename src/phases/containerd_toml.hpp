#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/config.hpp"

namespace nodeboot {

/// /etc/containerd/config.toml for the containerd that is there: layout version 2 for 1.x, 3 for 2.x (which every 2.x
/// reads; 4 would need 2.3), `cni.bin_dirs` instead of `cni.bin_dir` from 2.1. The user's own TOML is merged over it,
/// table by table, and wins. With `version = 2` in it the whole file is written in layout 2, which containerd 2.x
/// converts by itself: so a fragment that was written for 1.x keeps working. Pure.

struct ContainerdFile {
    std::string text;
    /// What has to be in force once containerd has read it; the user may have changed both.
    bool systemd_cgroup = true;
    std::string sandbox_image;
};

/// `version`: containerd's own. `invalid_input` when `containerd.extra_config` is no TOML, asks for a layout that this
/// containerd cannot read, or uses the plugin names of another layout, which containerd would silently ignore.
Result<ContainerdFile> make_containerd_file(const Config& config, const Version& version);

/// The pause image for this Kubernetes version (kubeadm's PauseVersion), or the configured one. name:tag, no digest:
/// containerd compares it as text.
std::string pause_image(const Config& config);

/// hosts.toml for a registry below /etc/containerd/certs.d (containerd docs/hosts.md): the mirrors in order, then the
/// registry itself; for "*" whichever was asked for. Read at every pull, so no restart is needed.
std::string make_hosts_toml(const std::string& registry, const std::vector<std::string>& mirrors);

}  // namespace nodeboot
