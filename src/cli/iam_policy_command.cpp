#include "cli/iam_policy_command.hpp"

#include <fmt/core.h>

#include "launch/operator_policy.hpp"
#include "net/credentials.hpp"

namespace nodeboot::cli {
namespace {

Result<Policy> policy_asked_for(Session& session, const Config& config) {
    CredentialOptions where;
    where.read_file = read_through(session.surroundings().host);
    const auto region = NB_TRY(resolve_region(config.cluster.region, where));
    const auto& asked = session.invocation();
    if (asked.policy_for == "operator") return operator_policy(config, region, asked.account);
    return policy_of_nodes(config, region, asked.account,
                           asked.policy_for == "worker" ? Role::worker : Role::control_plane);
}

}  // namespace

ExitCode cluster_iam_policy(Session& session) {
    const auto config = session.load_config();
    if (!config) return session.fail_with(config.error());
    const auto policy = policy_asked_for(session, *config);
    if (!policy) return session.fail_with(policy.error());
    session.out(policy_json(*policy, PolicyText::indented) + "\n");
    const auto& instances = config->instances;
    const bool given = !instances.control_plane_profile.empty() || !instances.worker_profile.empty();
    if (given && session.invocation().policy_for == "operator")
        session.surroundings().err(fmt::format(
            "nodeboot: {} allows to give instances every role of the account that EC2 may take, because the "
            "configuration names instance profiles and not their roles: put these in place of role/* (aws iam "
            "get-instance-profile --instance-profile-name {} --query InstanceProfile.Roles[].Arn)\n",
            gives_any_role,
            instances.worker_profile.empty() ? instances.control_plane_profile : instances.worker_profile));
    if (const std::size_t size = counted_size(*policy); size > managed_policy_limit)
        session.surroundings().err(fmt::format(
            "nodeboot: this is {} characters long, and a managed policy holds {}: make it an inline policy of a "
            "role, which holds 10240, or give the cluster a shorter name\n",
            size, managed_policy_limit));
    return exit_ok;
}

}  // namespace nodeboot::cli
