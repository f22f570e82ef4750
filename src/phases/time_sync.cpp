#include "phases/time_sync.hpp"

#include <fmt/core.h>

#include <charconv>
#include <map>
#include <optional>

#include "base/lines.hpp"
#include "phases/staleness.hpp"
#include "system/apt.hpp"
#include "system/want.hpp"

namespace nodeboot {
namespace {

constexpr auto kTimesyncd = "systemd-timesyncd.service";
constexpr auto kTimesyncdFile = "/etc/systemd/timesyncd.conf.d/50-nodeboot.conf";

constexpr auto kChronyConfig = "50-nodeboot.conf";
constexpr auto kChronySources = "nodeboot.sources";

struct Daemon {
    std::string unit;
    Path config;
    UnitState state;
};

// Debian and Ubuntu; Amazon Linux.
Result<std::optional<Daemon>> find_chrony(const HostView& view) {
    for (Daemon chrony :
         {Daemon{"chrony.service", "/etc/chrony/chrony.conf", {}}, Daemon{"chronyd.service", "/etc/chrony.conf", {}}}) {
        if (!NB_TRY(view.stat(chrony.config))) continue;
        chrony.state = NB_TRY(view.unit(chrony.unit));
        if (chrony.state.loaded) return std::optional(std::move(chrony));
    }
    return std::optional<Daemon>{};
}

// Why this machine cannot set its clock, or nothing. The same questions as the units' ConditionVirtualization and
// ConditionCapability.
Result<std::string> clock_is_not_ours(const HostView& view) {
    if (NB_TRY(view.stat("/run/systemd/container"))) return std::string("this is a container");
    constexpr unsigned kSysTime = 25;  // CAP_SYS_TIME, linux/capability.h
    for (const auto status = NB_TRY(view.read("/proc/self/status")).value_or(""); const auto line : lines_of(status)) {
        if (!line.starts_with("CapBnd:")) continue;
        const auto digits = trim(line.substr(7));
        std::uint64_t set = 0;
        const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), set, 16);
        if (parsed.ec == std::errc{} && (set >> kSysTime & 1) == 0) return std::string("there is no CAP_SYS_TIME");
    }
    return std::string();
}

// Folders that chrony.conf reads, in the order of the file: `confdir` and `sourcedir` (chrony.conf(5)).
struct ChronyFolders {
    std::vector<Path> configs, sources;
};

ChronyFolders folders_of(std::string_view config) {
    ChronyFolders folders;
    for (const auto line : lines_of(config)) {
        const auto words = words_of(line);
        if (words.size() < 2) continue;
        auto* const list = words[0] == "confdir"     ? &folders.configs
                           : words[0] == "sourcedir" ? &folders.sources
                                                     : nullptr;
        if (list != nullptr) list->insert(list->end(), words.begin() + 1, words.end());
    }
    return folders;
}

bool names_server(std::string_view config, const std::string& server) {
    for (const auto line : lines_of(config)) {
        const auto words = words_of(line);
        if (words.size() >= 2 && (words[0] == "server" || words[0] == "pool" || words[0] == "peer") &&
            words[1] == server)
            return true;
    }
    return false;
}

class TimeSync final : public NodePhase {
   public:
    TimeSync(const Config& config, const Clock& clock)
        : mode_(config.host.time_mode), servers_(config.host.time_servers), clock_(clock) {}

    const PhaseInfo& info() const override { return info_; }

    Result<std::vector<NodeChange>> plan(const HostView& view) const override {
        std::vector<NodeChange> changes;
        if (mode_ == TimeMode::keep) return changes;
        const bool ours = NB_TRY(clock_is_not_ours(view)).empty();
        if (const auto chrony = NB_TRY(find_chrony(view))) {
            NB_CHECK(plan_chrony(changes, view, *chrony, ours));
            return changes;
        }
        const Daemon timesyncd{kTimesyncd, kTimesyncdFile, NB_TRY(view.unit(kTimesyncd))};
        if (!timesyncd.state.loaded)
            if (const auto other = NB_TRY(other_daemon(view)); !other.empty()) {
                if (ours) NB_CHECK(accept(view, other));
                return changes;
            }
        NB_CHECK(plan_timesyncd(changes, view, timesyncd, ours));
        return changes;
    }

    Result<void> verify(const HostView& view, StepContext& context) const override {
        const auto why = NB_TRY(clock_is_not_ours(view));
        if (mode_ == TimeMode::manage && !why.empty())
            context.log.debug(fmt::format("time-sync: {}, so the clock is kept by the machine below", why));
        return {};
    }

    // The daemon stays, with the servers that its own files name.
    Result<std::vector<NodeChange>> undo(const HostView& view) const override {
        std::vector<NodeChange> changes;
        for (const auto& [unit, files] : NB_TRY(own_files(view))) {
            const auto state = NB_TRY(view.unit(unit));
            bool stale = false;
            for (const auto& file : files) {
                NB_CHECK(want_restored(changes, view, file));
                stale = stale || NB_TRY(outlived(changes, view, state, file, clock_));
            }
            if (stale)
                changes.push_back({unit, "still asks nodeboot's servers", "restarted", Unit{UnitVerb::restart, unit}});
        }
        NB_CHECK(want_no_empty_folder(changes, view, Path(kTimesyncdFile).parent_path()));
        return changes;
    }

