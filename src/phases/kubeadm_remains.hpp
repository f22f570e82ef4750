#pragma once

#include <string>
#include <vector>

#include "system/action.hpp"

namespace nodeboot {

/// What stands on this machine of a control plane, and whether an init of nodeboot's that did not end left it.
struct ControlPlaneRemains {
    bool interrupted = false;          ///< nodeboot began an init here (kubeadm_init_unfinished) that has not ended
    bool etcd_data = false;            ///< in kubeadm's folder for it
    bool begun = false;                ///< more than credentials, which may be brought before an init
    std::vector<std::string> present;  ///< of the files that every control plane has, in kubeadm's order
    std::vector<std::string> missing;  ///< of the same; an empty file counts as missing
    std::vector<std::string> given;    ///< credentials that were there before the interrupted init: somebody's own
    bool whole() const { return missing.empty(); }
};

Result<ControlPlaneRemains> look_for_control_plane(const HostView& view);

/// Why nothing may be begun over what stands there: `refused`. Without the mark nodeboot did not begin it, with it somebody
/// moved etcd since, or put its data aside.
Result<void> may_be_begun_upon(const HostView& view, const ControlPlaneRemains& remains);

/// Certificates, keys and kubeconfigs in /etc/kubernetes.
Result<std::vector<std::string>> credentials_there(const HostView& view);

/// Is there anything of an init but what was given?
Result<bool> init_left_something(const HostView& view, const ControlPlaneRemains& remains);

/// `kubeadm reset`, but for what was given.
Result<void> clear_interrupted_init(ActionContext& context, const std::vector<std::string>& given);

/// Says that an init has begun, and what was there before; on the disk when it returns.
Result<void> mark_init_begun(Host& host, const std::vector<std::string>& given);

/// Brings what init wrote to the disk, then takes the mark away: a power cut leaves either the mark or whole files.
Result<void> mark_init_ended(ActionContext& context);

}  // namespace nodeboot
