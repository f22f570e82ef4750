#include "phases/staleness.hpp"

#include <algorithm>
#include <charconv>

#include "system/want.hpp"

namespace nodeboot {
namespace {

// proc_uptime(5): "12345.67 98765.43". Counted through a change of the clock, so that the answer is in today's time.
Result<std::optional<WallTime>> booted(const HostView& view, const Clock& clock) {
    const auto text = NB_TRY(view.read("/proc/uptime")).value_or("");
    double seconds = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (read.ec != std::errc()) return std::optional<WallTime>{};
    return std::optional(clock.wall() - std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds)));
}

}  // namespace

Result<bool> started_before_written(const HostView& view, const UnitState& unit, const Path& file, const Clock& clock) {
    if (!unit.running() || !unit.started) return false;
    const auto info = NB_TRY(view.stat(file));
    if (!info || info->modified <= *unit.started || info->modified > clock.wall()) return false;
    const auto boot = NB_TRY(booted(view, clock));
    return !boot || info->modified >= *boot;
}

Result<bool> started_before_own(const HostView& view, const UnitState& unit, const Path& file, const Clock& clock) {
    if (!NB_TRY(started_before_written(view, unit, file, clock))) return false;
    return is_own(file, NB_TRY(view.read(file)).value_or(""));
}

bool writes(const std::vector<NodeChange>& changes, const Path& file) {
    return std::any_of(changes.begin(), changes.end(), [&](const NodeChange& change) {
        const auto* write = std::get_if<WriteFile>(&change.action);
        return write != nullptr && write->path == file;
    });
}

Result<bool> outlived(const std::vector<NodeChange>& changes, const HostView& view, const UnitState& unit,
                      const Path& file, const Clock& clock) {
    if (!unit.running()) return false;
    const bool planned = std::any_of(changes.begin(), changes.end(),
                                     [&](const NodeChange& change) { return change.subject == file.string(); });
    return planned || NB_TRY(started_before_written(view, unit, file, clock)) ||
           NB_TRY(started_before_written(view, unit, file.parent_path(), clock));
}

Result<FileAttributes> attributes_to_keep(const HostView& view, const Path& file) {
    const auto info = NB_TRY(view.stat(file));
    if (!info || info->type != FileInfo::Type::file) return FileAttributes{};
    return FileAttributes{info->mode, info->uid, info->gid};
}

}  // namespace nodeboot