   private:
    // Where nodeboot may have put a file, by the daemon that reads it.
    static Result<std::map<std::string, std::vector<Path>>> own_files(const HostView& view) {
        std::map<std::string, std::vector<Path>> files{{kTimesyncd, {kTimesyncdFile}}};
        if (const auto chrony = NB_TRY(find_chrony(view))) {
            const auto folders = folders_of(NB_TRY(view.read(chrony->config)).value_or(""));
            for (const auto& folder : folders.configs) files[chrony->unit].push_back(folder / kChronyConfig);
            for (const auto& folder : folders.sources) files[chrony->unit].push_back(folder / kChronySources);
        }
        return files;
    }

    // The package of another daemon (ntpsec, openntpd, ntp), or "". Debian's daemons conflict with each other: to install
    // systemd-timesyncd would be to remove it.
    static Result<std::string> other_daemon(const HostView& view) {
        for (const auto& package : NB_TRY(read_dpkg_status(view)).providers_of("time-daemon"))
            if (package != "systemd-timesyncd") return package;  // installed, but its unit is masked, say
        return std::string();
    }

    // Somebody chose it; it is no worse at its work. But its servers are not nodeboot's to change.
    Result<void> accept(const HostView& view, const std::string& package) const {
        const std::string unit = package + ".service";
        const std::string keep = "set time.mode to \"keep\" to leave the clock to it";
        if (servers_ != Config{}.host.time_servers)
            return fail(ErrorKind::refused,
                        fmt::format("time.servers is for chrony and systemd-timesyncd, and {} is installed", package),
                        fmt::format("name them in its own configuration and {}; or remove the package", keep));
        if (const auto state = NB_TRY(view.unit(unit)); !state.running())
            return fail(
                ErrorKind::refused,
                fmt::format("{} is installed, but {} is {}", package, unit,
                            state.active.empty() ? "absent" : state.active),
                fmt::format("start and enable it, or remove the package for systemd-timesyncd's sake; or {}", keep));
        return {};
    }

    Result<void> plan_timesyncd(std::vector<NodeChange>& changes, const HostView& view, const Daemon& timesyncd,
                                bool ours) const {
        NB_CHECK(want_file(changes, view, kTimesyncdFile,
                           fmt::format("# Made by nodeboot; change with time.servers in its config.\n[Time]\n"
                                       "NTP={}\n",
                                       join(servers_, " "))));
        // After its file, which it then reads as the package starts it.
        if (!timesyncd.state.loaded && ours)
            changes.push_back({"time synchronisation", "neither chrony nor systemd-timesyncd", "systemd-timesyncd",
                               install_packages({.packages = {{"systemd-timesyncd", ""}}})});
        return want_daemon(changes, view, timesyncd, kTimesyncdFile, ours);
    }

    Result<void> plan_chrony(std::vector<NodeChange>& changes, const HostView& view, const Daemon& chrony,
                             bool ours) const {
        const auto config = NB_TRY(view.read(chrony.config)).value_or("");
        const auto folders = folders_of(config);
        if (folders.configs.empty() && folders.sources.empty())
            return fail(ErrorKind::refused,
                        fmt::format("{} has no confdir or sourcedir line for a drop-in", chrony.config.string()),
                        "add 'confdir /etc/chrony/conf.d' to it, or set time.mode to \"keep\"");
        const Path file = folders.configs.empty() ? folders.sources.front() / kChronySources
                                                  : folders.configs.front() / kChronyConfig;
        std::string text = "# Made by nodeboot; change with time.servers in its config.\n";
        bool any = false;
        for (const auto& server : servers_) {
            // Amazon's images name its server already, and chrony complains about a source that stands twice.
            if (NB_TRY(is_named(view, config, folders, file, server))) continue;
            // As AWS's documentation for the Amazon Time Sync Service has it.
            text += fmt::format("server {} prefer iburst minpoll 4 maxpoll 4\n", server);
            any = true;
        }
        NB_CHECK(any ? want_file(changes, view, file, text) : want_absent(changes, view, file));
        return want_daemon(changes, view, chrony, file, ours);
    }

    static Result<bool> is_named(const HostView& view, const std::string& config, const ChronyFolders& folders,
                                 const Path& own, const std::string& server) {
        if (names_server(config, server)) return true;
        for (const auto* list : {&folders.configs, &folders.sources})
            for (const auto& folder : *list)
                for (const auto& name : NB_TRY(view.list(folder)))
                    if (const auto path = folder / name;
                        path != own && (name.ends_with(".conf") || name.ends_with(".sources")))
                        if (names_server(NB_TRY(view.read(path)).value_or(""), server)) return true;
        return false;
    }

    Result<void> want_daemon(std::vector<NodeChange>& changes, const HostView& view, const Daemon& daemon,
                             const Path& file, bool ours) const {
        if (!ours) return {};
        const auto& [unit, config, state] = daemon;
        want_running(changes, unit, state);
        const bool removed = !changes.empty() && changes.front().action == Action(RemovePath{file});
        if (state.running() &&
            (removed || writes(changes, file) || NB_TRY(started_before_written(view, state, file, clock_))))
            changes.push_back({unit, "has not read " + file.string(), "restarted", Unit{UnitVerb::restart, unit}});
        return {};
    }

    PhaseInfo info_{
        "time-sync", "The clock is kept right by chrony or systemd-timesyncd", {"preflight"}, std::chrono::minutes(5)};
    TimeMode mode_;
    std::vector<std::string> servers_;
    const Clock& clock_;
};

}  // namespace

std::shared_ptr<const NodePhase> make_time_sync_phase(const Config& config, const Clock& clock) {
    return std::make_shared<TimeSync>(config, clock);
}

}  // namespace nodeboot
