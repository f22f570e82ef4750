#include "cli/launcher.hpp"

#include <fmt/core.h>

#include "base/encoding.hpp"
#include "cli/report_json.hpp"
#include "cli/report_text.hpp"
#include "launch/doubles.hpp"
#include "launch/start.hpp"
#include "net/sha256.hpp"

namespace nodeboot::cli {
namespace {

/// What was looked at this recently still counts when the lock was free.
constexpr auto fresh_for = std::chrono::seconds(2);

}  // namespace

Result<void> Launcher::open() {
    if (around_.catch_signals)
        signals_.emplace(around_.stop, [this] {
            session_.log().warning("stopping: what is under way ends first; a second Ctrl-C stops at once");
        });
    config_ = NB_TRY(session_.load_config());
    aws_ = NB_TRY(around_.make_aws(config_, session_.log(), around_.stop.get_token()));
    auto scope = cloud_scope(config_);
    scope.stop = around_.stop.get_token();
    cloud_.emplace(aws_->query(), around_.clock, std::move(scope));
    const auto at_once = around_.cluster_parallel > 1 ? AtOnce::many : AtOnce::one;
    services_.emplace(LaunchServices{config_, *cloud_, *aws_, around_.key_files, around_.own_program, at_once});
    services_->binary = binary_of(*services_);
    return {};
}

Result<void> Launcher::look(Purpose purpose) {
    purpose_ = purpose;
    looked_at_ = around_.clock.steady();
    NB_CHECK(look_ahead(*services_, purpose));
    if (purpose != Purpose::make) return {};
    for (auto& text : NB_TRY(doubles(*cloud_)))
        if (told_.insert(text).second) session_.log().warning(text);
    return {};
}

RunOptions Launcher::options() const {
    return {.clock = around_.clock,
            .log = session_.log(),
            .stop = around_.stop.get_token(),
            .selection = session_.invocation().selection,
            .parallel = around_.cluster_parallel};
}

Result<bool> Launcher::somebody_holds_lock() {
    return NB_TRY(aws_->parameters().get(LaunchLock::parameter(config_.cluster.name))).has_value();
}

Result<RunReport> Launcher::apply(const Catalog& catalog, std::unique_ptr<LaunchLock> lock) {
    session_.show_progress(catalog.phases().size());
    auto run = options();
    run.observer = &session_.progress();
    auto report = converge(catalog, run);
    session_.progress().finish();
    if (!lock) return report;
    if (const auto released = lock->release(); !released)
        session_.log().warning(
            fmt::format("SSM parameter {}, this cluster's lock, is left: {}; `nodeboot cluster down` "
                        "removes it, others wait a minute for it",
                        LaunchLock::parameter(config_.cluster.name), released.error().text()));
    return report;
}

ExitCode Launcher::end(const RunReport& report, std::string_view fine) {
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

Result<std::unique_ptr<LaunchLock>> Launcher::take_lock() {
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
        NB_CHECK(look(purpose_));
    }
    return lock;
}

}  // namespace nodeboot::cli
