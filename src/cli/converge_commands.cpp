#include <fmt/core.h>
#include <unistd.h>

#include <optional>

#include "base/backoff.hpp"
#include "base/duration.hpp"
#include "cli/node_commands.hpp"
#include "cli/report_json.hpp"
#include "cli/report_text.hpp"
#include "cli/run_history.hpp"
#include "cli/run_lock.hpp"
#include "cli/signals.hpp"
#include "version.hpp"

namespace nodeboot::cli {
namespace {

/// What may be otherwise a moment later without anybody's doing: no answer; an API server that has just started and knows
/// no permissions yet (kubernetes#121635); a node that joined or left meanwhile.
bool may_pass(const Error& error) {
    return is_no_answer(error) || error.kind == ErrorKind::permission || error.kind == ErrorKind::conflict ||
           error.kind == ErrorKind::not_found;
}

/// What failed for good in a run, else what may pass.
const Error* gravest(const RunReport& report) {
    for (const auto& phase : report.phases)
        if (phase.error && !may_pass(*phase.error)) return &*phase.error;
    return report.first_error();
}

/// A failure that is tried again is none yet: the journal is not to show it as an error.
class UntilTriedAgain final : public Fanout {
   public:
    using Fanout::Fanout;
    void phase_ended(const PhaseInfo& phase, const PhaseReport& report) override {
        if (!report.error || !may_pass(*report.error)) Fanout::phase_ended(phase, report);
    }
};

/// One command that changes the machine, from the configuration to the last line.
class Converging {
   public:
    explicit Converging(Session& session)
        : session_(session),
          around_(session.surroundings()),
          invocation_(session.invocation()),
          history_(around_.host, around_.runs_folder) {}

    ExitCode run() {
        std::optional<StopOnSignal> signals;
        if (around_.catch_signals)
            signals.emplace(around_.stop, [&] {
                session_.log().warning("stopping: what is under way ends first; a second Ctrl-C stops at once");
            });
        // The console is for boots; what a person or a timer starts has another place to speak.
        if (invocation_.command == Command::node_up || invocation_.command == Command::node_repair)
            console_.emplace(around_.open_console(), around_.clock);
        auto report = converge_all();
        if (report) return report_end(*report);
        if (console_) console_->run_refused(report.error());
        return session_.fail_with(report.error());
    }

   private:
    Result<RunReport> converge_all() {
        config_ = NB_TRY(session_.load_config());
        const bool lasting = invocation_.command == Command::node_up || invocation_.command == Command::node_repair;
        if (lasting && !invocation_.settings.empty())
            session_.log().warning(fmt::format(
                "--set is for this run alone: nodeboot at boot and its timers read {}; put there what is to "
                "last",
                invocation_.config_file));
        return is_timers_job(invocation_) ? converge_patiently() : converge_once();
    }

    /// The lock is free while it waits: `node up` may be what brings the API server back.
    Result<RunReport> converge_patiently() {
        std::optional<RunReport> last;
        RetryOptions retrying{.deadline = Deadline::after(around_.clock, invocation_.patience),
                              .stop = around_.stop.get_token(),
                              .retryable = may_pass};
        retrying.on_new_error = [&](const Error& error, unsigned) {
            if (may_pass(error) && !retrying.deadline.passed(around_.clock))
                session_.log().info(fmt::format("trying again for {}: {}",
                                                format_duration(retrying.deadline.remaining(around_.clock)),
                                                error.text()));
        };
        auto done = retry(retrying, around_.clock, [&]() -> Result<void> {
            last = NB_TRY(converge_once());
            if (const Error* error = gravest(*last)) return fail(*error);
            return {};
        });
        if (!last) return fail(std::move(done).error());
        if (!done && !around_.stop.stop_requested() && invocation_.patience > Duration::zero())
            for (auto& phase : last->phases)
                if (phase.error && may_pass(*phase.error))
                    phase.error->context.push_back("tried for " + duration_text(invocation_.patience));
        return *std::move(last);
    }

    Result<RunReport> converge_once() {
        const auto lock = NB_TRY(take_lock());
        const auto node = NB_TRY(
            around_.make_node(config_, session_.unusual_config_file(), session_.log(), around_.stop.get_token()));
        const auto catalog = NB_TRY(make_catalog(*node));
        NB_CHECK(catalog.check(invocation_.selection));
        NB_CHECK(ask_first(catalog));
        return observed(catalog);
    }

