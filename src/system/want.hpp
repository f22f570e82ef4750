#pragma once

#include <string>
#include <vector>

#include "system/action.hpp"

namespace nodeboot {

/// The comparisons that nearly every phase makes. Each adds at most the changes that are needed, in working order,
/// and nothing when the machine is as wanted.

/// How each file of nodeboot's begins. A file without it is somebody else's, unless its very name is nodeboot's
/// ("50-nodeboot.conf").
inline constexpr std::string_view own_mark = "# Made by nodeboot";
bool is_own(const Path& path, std::string_view content);

/// Where somebody else's file is kept that nodeboot's replaced: beside it, with ".before-nodeboot" at its end. No program
/// reads such a name in a drop-in folder.
Path kept_original(const Path& path);

/// Content first, then mode and owner. A symlink in its place is replaced. Before a file of nodeboot's
/// takes the place of somebody else's, that one is kept (keep_original).
Result<void> want_file(std::vector<NodeChange>& changes, const HostView& view, const Path& path,
                       const std::string& content, const FileAttributes& attributes = {});
/// Mode and owner of what `info` describes.
Result<void> want_attributes(std::vector<NodeChange>& changes, const Path& path, const FileInfo& info,
                             const FileAttributes& wanted);
/// Adds the change that keeps what stands at `path`, if it is somebody else's and nothing is kept yet.
Result<void> keep_original(std::vector<NodeChange>& changes, const HostView& view, const Path& path);
/// The way back from want_file: a file that is_own() is replaced by the kept original, or removed where
/// there was none. Somebody else's file stays.
Result<void> want_restored(std::vector<NodeChange>& changes, const HostView& view, const Path& path);
/// The same where it is known that what stands at `path` is nodeboot's.
Result<void> want_original(std::vector<NodeChange>& changes, const HostView& view, const Path& path);
/// Removes a folder that is empty, or will be after `changes`.
Result<void> want_no_empty_folder(std::vector<NodeChange>& changes, const HostView& view, const Path& folder);
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
