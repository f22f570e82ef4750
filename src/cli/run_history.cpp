#include "cli/run_history.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/json.hpp"

namespace nodeboot::cli {
namespace {

std::string trimmed(std::string text) {
    text.erase(text.find_last_not_of(" \n") + 1);
    return text;
}

std::string read_or_empty(const HostView& view, const Path& path) {
    auto text = view.read(path);
    return text && *text ? trimmed(**std::move(text)) : std::string();
}

Duration seconds(double value) { return Duration(std::llround(value * 1e9)); }

/// cloud-init writes the wall-clock time of each stage's start and end (cloudinit/cmd/status.py).
void add_cloud_init(RunRecord& record, const HostView& view, WallTime boot) {
    const std::string text = read_or_empty(view, "/run/cloud-init/status.json");
    const auto value = parse_json(text, "cloud-init's status");
    if (text.empty() || !value) return;
    constexpr std::pair<const char*, const char*> stages[] = {{"init-local", "cloud-init local"},
                                                              {"init", "cloud-init network"},
                                                              {"modules-config", "cloud-init config"},
                                                              {"modules-final", "cloud-init final"}};
    for (const auto& [key, name] : stages) {
        const auto* start = json_at(*value, {"v1", key, "start"});
        const auto* finished = json_at(*value, {"v1", key, "finished"});
        if (!start || !start->is_number()) continue;
        const auto since_boot = [&](double unix) { return WallTime(seconds(unix)) - boot; };
        const Duration began = since_boot(start->get<double>());
        // The stage that runs nodeboot itself is not over yet.
        const Duration ended =
            finished && finished->is_number() ? since_boot(finished->get<double>()) : record.since_boot;
        if (began >= Duration::zero() && ended >= began && ended <= record.since_boot)
            record.boot.push_back({name, began, ended});
    }
}

}  // namespace

Result<void> RunHistory::save(const std::string& id, const RunRecord& record) {
    const auto info = NB_TRY(host_.stat(folder_));
    if (!info) NB_CHECK(host_.make_directory(folder_, {0700, 0, 0}));
    return host_.write(folder_ / (id + ".json"), to_json(record), {0600, 0, 0});
}

Result<void> RunHistory::prune(std::size_t keep) {
    for (const auto& name : surplus_records(NB_TRY(host_.list(folder_)), keep)) NB_CHECK(host_.remove(folder_ / name));
    return {};
}

Result<RunRecord> RunHistory::load(const std::string& id) const {
    const auto names = surplus_records(NB_TRY(host_.list(folder_)), 0);
    if (names.empty())
        return fail(ErrorKind::not_found, fmt::format("no run is recorded in {}", folder_.string()),
                    "`nodeboot node up` makes a record");
    if (id.empty()) return newest_of_interest(names);
    const std::string file = id.ends_with(".json") ? id : id + ".json";
    if (std::find(names.begin(), names.end(), file) == names.end())
        return fail(ErrorKind::not_found, fmt::format("there is no run {} in {}", id, folder_.string()),
                    fmt::format("the newest is {}", names.back().substr(0, names.back().size() - 5)));
    return read(file);
}

/// The newest run that changed something: after a boot come runs that only look.
Result<RunRecord> RunHistory::newest_of_interest(const std::vector<std::string>& names) const {
    for (auto name = names.rbegin(); name != names.rend(); ++name)
        if (auto record = read(*name); record && record->report.changed()) return record;
    return read(names.back());
}

Result<RunRecord> RunHistory::read(const std::string& file) const {
    const Path path = folder_ / file;
    const auto text = NB_TRY(host_.read(path));
    if (!text) return fail(ErrorKind::not_found, fmt::format("{} was removed just now", path.string()));
    return NB_TRY_CONTEXT(parse_record(*text), path.string());
}

RunRecorder::RunRecorder(RunHistory& history, const Log& log, std::string id, RunRecord record)
    : history_(history), log_(log), id_(std::move(id)), record_(std::move(record)) {
    save();
}

void RunRecorder::phase_ended(const PhaseInfo&, const PhaseReport& report) {
    record_.report.phases.push_back(report);
    record_.report.took =
        std::max(record_.report.took, report.began + report.planning + report.applying + report.verifying);
    save();
}

void RunRecorder::finish(const RunReport& report) {
    const WallTime began = record_.report.began;
    record_.report = report;
    record_.report.began = began;
    record_.finished = true;
    save();
    if (auto pruned = history_.prune(); !pruned) log_.debug("old run records stay: " + pruned.error().text());
}

void RunRecorder::save() {
    const auto saved = history_.save(id_, record_);
    if (!saved && !warned_) log_.warning("this run leaves no record: " + saved.error().text());
    warned_ = warned_ || !saved;
}

void describe_boot(RunRecord& record, const HostView& view, WallTime now) {
    record.boot_id = read_or_empty(view, "/proc/sys/kernel/random/boot_id");
    record.node = read_or_empty(view, "/proc/sys/kernel/hostname");
    if (auto kernel = read_or_empty(view, "/proc/sys/kernel/osrelease"); !kernel.empty())
        record.versions["kernel"] = kernel;
    const std::string uptime = read_or_empty(view, "/proc/uptime");
    if (uptime.empty()) return;
    record.since_boot = seconds(std::strtod(uptime.c_str(), nullptr));
    add_cloud_init(record, view, now - record.since_boot);
}

}  // namespace nodeboot::cli
