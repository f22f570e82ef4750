#include "system/linux_host.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/swap.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "system/atomic_file.hpp"
#include "system/remove_tree.hpp"
#include "system/system_error.hpp"

namespace nodeboot {
namespace {

bool is_absence(int number) { return number == ENOENT || number == ENOTDIR; }

FileInfo::Type type_of(mode_t mode) {
    if (S_ISREG(mode)) return FileInfo::Type::file;
    if (S_ISDIR(mode)) return FileInfo::Type::directory;
    if (S_ISLNK(mode)) return FileInfo::Type::symlink;
    return FileInfo::Type::other;
}

// Works for every type of file without opening it for reading (which a device might take as an order).
bool set_owner_and_mode(int path_fd, const FileAttributes& attributes) {
    const std::string self = fmt::format("/proc/self/fd/{}", path_fd);
    return ::fchownat(path_fd, "", attributes.uid, attributes.gid, AT_EMPTY_PATH) == 0 &&
           ::chmod(self.c_str(), attributes.mode) == 0;
}

}  // namespace

LinuxHost::LinuxHost(LinuxHostOptions options)
    : files_(std::move(options.root)),
      programs_(std::move(options.programs)),
      systemd_(files_.outside("/run/dbus/system_bus_socket"), files_.outside("/run/systemd/private")) {}

Result<std::optional<std::string>> LinuxHost::read(const Path& path) const {
    // O_NONBLOCK: a FIFO in the place of a file must not hang us.
    const Fd fd = files_.open(path, O_RDONLY | O_NONBLOCK);
    if (!fd && is_absence(errno)) return std::nullopt;
    const auto failed = [&] { return fail(system_error(errno, fmt::format("cannot read {}", path.string()))); };
    if (!fd) return failed();
    std::string content;
    char piece[4096];
    for (;;) {
        const ssize_t count = ::read(fd.get(), piece, sizeof piece);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return failed();
        if (count == 0) return content;
        // Most files are small. The size of a large one is worth asking for, but it is a guess: 0 in /proc.
        if (struct stat info{}; content.empty() && count == sizeof piece && ::fstat(fd.get(), &info) == 0)
            content.reserve(static_cast<std::size_t>(std::max<off_t>(info.st_size, 0)));
        content.append(piece, static_cast<std::size_t>(count));
    }
}

Result<std::optional<FileInfo>> LinuxHost::stat(const Path& path) const {
    // Of the machine itself in one call; below another root links above the last part must not lead out of it.
    const bool whole = files_.root() == "/" && path.is_absolute();
    const bool is_root = path == path.root_path();
    const std::string name = whole ? path.string() : is_root ? "." : path.filename().string();
    Fd parent;
    if (!whole) parent = is_root ? files_.open(path, O_PATH) : files_.open(path.parent_path(), O_PATH | O_DIRECTORY);
    const int folder = whole ? AT_FDCWD : parent.get();
    struct stat info {};
    if ((!whole && !parent) || ::fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
        if (is_absence(errno)) return std::nullopt;
        return fail(system_error(errno, fmt::format("cannot look at {}", path.string())));
    }
    FileInfo out;
    out.type = type_of(info.st_mode);
    out.mode = info.st_mode & 07777;
    out.uid = info.st_uid;
    out.gid = info.st_gid;
    out.size = static_cast<std::uint64_t>(info.st_size);
    out.modified = WallTime(std::chrono::seconds(info.st_mtim.tv_sec) + std::chrono::nanoseconds(info.st_mtim.tv_nsec));
    if (out.type == FileInfo::Type::symlink) {
        char target[4096];
        const ssize_t size = ::readlinkat(folder, name.c_str(), target, sizeof target);
        if (size < 0) return fail(system_error(errno, fmt::format("cannot read the link {}", path.string())));
        out.target.assign(target, static_cast<std::size_t>(size));
    }
    return out;
}

Result<std::vector<std::string>> LinuxHost::list(const Path& path) const {
    const Fd folder = files_.open(path, O_RDONLY | O_DIRECTORY);
    if (!folder && errno == ENOENT) return std::vector<std::string>{};
    const auto failed = [&] { return fail(system_error(errno, fmt::format("cannot list {}", path.string()))); };
    if (!folder) return failed();
    std::vector<std::string> names;
    // Without fdopendir(3): it asks for the descriptor's flags and size, and takes 32 KiB from the heap.
    alignas(dirent64) char buffer[8192];
    for (;;) {
        const ssize_t size = ::getdents64(folder.get(), buffer, sizeof buffer);
        if (size < 0) return failed();
        if (size == 0) break;
        for (ssize_t at = 0; at < size;) {
            const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
            at += entry->d_reclen;
            const std::string_view name = entry->d_name;
            if (name != "." && name != "..") names.emplace_back(name);
        }
    }
    std::sort(names.begin(), names.end());
    return names;
}

Result<DiskSpace> LinuxHost::space(const Path& path) const {
    Path folder = path;
    Fd fd = files_.open(folder, O_PATH);
    while (!fd && is_absence(errno) && folder != folder.root_path()) {
        folder = folder.parent_path();
        fd = files_.open(folder, O_PATH);
    }
    struct statvfs info {};
    if (!fd || ::fstatvfs(fd.get(), &info) != 0)
        return fail(system_error(errno, fmt::format("cannot find out the free space of {}", path.string())));
    // f_bfree and not f_bavail: the reserved blocks are root's to use.
    return DiskSpace{std::uint64_t{info.f_blocks} * info.f_frsize, std::uint64_t{info.f_bfree} * info.f_frsize};
}

Result<UnitState> LinuxHost::unit(const std::string& name) const {
    if (!enabled_by_link(name)) return systemd_.unit(name);
    auto state = NB_TRY(systemd_.unit(name, SystemdBus::FileState::left_out));
    if (!state.loaded) return systemd_.unit(name);  // masked, say
    state.file_state = "enabled";
    return state;
}

Result<bool> LinuxHost::needs_reload(const std::string& unit) const {
    const std::lock_guard lock(unit_files_);
    return systemd_.needs_reload(unit);
}

// What `systemctl enable` makes of [Install], and what systemd itself looks for before it says "enabled" of a unit that
// is loaded. Without such a link the answer is systemd's: the unit may be static, an alias, generated.
bool LinuxHost::enabled_by_link(const std::string& unit) const {
    const std::string units = "/etc/systemd/system/";
    const auto linked_in = [&](const std::string& folder) {
        const auto info = stat(units + folder + "/" + unit);
        return info && *info && (*info)->type == FileInfo::Type::symlink && Path((*info)->target).filename() == unit;
    };
    for (const auto* usual : {"multi-user.target.wants", "sysinit.target.wants"})  // spares listing the folder, mostly
        if (linked_in(usual)) return true;
    const auto folders = list(units);
    return folders && std::any_of(folders->begin(), folders->end(), [&](const std::string& folder) {
               return (folder.ends_with(".wants") || folder.ends_with(".requires")) && linked_in(folder);
           });
}

Result<CommandOutput> LinuxHost::query(const Command& command) const { return run_process(command, programs_); }

Result<void> LinuxHost::write(const Path& path, std::string_view content, const FileAttributes& attributes) {
    Fd folder = NB_TRY(files_.make_parent(path));
    auto file = NB_TRY(AtomicFile::make(std::move(folder), path.filename(), path.string()));
    NB_CHECK(file.append(content));
    return file.commit(attributes);
}

Result<void> LinuxHost::copy(const Path& from, const Path& to, const FileAttributes& attributes) {
    const Fd source = files_.open(from, O_RDONLY | O_NONBLOCK);
    if (!source) return fail(system_error(errno, fmt::format("cannot read {}", from.string())));
    Fd folder = NB_TRY(files_.make_parent(to));
    auto file = NB_TRY(AtomicFile::make(std::move(folder), to.filename(), to.string()));
    NB_CHECK_CONTEXT(file.append_from(source.get()), fmt::format("copying {}", from.string()));
    return file.commit(attributes);
}

Result<void> LinuxHost::make_directory(const Path& path, const FileAttributes& attributes) {
    const Fd parent = NB_TRY(files_.make_parent(path));
    const auto failed = [&] { return fail(system_error(errno, fmt::format("cannot make folder {}", path.string()))); };
    const std::string name = path.filename();
    if (::mkdirat(parent.get(), name.c_str(), 0700) != 0 && errno != EEXIST) return failed();
    const Fd made(::openat(parent.get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!made && errno == ENOTDIR)
        return fail(ErrorKind::conflict, fmt::format("{} should be a folder and is not", path.string()),
                    "move it away, then run again");
    if (!made || !set_owner_and_mode(made.get(), attributes) || ::fsync(parent.get()) != 0) return failed();
    return {};
}

Result<void> LinuxHost::make_symlink(const Path& path, const std::string& target) {
    const Fd parent = NB_TRY(files_.make_parent(path));
    const std::string name = path.filename(), temporary = temporary_name(name);
    if (::symlinkat(target.c_str(), parent.get(), temporary.c_str()) == 0 &&
        ::renameat(parent.get(), temporary.c_str(), parent.get(), name.c_str()) == 0 && ::fsync(parent.get()) == 0)
        return {};
    Error error = system_error(errno, fmt::format("cannot make the link {} to {}", path.string(), target));
    ::unlinkat(parent.get(), temporary.c_str(), 0);
    return fail(std::move(error));
}

Result<void> LinuxHost::set_attributes(const Path& path, const FileAttributes& attributes) {
    const auto failed = [&] {
        return fail(system_error(errno, fmt::format("cannot set mode and owner of {}", path.string())));
    };
    const Fd parent = files_.open_parent(path);
    const Fd fd(parent ? ::openat(parent.get(), path.filename().c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC) : -1);
    struct stat info {};
    if (!fd || ::fstat(fd.get(), &info) != 0) return failed();
    if (S_ISLNK(info.st_mode))
        return fail(ErrorKind::conflict, fmt::format("{} is a link; its mode cannot be set", path.string()));
    return set_owner_and_mode(fd.get(), attributes) ? Result<void>() : failed();
}

Result<void> LinuxHost::remove(const Path& path) {
    const Path clean = path.has_filename() ? path : path.parent_path();  // "/a/b/"
    if (!clean.has_filename()) return fail(ErrorKind::refused, "nodeboot does not remove the root folder");
    const Fd parent = files_.open_parent(clean);
    if (!parent && is_absence(errno)) return {};
    if (!parent) return fail(system_error(errno, fmt::format("cannot remove {}", path.string())));
    NB_CHECK(remove_tree(parent.get(), clean.filename(), clean.string()));
    if (::fsync(parent.get()) != 0) return fail(system_error(errno, fmt::format("cannot remove {}", path.string())));
    return {};
}

Result<void> LinuxHost::write_kernel(const Path& path, std::string_view value) {
    const Fd fd = files_.open(path, O_WRONLY | O_NONBLOCK);
    const ssize_t count = fd ? ::write(fd.get(), value.data(), value.size()) : -1;
    if (count >= 0 && static_cast<std::size_t>(count) == value.size()) return {};
    while (!value.empty() && value.back() == '\n') value.remove_suffix(1);
    return fail(system_error(count < 0 ? errno : EIO,
                             fmt::format("the kernel does not take '{}' for {}", value, path.string())));
}

Result<void> LinuxHost::swap_off(const Path& device) {
    if (::swapoff(files_.outside(device).c_str()) == 0) return {};
    const int why = errno;
    Error error = system_error(why, fmt::format("cannot switch off swap on {}", device.string()));
    if (why == ENOMEM) error.hint = "what is swapped out does not fit into memory: stop something, or reboot";
    return fail(std::move(error));
}

Result<CommandOutput> LinuxHost::run(const Command& command) { return run_process(command, programs_); }

Result<void> LinuxHost::systemctl(const std::vector<std::string>& arguments) {
    // Longer than any start job of ours: units bring their own timeouts, and systemctl waits for them.
    Command command{.argv = {"systemctl", "--no-ask-password", "--no-pager"}, .timeout = std::chrono::minutes(5)};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    NB_CHECK(run_checked(*this, command));
    return {};
}

Result<void> LinuxHost::unit_verb(UnitVerb verb, const std::string& unit) {
    std::unique_lock lock(unit_files_, std::defer_lock);
    switch (verb) {
        case UnitVerb::enable:
        case UnitVerb::disable:
        case UnitVerb::mask:
        case UnitVerb::unmask: lock.lock(); break;
        default: break;  // start and restart may take minutes, and change no unit files
    }
    // systemctl(1) lifts masks of one kind at a time, and says nothing where there is none.
    if (verb == UnitVerb::unmask) NB_CHECK(systemctl({"unmask", "--runtime", "--", unit}));
    auto done = systemctl({std::string(to_string(verb)), "--", unit});
    if (done || done.error().kind == ErrorKind::cancelled) return done;
    if (verb != UnitVerb::start && verb != UnitVerb::restart) return done;
    const std::string journal = journal_of(unit);
    if (!journal.empty()) done.error().message += fmt::format("\nlast lines of {}'s journal:\n{}", unit, journal);
    return fail(std::move(std::move(done).error()).with_hint(fmt::format("`journalctl -u {}` has the rest", unit)));
}

std::string LinuxHost::journal_of(const std::string& unit) {
    const auto output = run_process({.argv = {"journalctl", "-u", unit, "-n", "20", "--no-pager", "-o", "short-iso"},
                                     .timeout = std::chrono::seconds(10)},
                                    programs_);
    if (!output || output->exit_code != 0) return {};
    const auto end = output->out.find_last_not_of('\n');
    return end == std::string::npos ? "" : output->out.substr(0, end + 1);
}

Result<void> LinuxHost::daemon_reload() { return systemctl({"daemon-reload"}); }

}  // namespace nodeboot
