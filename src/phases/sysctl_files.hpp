#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "system/action.hpp"

namespace nodeboot {

/// Who else sets a kernel setting at boot. Reads the folders of sysctl.d(5) in systemd's order: by file name, a name
/// in /etc hiding the same name in /run and /usr.

/// "net/ipv4/ip_forward" and its other spelling, net.ipv4.conf.all.forwarding, both as net.ipv4.ip_forward.
std::string canonical_sysctl(std::string_view key);

struct SysctlOverride {
    Path file;         ///< where it is now
    Path mended_path;  ///< where the corrected text has to stand: the file itself, or its namesake in /etc
    std::string mended;
    std::vector<std::string> lines;  ///< "net.ipv4.ip_forward = 0", as written
};

/// Files that are read after `own_name` and set one of `wanted` to another value. /etc/sysctl.conf is among them:
/// `sysctl --system` reads it last.
Result<std::vector<SysctlOverride>> later_overrides(const HostView& view, const std::string& own_name,
                                                    const std::map<std::string, std::string>& wanted);

/// The way back from writing `mended`: commented lines are lines again, copies of packages' files go. nodeboot's own
/// file goes with them.
Result<void> want_overrides_back(std::vector<NodeChange>& changes, const HostView& view);

/// What the next boot will set once nodeboot's file is gone and its comments are lines again; canonical keys.
Result<std::map<std::string, std::string>> sysctls_of_others(const HostView& view, const std::string& own_name);

}  // namespace nodeboot
