#include "system/want.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "base/lines.hpp"
#include "system/sysctl_path.hpp"

namespace nodeboot {
namespace {

constexpr auto kept_suffix = ".before-nodeboot";

std::string octal(std::uint32_t mode) { return fmt::format("{:04o}", mode); }

std::string owner(const FileAttributes& a) { return fmt::format("{} {}:{}", octal(a.mode), a.uid, a.gid); }

FileAttributes attributes_of(const FileInfo& info) { return {info.mode, info.uid, info.gid}; }

// sysctl values of several numbers are printed with tabs by the kernel and written with blanks by people.
std::string squeeze(std::string_view text) { return join(words_of(text), " "); }

std::multiset<std::string_view> sorted_lines(std::string_view text) {
    const auto lines = lines_of(text);
    return {lines.begin(), lines.end()};
}

}  // namespace

std::string summarise_difference(const std::string& now, const std::string& wanted) {
    const auto a = sorted_lines(now), b = sorted_lines(wanted);
    std::vector<std::string_view> added, removed;
    std::set_difference(b.begin(), b.end(), a.begin(), a.end(), std::back_inserter(added));
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(removed));
    if (added.empty() && removed.empty()) return "same lines, other order or ending";
    return fmt::format("{} missing, {} unexpected line{}", added.size(), removed.size(),
                       removed.size() == 1 ? "" : "s");
}

bool is_own(const Path& path, std::string_view content) {
    const std::string name = path.filename();
    return content.starts_with(own_mark) ||
           (name.find("nodeboot") != std::string::npos && !name.ends_with(kept_suffix));
}

Path kept_original(const Path& path) { return path.string() + kept_suffix; }

Result<void> keep_original(std::vector<NodeChange>& changes, const HostView& view, const Path& path) {
    const auto info = NB_TRY(view.stat(path));
    const Path kept = kept_original(path);
    if (!info || NB_TRY(view.stat(kept))) return {};
    if (info->type == FileInfo::Type::symlink) {
        changes.push_back({kept.string(), "absent", "link to " + info->target, MakeSymlink{kept, info->target}});
    } else if (info->type == FileInfo::Type::file && !is_own(path, NB_TRY(view.read(path)).value_or(""))) {
        changes.push_back({kept.string(), "absent", "what was there", CopyFile{path, kept, attributes_of(*info)}});
    }
    return {};
}

Result<void> want_original(std::vector<NodeChange>& changes, const HostView& view, const Path& path) {
    const Path kept = kept_original(path);
    const auto info = NB_TRY(view.stat(kept));
    if (!info) return want_absent(changes, view, path);
    Action restore = CopyFile{kept, path, attributes_of(*info)};
    if (info->type == FileInfo::Type::symlink) restore = MakeSymlink{path, info->target};
    changes.push_back({path.string(), "made by nodeboot", "what was there before", std::move(restore)});
    return want_absent(changes, view, kept);
}

Result<void> want_restored(std::vector<NodeChange>& changes, const HostView& view, const Path& path) {
    const auto info = NB_TRY(view.stat(path));
    if (!info) return {};
    const auto text = NB_TRY(view.read(path));
    if (info->type == FileInfo::Type::file && is_own(path, text.value_or("")))
        return want_original(changes, view, path);
    // Stopped between "put back" and "remove the copy"?
    const auto kept = NB_TRY(view.stat(kept_original(path)));
    if (kept && kept->type == info->type && kept->target == info->target &&
        NB_TRY(view.read(kept_original(path))) == text)
        return want_absent(changes, view, kept_original(path));
    return {};
}

Result<void> want_no_empty_folder(std::vector<NodeChange>& changes, const HostView& view, const Path& folder) {
    const auto info = NB_TRY(view.stat(folder));
    if (!info || info->type != FileInfo::Type::directory) return {};
    for (const auto& name : NB_TRY(view.list(folder)))
        if (std::none_of(changes.begin(), changes.end(),
                         [&](const NodeChange& change) { return change.action == Action(RemovePath{folder / name}); }))
            return {};
    changes.push_back({folder.string(), "empty", "absent", RemovePath{folder}});
    return {};
}

