#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/config.hpp"
#include "system/action.hpp"

namespace nodeboot {

/// Kernel settings that Kubernetes relies on, now (/proc/sys) and after the next boot (sysctl.d(5)). The file's name
/// sorts behind the usual ones; a file that is read even later and says otherwise is corrected: the contradicting line
/// is commented out, in a copy under /etc where the file itself belongs to a package. A value that cannot be set
/// because /proc/sys is mounted read-only (a container) is an error that names it.
std::shared_ptr<const NodePhase> make_sysctl_phase(const Config& config);

/// The settings in force: nodeboot's own, then `host.sysctl` over them, where an empty value takes a key off the list.
std::map<std::string, std::string> wanted_sysctls(const Config& config);

}  // namespace nodeboot
