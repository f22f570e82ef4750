#pragma once

#include <mutex>
#include <stop_token>

#include "system/host.hpp"
#include "system/rooted.hpp"
#include "system/subprocess.hpp"
#include "system/systemd_bus.hpp"

namespace nodeboot {

struct LinuxHostOptions {
    Path root = "/";  ///< all paths are taken below it; programs and systemctl still act on the real machine
    SubprocessOptions programs = {};  ///< its stop token ends programs under way
};

/// The real machine. Looking costs system calls only (query() excepted); every file change is whole and durable when
/// the call returns, or not made at all. Thread-safe.
class LinuxHost final : public Host {
   public:
    explicit LinuxHost(LinuxHostOptions options = {});

    Result<std::optional<std::string>> read(const Path& path) const override;
    Result<std::optional<FileInfo>> stat(const Path& path) const override;
    Result<std::vector<std::string>> list(const Path& path) const override;
    Result<DiskSpace> space(const Path& path) const override;
    Result<UnitState> unit(const std::string& name) const override;
    Result<bool> needs_reload(const std::string& unit) const override;
    void ask_ahead(const std::vector<std::string>& units) const override { systemd_.ask_ahead(units); }
    Result<CommandOutput> query(const Command& command) const override;

    Result<void> write(const Path& path, std::string_view content, const FileAttributes& attributes) override;
    Result<void> make_directory(const Path& path, const FileAttributes& attributes) override;
    Result<void> make_symlink(const Path& path, const std::string& target) override;
    Result<void> set_attributes(const Path& path, const FileAttributes& attributes) override;
    Result<void> copy(const Path& from, const Path& to, const FileAttributes& attributes) override;
    Result<void> remove(const Path& path) override;
    Result<void> write_kernel(const Path& path, std::string_view value) override;
    Result<void> swap_off(const Path& device) override;
    Result<CommandOutput> run(const Command& command) override;
    Result<void> unit_verb(UnitVerb verb, const std::string& unit) override;
    Result<void> daemon_reload() override;

   private:
    bool enabled_by_link(const std::string& unit) const;
    Result<void> systemctl(const std::vector<std::string>& arguments);
    std::string journal_of(const std::string& unit);

    Rooted files_;
    SubprocessOptions programs_;
    mutable SystemdBus systemd_;
    /// Held while systemctl changes what is enabled or masked, and while it is asked whether it has read its files: between
    /// that change and the reload with which systemctl ends, systemd says of every unit that it needs one
    /// (unit_need_daemon_reload in its src/core/unit.c), and a phase beside would take that for its own.
    mutable std::mutex unit_files_;
};

}  // namespace nodeboot
