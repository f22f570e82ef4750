#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "system/action.hpp"

namespace nodeboot {

/// RPM packages (Amazon Linux): what is installed, asked of rpm, and an action that installs through dnf, which waits
/// for its own lock. Installing waits for a mirror that does not answer at once; it asks no questions.

/// Is this a machine of rpm and dnf, and not of dpkg?
Result<bool> has_dnf(const HostView& view);

/// name → "1.35.2-150500.1.1" of those of `names` that are installed. One process.
Result<std::map<std::string, std::string>> installed_rpms(const HostView& view, const std::vector<std::string>& names);

struct DnfRequest {
    std::vector<std::string> packages;  ///< names, or "kubelet-1.35.*"; an older version than is there is a downgrade
    std::string without_excludes_of;    ///< repository whose `exclude=` does not count here; empty: none
    Duration patience = std::chrono::minutes(10);  ///< for mirrors, within the phase's deadline
    friend bool operator==(const DnfRequest&, const DnfRequest&) = default;
};

Action install_rpms(DnfRequest request);

/// Why dnf failed, from what it printed.
enum class DnfFailure { network, not_found, bad_signature, disk_full, other };
DnfFailure classify_dnf_failure(std::string_view output);

}  // namespace nodeboot
