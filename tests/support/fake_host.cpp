#include "support/fake_host.hpp"

#include <algorithm>

namespace nodeboot::testing {

void FakeHost::put(const std::string& path, std::string content, std::uint32_t mode) {
    FileInfo info;
    info.mode = mode;
    info.size = content.size();
    info.modified = now;
    if (!files.contains(path)) changed_folders[Path(path).parent_path().string()] = now;
    files[path] = {info, std::move(content)};
}

std::optional<std::string> FakeHost::content(const std::string& path) const {
    const auto it = files.find(path);
    if (it == files.end()) return std::nullopt;
    if (it->second.info.type != FileInfo::Type::symlink) return it->second.content;
    const Path target(it->second.info.target);
    return content((target.is_absolute() ? target : (Path(path).parent_path() / target).lexically_normal()).string());
}

Result<std::optional<std::string>> FakeHost::read(const Path& path) const { return content(path.string()); }

Result<std::optional<FileInfo>> FakeHost::stat(const Path& path) const {
    if (const auto it = files.find(path.string()); it != files.end()) return std::optional(it->second.info);
    auto names = list(path);
    if (names && !names->empty()) {
        FileInfo folder;
        folder.type = FileInfo::Type::directory;
        folder.mode = 0755;
        if (const auto at = changed_folders.find(path.string()); at != changed_folders.end())
            folder.modified = at->second;
        return std::optional(folder);
    }
    return std::optional<FileInfo>{};
}

Result<std::vector<std::string>> FakeHost::list(const Path& path) const {
    std::vector<std::string> names;
    std::string prefix = path.string();
    if (!prefix.ends_with('/')) prefix += '/';
    for (const auto& [name, node] : files)
        if (name.starts_with(prefix) && name.size() > prefix.size()) {
            std::string child = name.substr(prefix.size());
            child = child.substr(0, child.find('/'));
            if (names.empty() || names.back() != child) names.push_back(child);
        }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

Result<DiskSpace> FakeHost::space(const Path&) const { return disk; }

Result<UnitState> FakeHost::unit(const std::string& name) const {
    const auto it = units.find(name);
    if (it == units.end()) return UnitState{.active = "inactive", .sub = "dead", .file_state = "", .started = {}};
    return it->second;
}

CommandOutput FakeHost::program(const Command& command) const {
    const std::string text = to_text(command.argv);
    const std::function<CommandOutput(const Command&)>* best = nullptr;
    std::size_t length = 0;
    for (const auto& [prefix, answer] : programs)
        if (text.starts_with(prefix) && prefix.size() >= length) {
            best = &answer;
            length = prefix.size();
        }
    return best != nullptr ? (*best)(command) : CommandOutput{127, "", text + ": not found"};
}

Result<CommandOutput> FakeHost::query(const Command& command) const { return program(command); }

Result<void> FakeHost::write(const Path& path, std::string_view content, const FileAttributes& attributes) {
    if (!full.empty() && path.string().starts_with(full))
        return fail(ErrorKind::io, "write " + path.string() + ": No space left on device");
    log.push_back("write " + path.string());
    put(path.string(), std::string(content), attributes.mode);
    files[path.string()].info.uid = attributes.uid;
    files[path.string()].info.gid = attributes.gid;
    return {};
}

Result<void> FakeHost::make_directory(const Path& path, const FileAttributes& attributes) {
    log.push_back("mkdir " + path.string());
    put(path.string(), "", attributes.mode);
    files[path.string()].info.type = FileInfo::Type::directory;
    return {};
}

Result<void> FakeHost::make_symlink(const Path& path, const std::string& target) {
    log.push_back("symlink " + path.string());
    put(path.string(), "", 0777);
    files[path.string()].info.type = FileInfo::Type::symlink;
    files[path.string()].info.target = target;
    return {};
}

Result<void> FakeHost::set_attributes(const Path& path, const FileAttributes& attributes) {
    auto& info = files[path.string()].info;
    if (info.type == FileInfo::Type::symlink)
        return fail(ErrorKind::conflict, path.string() + " is a link; its mode cannot be set");
    log.push_back("chmod " + path.string());
    info.mode = attributes.mode;
    info.uid = attributes.uid;
    info.gid = attributes.gid;
    return {};
}

Result<void> FakeHost::copy(const Path& from, const Path& to, const FileAttributes& attributes) {
    log.push_back("copy " + to.string());
    put(to.string(), content(from.string()).value_or(""), attributes.mode);
    files[to.string()].info.uid = attributes.uid;
    files[to.string()].info.gid = attributes.gid;
    return {};
}

Result<void> FakeHost::remove(const Path& path) {
    log.push_back("remove " + path.string());
    const std::string folder = path.string() + "/";
    if (!NB_TRY(stat(path))) return {};
    changed_folders[path.parent_path().string()] = now;
    std::erase_if(files,
                  [&](const auto& entry) { return entry.first == path.string() || entry.first.starts_with(folder); });
    // A folder does not go with its last file.
    const std::string parent = path.parent_path().string();
    if (!files.contains(parent) && NB_TRY(list(parent)).empty()) {
        put(parent, "", 0755);
        files[parent].info.type = FileInfo::Type::directory;
    }
    return {};
}

Result<void> FakeHost::write_kernel(const Path& path, std::string_view value) {
    log.push_back("kernel " + path.string());
    put(path.string(), std::string(value));
    return {};
}

Result<void> FakeHost::swap_off(const Path& device) {
    log.push_back("swapoff " + device.string());
    auto swaps = content("/proc/swaps").value_or("");
    const auto at = swaps.find(device.string());
    if (at == std::string::npos) return fail(ErrorKind::io, "swapoff " + device.string() + ": Invalid argument");
    swaps.erase(at, swaps.find('\n', at) - at + 1);
    put("/proc/swaps", swaps);
    return {};
}

Result<CommandOutput> FakeHost::run(const Command& command) {
    log.push_back("run " + to_text(command.argv));
    if (const auto it = unfinished.find(to_text(command.argv)); it != unfinished.end()) return fail(it->second);
    return program(command);
}

Result<void> FakeHost::unit_verb(UnitVerb verb, const std::string& unit) {
    log.push_back(std::string(to_string(verb)) + " " + unit);
    auto& state = units[unit];
    if (verb == UnitVerb::start && state.running()) return {};
    if (verb == UnitVerb::start || verb == UnitVerb::restart) {
        state.active = "active";
        state.sub = "running";
        state.started = now;
    } else if (verb == UnitVerb::stop) {
        state.active = "inactive";
        state.sub = "dead";
    } else if (verb == UnitVerb::enable) {
        state.file_state = "enabled";
    } else if (verb == UnitVerb::disable) {
        state.file_state = "disabled";
    } else if (verb == UnitVerb::mask) {
        state.file_state = "masked";
    } else if (verb == UnitVerb::unmask) {
        state.file_state = "disabled";
    }
    return {};
}

Result<void> FakeHost::daemon_reload() {
    log.push_back("daemon-reload");
    stale_units.clear();
    return {};
}

}  // namespace nodeboot::testing
