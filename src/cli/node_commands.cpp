#include "cli/node_commands.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "cli/report_json.hpp"
#include "cli/report_text.hpp"
#include "cli/run_history.hpp"
#include "cli/status_text.hpp"
#include "engine/timeline.hpp"

namespace nodeboot::cli {
namespace {

struct Prepared {
    Config config;
    std::unique_ptr<Node> node;
    Catalog catalog;
};

/// Neither the lock nor a record: for the commands that only look. The node keeps a reference to the config.
Result<std::unique_ptr<Prepared>> prepare(Session& session) {
    auto prepared = std::make_unique<Prepared>();
    prepared->config = NB_TRY(session.load_config());
    auto& around = session.surroundings();
    prepared->node = NB_TRY(
        around.make_node(prepared->config, session.unusual_config_file(), session.log(), around.stop.get_token()));
    prepared->catalog = NB_TRY(prepared->node->catalog());
    NB_CHECK(prepared->catalog.check(session.invocation().selection));
    return prepared;
}

RunOptions run_options(Session& session) {
    auto& around = session.surroundings();
    return {.clock = around.clock,
            .log = session.log(),
            .stop = around.stop.get_token(),
            .selection = session.invocation().selection};
}

std::string phase_list(const Catalog& catalog, const Terminal& terminal) {
    std::string out;
    for (const auto& phase : catalog.phases()) {
        std::string text = phase.info.summary;
        for (const auto& part : wrapped(text, terminal.width - 24)) {
            out += fmt::format("{}{}\n", padded(text.empty() ? "" : phase.info.name, 22), part);
            text.clear();
        }
    }
    return out;
}

}  // namespace

ExitCode node_plan(Session& session) {
    auto& around = session.surroundings();
    around.host.ask_ahead({});  // says hello, so that the bus has answered when it is known what to ask
    const auto prepared = prepare(session);
    if (!prepared) return session.fail_with(prepared.error());
    const auto options = run_options(session);
    around.host.ask_ahead((*prepared)->catalog.units(options.selection));
    const auto report = plan_all((*prepared)->catalog, options);
    session.out(session.json() ? run_json(session.command(), report) : plan_text(report, around.out_terminal));
    around.err(failure_text(report, around.err_terminal));
    return !report.ok() ? exit_error : report.changed() ? exit_pending : exit_ok;
}

ExitCode node_status(Session& session) {
    const auto prepared = prepare(session);
    if (!prepared) return session.fail_with(prepared.error());
    auto& around = session.surroundings();
    auto options = run_options(session);
    options.deadline = Deadline::after(around.clock, session.invocation().wait);
    const auto report = inspect((*prepared)->catalog, options);
    const auto facts = (*prepared)->node->facts();
    session.out(session.json()
                    ? status_json(report, facts)
                    : status_text(report, facts, (*prepared)->config, around.clock.wall(), around.out_terminal));
    const bool expired = std::any_of(facts.certificates.begin(), facts.certificates.end(),
                                     [&](const auto& one) { return one.not_after < around.clock.wall(); });
    const bool well = facts.ready.value_or(true) && !expired;
    return !report.ok() ? exit_error : report.changed() || !well ? exit_pending : exit_ok;
}

ExitCode list_phases(Session& session) {
    const auto prepared = prepare(session);
    if (!prepared) return session.fail_with(prepared.error());
    const auto& catalog = (*prepared)->catalog;
    if (session.invocation().names_only) {
        for (const auto& phase : catalog.phases()) session.out(phase.info.name + "\n");
        return exit_ok;
    }
    session.out(session.json() ? phases_json(catalog) : phase_list(catalog, session.surroundings().out_terminal));
    return exit_ok;
}

ExitCode node_timeline(Session& session) {
    auto& around = session.surroundings();
    const auto record = RunHistory(around.host, around.runs_folder).load(session.invocation().run_id);
    if (!record) return session.fail_with(record.error());
    const std::string& svg = session.invocation().svg;
    if (svg == "-") {
        session.out(timeline_svg(*record));
    } else if (!svg.empty()) {
        const Path path = std::filesystem::absolute(svg);
        if (auto written = around.host.write(path, timeline_svg(*record), {0644, 0, 0}); !written)
            return session.fail_with(written.error());
    } else if (session.json()) {
        session.out(to_json(*record));
    } else {
        session.out(
            timeline_text(*record, {.width = around.out_terminal.width, .unicode = around.out_terminal.unicode}));
    }
    return exit_ok;
}

}  // namespace nodeboot::cli