    Result<RunLock> take_lock() {
        RunLock::Options options{.path = around_.lock_path,
                                 .command = session_.command(),
                                 .timeout = invocation_.lock_timeout,
                                 .stop = around_.stop.get_token(),
                                 .on_wait = {}};
        options.on_wait = [&](const std::string& holder) {
            session_.log().info(fmt::format("waiting for {}, at most {}", holder, format_duration(options.timeout)));
        };
        return RunLock::take(options, around_.clock);
    }

    Result<Catalog> make_catalog(Node& node) const {
        switch (invocation_.command) {
            case Command::node_repair: return node.repair_catalog({invocation_.rejoin, invocation_.forget_node});
            case Command::node_bake: return node.bake_catalog();
            case Command::node_reset: return node.reset_catalog();
            case Command::node_rotate_token: return node.rotate_catalog();
            default: return node.catalog();
        }
    }

    RunOptions options() const {
        return {.clock = around_.clock,
                .log = session_.log(),
                .stop = around_.stop.get_token(),
                .selection = invocation_.selection};
    }

    /// `reset`, and `repair` where it was told to destroy something, show what they would do and wait for a yes.
    Result<void> ask_first(const Catalog& catalog) {
        const bool destroys =
            invocation_.command == Command::node_reset ||
            (invocation_.command == Command::node_repair && (invocation_.rejoin || !invocation_.forget_node.empty()));
        if (!destroys || invocation_.yes) return {};
        const auto plan = plan_all(catalog, options());
        if (!plan.changed()) return {};
        if (!around_.ask || session_.json())
            return fail(ErrorKind::refused,
                        fmt::format("`{}` needs a yes, and nobody is here to ask", session_.command()),
                        "--yes says it beforehand");
        session_.out(plan_text(plan, around_.out_terminal));
        const auto answer = around_.ask("Go on? Type yes: ");
        if (answer != "yes") return fail(ErrorKind::cancelled, "not confirmed; nothing was changed");
        return {};
    }

    Result<RunReport> observed(const Catalog& catalog) {
        session_.show_progress(catalog.phases().size());
        std::vector<RunObserver*> observers{&session_.progress()};
        const auto recorder = make_recorder();
        if (recorder) observers.push_back(recorder.get());
        if (console_) {
            console_->run_began(session_.command(), version());
            observers.push_back(&*console_);
        }
        Fanout all(observers);
        UntilTriedAgain patient(observers);
        auto run = options();
        run.observer = invocation_.patience > Duration::zero() ? &patient : &all;
        auto report = converge(catalog, run);
        session_.progress().finish();
        if (recorder) recorder->finish(report);
        return report;
    }

    /// What a timer starts every few minutes would soon push the record of the boot out of the folder. An image is to
    /// hold no record of the machine that it was made on.
    std::unique_ptr<RunRecorder> make_recorder() {
        if (is_timers_job(invocation_) || invocation_.command == Command::node_bake) return nullptr;
        RunRecord record;
        record.command = session_.command();
        record.versions["nodeboot"] = fmt::format("{} ({})", version(), git_commit());
        record.report.began = around_.clock.wall();
        describe_boot(record, around_.host, record.report.began);
        const auto id = run_id(record.report.began, around_.pid);
        return std::make_unique<RunRecorder>(history_, session_.log(), id, std::move(record));
    }

    ExitCode report_end(const RunReport& report) {
        const bool stopped = around_.stop.stop_requested() && !report.ok();
        if (console_) console_->run_ended(report, stopped);
        if (session_.json()) session_.out(run_json(session_.command(), report));
        const auto& say = session_.json() ? around_.err : around_.out;
        const auto& terminal = session_.json() ? around_.err_terminal : around_.out_terminal;
        if (stopped) {
            say(stopped_text(report, terminal));
            return exit_stopped;
        }
        around_.err(with_priority(LogLevel::error, failure_text(report, around_.err_terminal), around_.err_terminal));
        if (!is_timers_job(invocation_) || report.changed() || !report.ok())
            say(with_priority(LogLevel::info, summary_text(report), terminal));
        return report.ok() ? exit_ok : exit_error;
    }

    Session& session_;
    Surroundings& around_;
    const Invocation& invocation_;
    RunHistory history_;
    Config config_;
    std::optional<ConsoleRecords> console_;
};

}  // namespace

ExitCode node_converge(Session& session) { return Converging(session).run(); }

}  // namespace nodeboot::cli
