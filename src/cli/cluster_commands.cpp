#include "cli/cluster_commands.hpp"

#include <fmt/core.h>

#include "cli/launcher.hpp"
#include "cli/report_json.hpp"
#include "cli/report_text.hpp"
#include "launch/instances.hpp"

namespace nodeboot::cli {
namespace {

Result<RunReport> plan(Launcher& launcher) {
    NB_CHECK(launcher.open());
    NB_CHECK(launcher.look());
    return plan_side_by_side(NB_TRY(make_cluster_catalog(launcher.services())), launcher.options());
}

/// `up` terminates instances where there are fewer workers than before: that wants a yes.
Result<void> ask_before_terminating(const RunReport& plan, Session& session) {
    for (const auto& phase : plan.phases) {
        if (phase.name != surplus_workers_phase || phase.changes.empty()) continue;
        std::string names;
        for (const auto& change : phase.changes) names += (names.empty() ? "" : ", ") + change.subject;
        const auto& around = session.surroundings();
        if (session.invocation().yes) return {};
        if (!around.ask || session.json())
            return fail(ErrorKind::refused,
                        fmt::format("instances.workers is less than there are: {} would be terminated", names),
                        "drain them first; then --yes says that they may go");
        const auto answer = around.ask(fmt::format("This terminates {}, drained or not. Type yes: ", names));
        if (answer != "yes") return fail(ErrorKind::cancelled, "not confirmed; nothing was changed");
    }
    return {};
}

Result<RunReport> up(Launcher& launcher, Session& session) {
    NB_CHECK(launcher.open());
    NB_CHECK(launcher.look());
    const auto catalog = NB_TRY(make_cluster_catalog(launcher.services()));
    const auto plan = plan_side_by_side(catalog, launcher.options());
    if (!plan.ok()) return plan;
    NB_CHECK(ask_before_terminating(plan, session));
    return launcher.apply(catalog, plan.changed() ? NB_TRY(launcher.take_lock()) : nullptr);
}

Result<RunReport> down(Launcher& launcher, Session& session) {
    NB_CHECK(launcher.open());
    NB_CHECK(launcher.look(Purpose::remove));
    const auto catalog = NB_TRY(make_removal_catalog(launcher.services()));
    auto plan = plan_side_by_side(catalog, launcher.options());
    if (!plan.ok()) return plan;
    std::unique_ptr<LaunchLock> lock;
    if (!plan.changed()) {
        // A launcher that is at work may have made nothing yet; one that died may have left nothing but its lock.
        if (!NB_TRY(launcher.somebody_holds_lock())) return plan;
        lock = NB_TRY(launcher.take_lock());
        plan = plan_side_by_side(catalog, launcher.options());
        if (!plan.ok() || !plan.changed()) return plan;
    }
    auto& around = session.surroundings();
    if (!session.invocation().yes) {
        if (!around.ask || session.json())
            return fail(ErrorKind::refused,
                        fmt::format("`{}` needs a yes, and nobody is here to ask", session.command()),
                        "--yes says it beforehand");
        session.out(plan_text(plan, around.out_terminal));
        const auto answer = around.ask(fmt::format(
            "Delete all of this, and what runs on it? Type the cluster's name, {}: ", launcher.config().cluster.name));
        if (answer != launcher.config().cluster.name)
            return fail(ErrorKind::cancelled, "not confirmed; nothing was changed");
    }
    if (!lock) lock = NB_TRY(launcher.take_lock());
    return launcher.apply(catalog, std::move(lock));
}

}  // namespace

ExitCode cluster_plan(Session& session) {
    Launcher launcher(session);
    const auto report = plan(launcher);
    if (!report) return session.fail_with(report.error());
    auto& around = session.surroundings();
    session.out(session.json() ? run_json(session.command(), *report) : plan_text(*report, around.out_terminal));
    around.err(failure_text(*report, around.err_terminal));
    return !report->ok() ? exit_error : report->changed() ? exit_pending : exit_ok;
}

ExitCode cluster_up(Session& session) {
    Launcher launcher(session);
    const auto report = up(launcher, session);
    if (!report) return session.fail_with(report.error());
    const auto code = launcher.end(*report, "the cluster is as it should be");
    if (code == exit_ok && !session.json()) {
        // To be copied: in one piece, on a line of its own where it does not fit beside the words.
        const auto& terminal = session.surroundings().out_terminal;
        const auto line =
            fmt::format("For kubectl: nodeboot cluster kubeconfig --config {}", session.invocation().config_file);
        const bool fits = !terminal.wraps() || text_width(line) < terminal.width;
        session.out(fits ? line + "\n" : fmt::format("For kubectl:\n  {}\n", line.substr(line.find(": ") + 2)));
    }
    return code;
}

ExitCode cluster_down(Session& session) {
    Launcher launcher(session);
    const auto report = down(launcher, session);
    if (!report) return session.fail_with(report.error());
    return launcher.end(*report, "there is nothing of this cluster");
}

}  // namespace nodeboot::cli
