#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/config.hpp"
#include "system/action.hpp"

namespace nodeboot {

/// Everything about the machine that nodeboot cannot put right and that would make the cluster fail later, found
/// before anything is changed and told all at once. Changes nothing. On a machine that is a member of the cluster
/// already, what its own pods and files use (ports, disk, memory) is no problem. Each check has a name that
/// `host.ignore_preflight` takes.
std::shared_ptr<const NodePhase> make_preflight_phase(const Config& config, const Clock& clock);

/// The checks, in the order in which they are made.
const std::vector<std::string>& preflight_check_names();

struct PreflightProblem {
    std::string check;
    bool fatal = true;  ///< false: worth a warning only
    std::string what;   ///< what is and what should be
    std::string hint;
};

/// All problems, those of ignored checks left out. An error only when the machine could not be looked at.
Result<std::vector<PreflightProblem>> find_preflight_problems(const Config& config, const HostView& view,
                                                              const Clock& clock);

/// The name this machine gets in the cluster: `node.name`, else its hostname in lower case, as kubeadm takes it.
Result<std::string> settled_node_name(const Config& config, const HostView& view);

/// Why `name` cannot be a node's name (RFC 1123 subdomain, at most 63 characters a label, 253 in all); empty: it can.
std::string node_name_flaw(const std::string& name);

/// kubelet.conf, its bootstrap form or a static pod is there: kubeadm has been at work.
Result<bool> is_cluster_member(const HostView& view);

}  // namespace nodeboot
