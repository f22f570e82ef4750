#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>

#include "system/host.hpp"

namespace nodeboot::testing {

/// A machine in memory: a map of files, a map of units, scripted programs. An ordinary class; tests set its fields.
/// Every change is noted in `log`, so that a test can say "touched nothing else".
class FakeHost final : public Host {
   public:
    struct Node {
        FileInfo info;
        std::string content;
    };
    std::map<std::string, Node> files;
    std::map<std::string, UnitState> units;
    std::set<std::string> stale_units;  ///< until a daemon-reload
    DiskSpace disk{30ULL << 30, 25ULL << 30};
    /// First match by longest prefix of the argv text; absent: exit 127.
    std::map<std::string, std::function<CommandOutput(const Command&)>> programs;
    std::map<std::string, Error> unfinished;  ///< by argv text: what run() then ends with, as after its timeout
    /// Called after write_kernel, swap_off, unit_verb and run, to let the fake kernel react.
    std::vector<std::string> log;
    WallTime now{};
    std::string full;  ///< writes below this path fail as on a full disk; empty: none

    std::map<std::string, WallTime> changed_folders;  ///< when an entry was last added or removed; unset: long ago

    void put(const std::string& path, std::string content, std::uint32_t mode = 0644);
    std::optional<std::string> content(const std::string& path) const;

    Result<std::optional<std::string>> read(const Path& path) const override;
    Result<std::optional<FileInfo>> stat(const Path& path) const override;
    Result<std::vector<std::string>> list(const Path& path) const override;
    Result<DiskSpace> space(const Path& path) const override;
    Result<UnitState> unit(const std::string& name) const override;
    Result<bool> needs_reload(const std::string& unit) const override { return stale_units.contains(unit); }
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
    CommandOutput program(const Command& command) const;
};

}  // namespace nodeboot::testing
