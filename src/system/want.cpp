#include "system/want.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "system/sysctl_path.hpp"

namespace nodeboot {
namespace {

std::string octal(std::uint32_t mode) { return fmt::format("{:04o}", mode); }

std::string owner(const FileAttributes& a) { return fmt::format("{} {}:{}", octal(a.mode), a.uid, a.gid); }

FileAttributes attributes_of(const FileInfo& info) { return {info.mode, info.uid, info.gid}; }

// sysctl values of several numbers are printed with tabs by the kernel and written with blanks by people.
std::string squeeze(const std::string& text) {
    std::istringstream words(text);
    std::string out, word;
    while (words >> word) out += (out.empty() ? "" : " ") + word;
    return out;
}

std::multiset<std::string> lines_of(const std::string& text) {
    std::multiset<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) lines.insert(line);
    return lines;
}

}  // namespace

std::string summarise_difference(const std::string& now, const std::string& wanted) {
    const auto a = lines_of(now), b = lines_of(wanted);
    std::vector<std::string> added, removed;
    std::set_difference(b.begin(), b.end(), a.begin(), a.end(), std::back_inserter(added));
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(removed));
    if (added.empty() && removed.empty()) return "same lines, other order or ending";
    return fmt::format("{} missing, {} unexpected line{}", added.size(), removed.size(),
                       removed.size() == 1 ? "" : "s");
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
        changes.push_back(
            {path.string(), info->target.empty() ? "not a file" : "link to " + info->target, "present", write});
        return {};
    }
    const auto now = NB_TRY(view.read(path));
    if (now.value_or("") != content)
        changes.push_back({path.string(), summarise_difference(now.value_or(""), content), "as configured", write});
    else
        NB_CHECK(want_attributes(changes, path, *info, attributes));
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
