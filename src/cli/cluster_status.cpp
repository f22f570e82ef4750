#include <fmt/core.h>

#include <algorithm>

#include "cli/cluster_commands.hpp"
#include "cli/launcher.hpp"
#include "cli/report_json.hpp"
#include "cli/report_text.hpp"
#include "launch/node_wait.hpp"
#include "launch/start.hpp"

namespace nodeboot::cli {
namespace {

struct Status {
    RunReport drift;
    std::vector<NodeState> nodes;
};

Result<Status> look_at(Launcher& launcher) {
    NB_CHECK(launcher.open());
    NB_CHECK(launcher.look());
    const auto catalog = NB_TRY(make_cluster_catalog(launcher.services()));
    Status status;
    status.drift = plan_side_by_side(catalog, launcher.options());
    status.nodes = NB_TRY(node_states(launcher.services().cloud, launcher.config()));
    return status;
}

bool all_ready(const std::vector<NodeState>& nodes) {
    return std::all_of(nodes.begin(), nodes.end(), [](const NodeState& node) {
        return node.state == "running" && node.console.state == NodeConsole::State::ready;
    });
}

std::string said_by(const NodeState& node) {
    if (node.state != "running") return "";
    if (node.console.state == NodeConsole::State::silent) return "nothing of nodeboot on its console";
    const bool troubled =
        node.console.state == NodeConsole::State::failed || node.console.state == NodeConsole::State::refused;
    return fmt::format("{} ({})", troubled ? node.console.error.message : node.console.doing, node.console.at);
}

/// In a narrow terminal what the node says has a line of its own.
std::string text_of(const Status& status, const Launcher& launcher, const Terminal& terminal) {
    constexpr std::size_t wide = 120;
    const bool narrow = terminal.wraps() && terminal.width < wide;
    const auto row = [&](std::string_view name, std::string_view id, std::string_view state, std::string_view address,
                         std::string_view outside, std::string_view zone, const std::string& says) {
        const auto line = fmt::format("  {:<15}{:<21}{:<10}{:<16}{:<16}", name, id, state, address, outside);
        if (!narrow) return fmt::format("{}{:<16}{}\n", line, zone, says);
        std::string out = line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
        const std::string more = fmt::format("{}{}{}", zone, zone.empty() || says.empty() ? "" : ": ", says);
        if (!more.empty())
            for (const auto& part : wrapped(more, terminal.width - 5)) out += fmt::format("    {}\n", part);
        return out;
    };
    std::string out =
        fmt::format("cluster {} in {}\n\n", launcher.config().cluster.name, launcher.services().aws.region());
    out += row("node", "instance", "state", "address", "public", narrow ? "" : "zone", narrow ? "" : "says");
    for (const auto& node : status.nodes)
        out += row(node.ref.name, node.id, node.state, node.private_ip, node.public_ip, node.zone,
                   printable(said_by(node)));
    return out + "\n" + plan_text(status.drift, terminal);
}

/// Node ranges are the configuration's; a role on the command line counts more.
Result<std::string> user_data_for(Launcher& launcher, const std::string& role) {
    NB_CHECK(launcher.open());
    const auto& services = launcher.services();
    const Role wanted = role.empty()       ? launcher.config().node.role
                        : role == "worker" ? Role::worker
                                           : Role::control_plane;
    return user_data_of(services, *binary_of(services), wanted);
}

}  // namespace

ExitCode cluster_status(Session& session) {
    Launcher launcher(session);
    const auto status = look_at(launcher);
    if (!status) return session.fail_with(status.error());
    auto& around = session.surroundings();
    const auto& [drift, nodes] = *status;
    session.out(session.json() ? cluster_status_json(drift, launcher.config(), launcher.services().aws.region(), nodes)
                               : text_of(*status, launcher, around.out_terminal));
    around.err(failure_text(drift, around.err_terminal));
    return !drift.ok() ? exit_error : drift.changed() || !all_ready(nodes) ? exit_pending : exit_ok;
}

ExitCode cluster_user_data(Session& session) {
    Launcher launcher(session);
    const auto text = user_data_for(launcher, session.invocation().role);
    if (!text) return session.fail_with(text.error());
    session.out(session.json() ? user_data_json(*text) : *text);
    return exit_ok;
}

}  // namespace nodeboot::cli