Result<void> want_file(std::vector<NodeChange>& changes, const HostView& view, const Path& path,
                       const std::string& content, const FileAttributes& attributes) {
    const auto info = NB_TRY(view.stat(path));
    const WriteFile write{path, content, attributes};
    if (!info) {
        changes.push_back({path.string(), "absent", "present", write});
        return {};
    }
    if (info->type == FileInfo::Type::directory)
        return fail(ErrorKind::conflict, fmt::format("{} should be a file and is a folder", path.string()),
                    "move it away, then run again");
    if (info->type != FileInfo::Type::file) {
        if (is_own(path, content)) NB_CHECK(keep_original(changes, view, path));
        changes.push_back(
            {path.string(), info->target.empty() ? "not a file" : "link to " + info->target, "present", write});
        return {};
    }
    const auto now = NB_TRY(view.read(path));
    if (now.value_or("") != content) {
        if (is_own(path, content)) NB_CHECK(keep_original(changes, view, path));
        changes.push_back({path.string(), summarise_difference(now.value_or(""), content), "as configured", write});
    } else {
        NB_CHECK(want_attributes(changes, path, *info, attributes));
    }
    return {};
}

Result<void> want_attributes(std::vector<NodeChange>& changes, const Path& path, const FileInfo& info,
                             const FileAttributes& wanted) {
    if (attributes_of(info) != wanted)
        changes.push_back({path.string(), owner(attributes_of(info)), owner(wanted), SetAttributes{path, wanted}});
    return {};
}

Result<void> want_absent(std::vector<NodeChange>& changes, const HostView& view, const Path& path) {
    if (NB_TRY(view.stat(path))) changes.push_back({path.string(), "present", "absent", RemovePath{path}});
    return {};
}

Result<void> want_directory(std::vector<NodeChange>& changes, const HostView& view, const Path& path,
                            const FileAttributes& attributes) {
    const auto info = NB_TRY(view.stat(path));
    if (!info)
        changes.push_back({path.string(), "absent", "folder", MakeDirectory{path, attributes}});
    else if (info->type != FileInfo::Type::directory)
        return fail(ErrorKind::conflict, fmt::format("{} should be a folder and is not", path.string()),
                    "move it away, then run again");
    else
        NB_CHECK(want_attributes(changes, path, *info, attributes));
    return {};
}

Result<void> want_running(std::vector<NodeChange>& changes, const HostView& view, const std::string& unit) {
    want_running(changes, unit, NB_TRY(view.unit(unit)));
    return {};
}

void want_running(std::vector<NodeChange>& changes, const std::string& unit, const UnitState& state) {
    if (state.masked()) changes.push_back({unit, "masked", "unmasked", Unit{UnitVerb::unmask, unit}});
    if (!state.enabled() && state.file_state != "static" && state.file_state != "alias" &&
        state.file_state != "indirect")
        changes.push_back({unit, state.file_state.empty() ? "not enabled" : state.file_state, "enabled",
                           Unit{UnitVerb::enable, unit}});
    if (!state.running())
        changes.push_back(
            {unit, state.active.empty() ? "absent" : state.active, "active", Unit{UnitVerb::start, unit}});
}

Result<void> want_sysctl(std::vector<NodeChange>& changes, const HostView& view, const std::string& key,
                         const std::string& value) {
    const auto now = NB_TRY(view.read(sysctl_path(key)));
    // A missing key may appear with its module (net.bridge.*), so a plan shows it; setting it then fails or works.
    const std::string from = now ? squeeze(*now) : "absent";
    if (from != squeeze(value)) changes.push_back({key, from, value, SetSysctl{key, value}});
    return {};
}

}  // namespace nodeboot
