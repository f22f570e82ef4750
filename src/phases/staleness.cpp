#include "phases/staleness.hpp"

#include <algorithm>

namespace nodeboot {

Result<bool> started_before_written(const HostView& view, const UnitState& unit, const Path& file, const Clock& clock) {
    if (!unit.running() || !unit.started) return false;
    const auto info = NB_TRY(view.stat(file));
    return info && info->modified > *unit.started && info->modified <= clock.wall();
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
