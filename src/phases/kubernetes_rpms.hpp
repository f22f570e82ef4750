#pragma once

#include "phases/services.hpp"
#include "system/action.hpp"

namespace nodeboot {

constexpr const char* kubernetes_repository_file = "/etc/yum.repos.d/nodeboot-kubernetes.repo";

/// kubernetes.source = "repository" on a machine of dnf: a repository file with the key that signs it, whose `exclude=`
/// keeps every other dnf from upgrading a node, and the packages in the configured version. `refused` where a member
/// runs another version.
Result<void> want_kubernetes_rpms(std::vector<NodeChange>& changes, const HostView& view,
                                  const KubernetesConfig& config);

/// Does an installed version suit a configured one, which may leave the patch open?
bool suits(const Version& installed, const Version& wanted);

}  // namespace nodeboot
