#include "cli/cluster_commands.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "base/encoding.hpp"
#include "cli/report_json.hpp"
#include "cli/report_text.hpp"
#include "cli/signals.hpp"
#include "launch/catalog.hpp"
#include "launch/lock.hpp"
#include "net/sha256.hpp"

namespace nodeboot::cli {
namespace {

/// What was looked at this recently still counts when the lock was free.
constexpr auto fresh_for = std::chrono::seconds(2);

/// One command on a cluster, from the configuration to the last line.
class Launcher {
   public:
    explicit Launcher(Session& session) : session_(session), around_(session.surroundings()) {}

    Result<void> open() {
        if (around_.catch_signals)
            signals_.emplace(around_.stop, [this] {
                session_.log().warning("stopping: what is under way ends first; a second Ctrl-C stops at once");
            });
        config_ = NB_TRY(session_.load_config());
        aws_ = NB_TRY(around_.make_aws(config_, session_.log(), around_.stop.get_token()));
        auto scope = cloud_scope(config_);
        scope.stop = around_.stop.get_token();
        cloud_.emplace(aws_->query(), around_.clock, std::move(scope));
        services_.emplace(LaunchServices{config_, *cloud_, *aws_, around_.key_files, around_.own_program});
        looked_at_ = around_.clock.steady();
        return look_ahead(*services_);
    }

    const LaunchServices& services() const { return *services_; }
    const Config& config() const { return config_; }

    RunOptions options() const {
        return {.clock = around_.clock,
                .log = session_.log(),
                .stop = around_.stop.get_token(),
                .selection = session_.invocation().selection,
                .parallel = around_.cluster_parallel};
    }

    /// Applies the catalog under the cluster's lock, which is not taken where there is nothing to change.
    Result<RunReport> apply(const Catalog& catalog, bool anything_to_change) {
        std::unique_ptr<LaunchLock> lock;
        if (anything_to_change) lock = NB_TRY(take_lock());
        session_.show_progress(catalog.phases().size());
        auto run = options();
        run.observer = &session_.progress();
        auto report = converge(catalog, run);
        session_.progress().finish();
        return report;
    }

    ExitCode end(const RunReport& report, std::string_view fine) {
        const bool stopped = around_.stop.stop_requested() && !report.ok();
        if (session_.json()) session_.out(run_json(session_.command(), report));
        const auto& say = session_.json() ? around_.err : around_.out;
        const auto& terminal = session_.json() ? around_.err_terminal : around_.out_terminal;
        if (stopped) {
            say(stopped_text(report, terminal));
            return exit_stopped;
        }
        around_.err(failure_text(report, around_.err_terminal));
        say(summary_text(report, fine));
        return report.ok() ? exit_ok : exit_error;
    }

   private:
    Result<std::unique_ptr<LaunchLock>> take_lock() {
        const auto random = NB_TRY(random_bytes(16));
        LaunchLock::Options options{
            .cluster = config_.cluster.name,
            .owner = {to_hex(random.reveal()), fmt::format("{} ({})", around_.whoami(), session_.command()),
                      around_.process_mark},
            .timeout = session_.invocation().lock_timeout,
            .stop = around_.stop.get_token(),
            .is_gone = around_.process_is_gone,
            .on_wait = [&](const std::string& who) { session_.log().info(fmt::format("waiting for {} to end", who)); },
            .on_lost =
                [&] {
                    session_.log().error("another launcher took over this cluster's lock; stopping");
                    around_.stop.request_stop();
                }};
        auto lock = NB_TRY(LaunchLock::take(aws_->parameters(), around_.clock, std::move(options)));
        if (!lock->was_free() || around_.clock.steady() - looked_at_ > fresh_for) {
            cloud_->forget_all();
            NB_CHECK(look_ahead(*services_));
        }
        return lock;
    }

    Session& session_;
    Surroundings& around_;
    std::optional<StopOnSignal> signals_;
    Config config_;
    std::unique_ptr<AwsAccess> aws_;
    std::optional<Cloud> cloud_;
    std::optional<LaunchServices> services_;
    SteadyTime looked_at_{};
};

Result<RunReport> up(Launcher& launcher) {
    NB_CHECK(launcher.open());
    const auto catalog = NB_TRY(make_cluster_catalog(launcher.services()));
    const auto plan = plan_side_by_side(catalog, launcher.options());
    if (!plan.ok()) return plan;
    return launcher.apply(catalog, plan.changed());
}

Result<RunReport> down(Launcher& launcher, Session& session) {
    NB_CHECK(launcher.open());
    const auto catalog = NB_TRY(make_removal_catalog(launcher.services()));
    const auto plan = plan_side_by_side(catalog, launcher.options());
    if (!plan.ok() || !plan.changed()) return plan;
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
    return launcher.apply(catalog, true);
}

}  // namespace

ExitCode cluster_plan(Session& session) {
    Launcher launcher(session);
    if (auto opened = launcher.open(); !opened) return session.fail_with(opened.error());
    const auto catalog = make_cluster_catalog(launcher.services());
    if (!catalog) return session.fail_with(catalog.error());
    const auto report = plan_side_by_side(*catalog, launcher.options());
    auto& around = session.surroundings();
    session.out(session.json() ? run_json(session.command(), report) : plan_text(report, around.out_terminal));
    around.err(failure_text(report, around.err_terminal));
    return !report.ok() ? exit_error : report.changed() ? exit_pending : exit_ok;
}

ExitCode cluster_up(Session& session) {
    Launcher launcher(session);
    const auto report = up(launcher);
    if (!report) return session.fail_with(report.error());
    return launcher.end(*report, "the cluster is as it should be");
}

ExitCode cluster_down(Session& session) {
    Launcher launcher(session);
    const auto report = down(launcher, session);
    if (!report) return session.fail_with(report.error());
    return launcher.end(*report, "there is nothing of this cluster");
}

}  // namespace nodeboot::cli
