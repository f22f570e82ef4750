#include "cli/app.hpp"

#include <fmt/core.h>

#include "base/config_print.hpp"
#include "cli/bundle_commands.hpp"
#include "cli/cluster_commands.hpp"
#include "cli/cluster_kubeconfig.hpp"
#include "cli/command_line.hpp"
#include "cli/completion.hpp"
#include "cli/config_commands.hpp"
#include "cli/iam_policy_command.hpp"
#include "cli/node_commands.hpp"
#include "cli/report_json.hpp"
#include "version.hpp"

namespace nodeboot::cli {
namespace {

ExitCode say(Session& session, const std::string& text) {
    session.out(text);
    return exit_ok;
}

ExitCode dispatch(Session& session) {
    switch (session.invocation().command) {
        case Command::node_plan: return node_plan(session);
        case Command::node_status: return node_status(session);
        case Command::node_timeline: return node_timeline(session);
        case Command::node_up:
        case Command::node_repair:
        case Command::node_reset:
        case Command::node_bake:
        case Command::node_rotate_token: return node_converge(session);
        case Command::cluster_plan: return cluster_plan(session);
        case Command::cluster_up: return cluster_up(session);
        case Command::cluster_status: return cluster_status(session);
        case Command::cluster_user_data: return cluster_user_data(session);
        case Command::cluster_down: return cluster_down(session);
        case Command::cluster_kubeconfig: return cluster_kubeconfig(session);
        case Command::cluster_iam_policy: return cluster_iam_policy(session);
        case Command::config_check: return config_check(session);
        case Command::config_show: return config_show(session);
        case Command::config_reference: return say(session, config_reference());
        case Command::bundle_create: return bundle_create(session);
        case Command::bundle_verify: return bundle_verify(session);
        case Command::phases: return list_phases(session);
        case Command::version:
            return say(session,
                       session.json() ? version_json() : fmt::format("nodeboot {} ({})\n", version(), git_commit()));
        case Command::completion: return say(session, completion_script(session.invocation().shell));
    }
    return exit_error;
}

}  // namespace

ExitCode run(const std::vector<std::string>& arguments, Surroundings& surroundings) {
    const auto parsed = parse_command_line(arguments);
    if (const auto* saying = std::get_if<Saying>(&parsed)) {
        (saying->code == exit_ok ? surroundings.out : surroundings.err)(saying->text);
        return saying->code;
    }
    const auto& invocation = std::get<Invocation>(parsed);
    Session session(invocation, surroundings);
    return dispatch(session);
}

}  // namespace nodeboot::cli
