#include "engine/record.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json.hpp"

namespace nodeboot {
namespace {

using Json = nlohmann::ordered_json;

double milliseconds(Duration duration) { return std::round(static_cast<double>(duration.count()) / 1000.0) / 1000.0; }

Json change_json(const ChangeReport& change) {
    return {{"subject", change.subject},
            {"from", change.from},
            {"to", change.to},
            {"action", change.action},
            {"took_ms", milliseconds(change.took)},
            {"done", change.done}};
}

Json phase_json(const PhaseReport& phase) {
    Json out{{"name", phase.name}, {"outcome", to_string(phase.outcome)}, {"changes", Json::array()}};
    for (const auto& change : phase.changes) out["changes"].push_back(change_json(change));
    out["began_ms"] = milliseconds(phase.began);
    out["planning_ms"] = milliseconds(phase.planning);
    out["applying_ms"] = milliseconds(phase.applying);
    out["verifying_ms"] = milliseconds(phase.verifying);
    out["error"] = phase.error ? error_json(*phase.error) : Json();
    return out;
}

// Reading: what is absent has its default, so that records of other versions stay readable.
using nlohmann::json;

std::string text_of(const json& value, const char* key) { return json_string(value, {key}).value_or(""); }
Duration span_of(const json& value, const char* key) {
    const auto* number = json_at(value, {key});
    return number && number->is_number() ? Duration(std::llround(number->get<double>() * 1e6)) : Duration::zero();
}
bool flag_of(const json& value, const char* key) {
    const auto* flag = json_at(value, {key});
    return flag && flag->is_boolean() && flag->get<bool>();
}
template <class F>
void each_of(const json& value, const char* key, F use) {
    if (const auto* list = json_at(value, {key}); list && list->is_array())
        for (const auto& element : *list) use(element);
}

std::optional<Outcome> outcome_of(std::string_view text) {
    for (const auto outcome :
         {Outcome::unchanged, Outcome::pending, Outcome::changed, Outcome::failed, Outcome::blocked, Outcome::skipped})
        if (text == to_string(outcome)) return outcome;
    return std::nullopt;
}

ErrorKind kind_of(std::string_view text) {
    for (int kind = 0; kind <= static_cast<int>(ErrorKind::internal); ++kind)
        if (text == to_string(static_cast<ErrorKind>(kind))) return static_cast<ErrorKind>(kind);
    return ErrorKind::internal;
}

Result<PhaseReport> phase_of(const json& value) {
    PhaseReport phase;
    phase.name = text_of(value, "name");
    const auto outcome = outcome_of(text_of(value, "outcome"));
    if (phase.name.empty() || !outcome)
        return fail(ErrorKind::corrupted, "a phase of the record has no name or outcome");
    phase.outcome = *outcome;
    phase.began = span_of(value, "began_ms");
    phase.planning = span_of(value, "planning_ms");
    phase.applying = span_of(value, "applying_ms");
    phase.verifying = span_of(value, "verifying_ms");
    each_of(value, "changes", [&](const json& c) {
        phase.changes.push_back({text_of(c, "subject"), text_of(c, "from"), text_of(c, "to"), text_of(c, "action"),
                                 span_of(c, "took_ms"), flag_of(c, "done")});
    });
    if (const auto* error = json_at(value, {"error"}); error && error->is_object())
        phase.error = Error{kind_of(text_of(*error, "kind")), text_of(*error, "message"), text_of(*error, "hint"), {}};
    return phase;
}

}  // namespace

Json error_json(const Error& error) {
    return {{"kind", to_string(error.kind)}, {"message", error.text()}, {"hint", error.hint}};
}

Json report_json(const RunReport& report) {
    Json out{{"ok", report.ok()}, {"changed", report.changed()}, {"took_ms", milliseconds(report.took)}};
    out["phases"] = Json::array();
    out["changes"] = Json::array();
    for (const auto& phase : report.phases) {
        out["phases"].push_back(phase_json(phase));
        for (const auto& change : phase.changes)
            out["changes"].push_back({{"phase", phase.name},
                                      {"subject", change.subject},
                                      {"from", change.from},
                                      {"to", change.to},
                                      {"action", change.action}});
    }
    return out;
}

std::string to_json(const RunRecord& record) {
    Json out{{"format", 1}, {"command", record.command}, {"node", record.node}, {"versions", record.versions}};
    out["began"] = format_rfc3339(record.report.began);
    out["finished"] = record.finished;
    out["boot"] = {{"id", record.boot_id}, {"since_ms", milliseconds(record.since_boot)}, {"stages", Json::array()}};
    for (const auto& stage : record.boot)
        out["boot"]["stages"].push_back(
            {{"name", stage.name}, {"began_ms", milliseconds(stage.began)}, {"ended_ms", milliseconds(stage.ended)}});
    Json report = report_json(record.report);
    report.erase("changes");  // they stand in the phases
    out.update(report);
    // Other programs' words may hold bytes that are no UTF-8.
    return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<RunRecord> parse_record(std::string_view text) {
    const auto value = NB_TRY(parse_json(text, "run record"));
    const auto* format = json_at(value, {"format"});
    if (!format || *format != 1) return fail(ErrorKind::corrupted, "the run record is not of format 1");
    RunRecord record;
    record.command = text_of(value, "command");
    record.node = text_of(value, "node");
    record.finished = flag_of(value, "finished");
    if (const auto* versions = json_at(value, {"versions"}); versions && versions->is_object())
        for (const auto& [name, version] : versions->items())
            if (version.is_string()) record.versions[name] = version.get<std::string>();
    record.report.began = NB_TRY(parse_rfc3339(text_of(value, "began")));
    record.report.took = span_of(value, "took_ms");
    if (const auto* boot = json_at(value, {"boot"})) {
        record.boot_id = text_of(*boot, "id");
        record.since_boot = span_of(*boot, "since_ms");
        each_of(*boot, "stages", [&](const json& s) {
            record.boot.push_back({text_of(s, "name"), span_of(s, "began_ms"), span_of(s, "ended_ms")});
        });
    }
    const auto* phases = json_at(value, {"phases"});
    if (!phases || !phases->is_array()) return fail(ErrorKind::corrupted, "the run record has no phases");
    for (const auto& phase : *phases) record.report.phases.push_back(NB_TRY(phase_of(phase)));
    return record;
}

std::string run_id(WallTime began, long pid) {
    std::string time = format_rfc3339(began);
    std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
    return fmt::format("{}-{}", time, pid);
}

std::vector<std::string> surplus_records(std::vector<std::string> names, std::size_t keep) {
    std::erase_if(names, [](const std::string& name) {
        return !name.ends_with(".json") || name.size() < 22 || name[8] != 'T' || name[15] != 'Z' || name[16] != '-';
    });
    std::sort(names.begin(), names.end());
    names.resize(names.size() > keep ? names.size() - keep : 0);
    return names;
}

}  // namespace nodeboot
