#pragma once

#include <string>
#include <vector>

#include "system/action.hpp"

namespace nodeboot {

/// The comparisons that nearly every phase makes. Each adds at most the changes that are needed, in working order,
/// and nothing when the machine is as wanted.

/// Content first, then mode and owner. A symlink in its place is replaced.
Result<void> want_file(std::vector<NodeChange>& changes, const HostView& view, const Path& path,
                       const std::string& content, const FileAttributes& attributes = {});
/// Mode and owner of what `info` describes.
Result<void> want_attributes(std::vector<NodeChange>& changes, const Path& path, const FileInfo& info,
                             const FileAttributes& wanted);
Result<void> want_absent(std::vector<NodeChange>& changes, const HostView& view, const Path& path);
Result<void> want_directory(std::vector<NodeChange>& changes, const HostView& view, const Path& path,
                            const FileAttributes& attributes = {0755, 0, 0});
/// Unmasked, enabled for the next boot, and running now.
Result<void> want_running(std::vector<NodeChange>& changes, const HostView& view, const std::string& unit);
/// The same where the state was asked for already: a question to systemd is the dearest part of a plan.
void want_running(std::vector<NodeChange>& changes, const std::string& unit, const UnitState& state);
/// The kernel's live value. Runs of blanks compare as one. A key that does not exist (yet) is a change, too.
Result<void> want_sysctl(std::vector<NodeChange>& changes, const HostView& view, const std::string& key,
                         const std::string& value);

/// "absent", "0644", "3 lines differ" …: what stands in Change::from for a file.
std::string summarise_difference(const std::string& now, const std::string& wanted);

}  // namespace nodeboot
