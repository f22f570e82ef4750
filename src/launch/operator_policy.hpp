#pragma once

#include "base/config.hpp"
#include "launch/policy.hpp"

namespace nodeboot {

/// The least that an operator needs for `nodeboot cluster …` with this configuration, and nothing else in the account: what
/// can be described is described by region; what is made has to bear the cluster's tag at once; what is changed or deleted
/// has to bear it already; roles, bucket and parameters are named. `account` is "*" where it is not known.
///
/// The lab runs the launcher with exactly this and checks that each permission is used (docs/testing.md).
///
/// A volume or network interface that lost its tag is not the cluster's any more: only more than this can tag it again.
/// Name of the statement that allows to give instances every role of the account, where instance profiles were given: their
/// roles are not in the configuration. Whoever makes the policy is to put these there.
inline constexpr const char* gives_any_role = "GiveAnyRoleToInstances";
Policy operator_policy(const Config& config, const std::string& region, const std::string& account);

/// What an instance profile of the user's own must allow (instances.control_plane_profile, instances.worker_profile): as
/// node_policy, for whichever nodeboot is uploaded.
Policy policy_of_nodes(const Config& config, const std::string& region, const std::string& account, Role role);

}  // namespace nodeboot
