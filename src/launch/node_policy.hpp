#pragma once

#include <optional>

#include "base/config.hpp"
#include "launch/policy.hpp"

namespace nodeboot {

/// Where a node's permissions lie.
struct NodePolicyInput {
    std::string cluster;
    std::string region;
    std::string account;  ///< "*" where it is not known
    /// "bucket/key" of the binary, when nodes fetch it with their role.
    std::optional<std::string> binary_object = std::nullopt;
    bool publish_kubeconfig = true;  ///< control_plane.publish_kubeconfig
};

/// The least that a node of this role needs, which is what its code calls: a worker reads the join secret
/// (net/ssm_join_store.hpp), the control plane writes it too, and admin access beside it. SSM encrypts with the account's aws/ssm key, whose own policy
/// lets whoever may use the parameter use it: no kms: permission is needed.
Policy node_policy(const NodePolicyInput& input, Role role);

}  // namespace nodeboot
