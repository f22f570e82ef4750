#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"

namespace nodeboot {

using Path = std::filesystem::path;

struct FileInfo {
    enum class Type { file, directory, symlink, other };
    Type type = Type::file;
    std::uint32_t mode = 0;  ///< permission bits only, 07777
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint64_t size = 0;  ///< bytes
    WallTime modified{};
    std::string target;  ///< of a symlink, as written
};

struct DiskSpace {
    std::uint64_t total = 0;  ///< bytes
    std::uint64_t free = 0;   ///< bytes that root may still use
};

/// What systemd says of a unit (org.freedesktop.systemd1.Unit, man org.freedesktop.systemd1).
struct UnitState {
    bool loaded = false;              ///< LoadState is "loaded": a unit file exists and parses
    std::string active;               ///< ActiveState: active, reloading, inactive, failed, activating, deactivating
    std::string sub;                  ///< SubState: running, dead, exited, auto-restart, ...
    std::string file_state;           ///< UnitFileState: enabled, disabled, static, masked, ...; empty without a file
    std::optional<WallTime> started;  ///< ExecMainStartTimestamp of the running main process

    bool running() const { return active == "active" || active == "reloading"; }
    bool enabled() const { return file_state == "enabled" || file_state == "enabled-runtime"; }
    bool masked() const { return file_state == "masked" || file_state == "masked-runtime"; }
};

/// A program to run: an argument vector, never a shell line. Secrets go in through `input`, never argv or environment.
struct Command {
    std::vector<std::string> argv;
    Duration timeout = std::chrono::seconds(60);  ///< then SIGTERM to the whole process group, 5 s later SIGKILL
    std::optional<Secret> input = std::nullopt;   ///< standard input; closed when absent
    std::vector<std::string> environment = {};    ///< "NAME=value", added to a minimal PATH/HOME/LANG=C.UTF-8 one
    bool output_is_secret = false;                ///< standard output: no error of a failing program quotes it
};

struct CommandOutput {
    int exit_code = 0;  ///< 128 + signal number when it was killed
    std::string out;
    std::string err;
};

/// The machine, to look at. Planning gets nothing else, so that it cannot write.
/// "Absent" is an empty optional; "could not look" is an error. Thread-safe.
class HostView {
   public:
    virtual ~HostView() = default;
    /// The whole file, following symlinks. Empty optional when it (or its folder) does not exist.
    virtual Result<std::optional<std::string>> read(const Path& path) const = 0;
    /// Does not follow a symlink in the last part.
    virtual Result<std::optional<FileInfo>> stat(const Path& path) const = 0;
    /// Names in a folder, sorted, without . and ..; empty when the folder does not exist.
    virtual Result<std::vector<std::string>> list(const Path& path) const = 0;
    /// Of the file system that holds `path`, or the nearest folder above it that exists.
    virtual Result<DiskSpace> space(const Path& path) const = 0;
    /// Asks systemd over its bus; no process is started. An unknown unit is a state with loaded == false.
    virtual Result<UnitState> unit(const std::string& name) const = 0;
    /// NeedDaemonReload: files of the unit on disk are newer than what systemd read. Apart from `unit`, because systemd
    /// goes through its folders for the answer, which takes it a millisecond.
    virtual Result<bool> needs_reload(const std::string& unit) const = 0;
    /// The units that a plan is about to ask about, all at once: systemd works on the answers while the plan reads files.
    /// Only a hint; to unit() it makes no difference but that the answer may be a second old.
    virtual void ask_ahead(const std::vector<std::string>& units) const { static_cast<void>(units); }
    /// Runs a program that only looks (`kubeadm version`). Costs a process: not for host phases that plan in
    /// milliseconds. Error when it cannot be started or times out; a non-zero exit is a CommandOutput.
    virtual Result<CommandOutput> query(const Command& command) const = 0;
};

enum class UnitVerb { start, stop, restart, enable, disable, mask, unmask, reset_failed };
std::string_view to_string(UnitVerb verb);

struct FileAttributes {
    std::uint32_t mode = 0644;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    friend bool operator==(const FileAttributes&, const FileAttributes&) = default;
};

/// The machine, to change. Only actions do (system/action.hpp).
class Host : public HostView {
   public:
    /// Temporary file, fsync, rename, fsync of the folder; missing folders are made 0755. Never follows a symlink
    /// at `path`: it is replaced.
    virtual Result<void> write(const Path& path, std::string_view content, const FileAttributes& attributes) = 0;
    virtual Result<void> make_directory(const Path& path, const FileAttributes& attributes) = 0;
    virtual Result<void> make_symlink(const Path& path, const std::string& target) = 0;
    virtual Result<void> set_attributes(const Path& path, const FileAttributes& attributes) = 0;
    /// Streams, so that the size does not matter; as durable as write().
    virtual Result<void> copy(const Path& from, const Path& to, const FileAttributes& attributes) = 0;
    /// A file, symlink or folder with all in it; absent is success. Does not cross file systems.
    virtual Result<void> remove(const Path& path) = 0;
    /// Writes to a file under /proc or /sys in one write(2), no temporary file.
    virtual Result<void> write_kernel(const Path& path, std::string_view value) = 0;
    /// swapoff(2).
    virtual Result<void> swap_off(const Path& device) = 0;
    virtual Result<CommandOutput> run(const Command& command) = 0;
    virtual Result<void> unit_verb(UnitVerb verb, const std::string& unit) = 0;
    virtual Result<void> daemon_reload() = 0;
};

/// run() whose non-zero exit is an error that quotes the command and the last lines it printed, of Command::output_is_secret
/// those of standard error alone.
Result<CommandOutput> run_checked(Host& host, const Command& command);

/// "kubeadm init --config /etc/…", quoted where a shell would need it; for people, never executed.
std::string to_text(const std::vector<std::string>& argv);

}  // namespace nodeboot
