#include <algorithm>
#include <array>

#include "phases/bake.hpp"
#include "system/want.hpp"

namespace nodeboot {
namespace {

/// Comes back by itself on every instance, or is missed by nobody.
constexpr const char* leftovers[] = {
    "/etc/hostname",                                // cloud-init sets it
    "/var/lib/systemd/random-seed",                 // the same "random" numbers on every instance
    "/var/lib/systemd/credential.secret",           //
    "/etc/netplan/50-cloud-init.yaml",              // with this machine's MAC address
    "/etc/network/interfaces.d/50-cloud-init",      //
    "/etc/network/interfaces.d/50-cloud-init.cfg",  //
    "/var/lib/kubelet/pki",                         // of a kubelet that was started too early
    "/var/lib/nodeboot/runs",
    "/etc/nodeboot/pods-resolv.conf",  // names the resolver of the builder's VPC
    "/var/cache/apt/pkgcache.bin",
    "/var/cache/apt/srcpkgcache.bin",
    "/var/cache/dnf",
    "/var/log/cloud-init.log",
    "/var/log/cloud-init-output.log",
    "/var/log/dpkg.log",
    "/var/log/alternatives.log",
    "/var/log/dnf.log",
    "/var/log/auth.log",
    "/var/log/secure",
    "/var/log/syslog",
    "/var/log/messages",
    "/var/log/wtmp",
    "/var/log/btmp",
    "/var/log/lastlog",
};

/// Folders that stay and become empty; but for names that their owners expect there.
constexpr const char* emptied[] = {
    "/var/lib/cloud",     "/var/log/journal",        "/var/log/apt",  "/var/log/unattended-upgrades",
    "/var/lib/apt/lists", "/var/cache/apt/archives", "/var/lib/dhcp", "/var/lib/dhclient",
    "/var/log/amazon",
};
constexpr std::array<std::string_view, 3> kept{"lock", "partial", "auxfiles"};

constexpr const char* home_leftovers[] = {".ssh/authorized_keys", ".bash_history"};

/// They would fill again what is being emptied. Stopped, not disabled: instances run them.
constexpr const char* busy_units[] = {"apt-daily.timer",   "apt-daily-upgrade.timer",   "dnf-makecache.timer",
                                      "apt-daily.service", "apt-daily-upgrade.service", "dnf-makecache.service"};

class BakeClean final : public NodePhase {
   public:
    explicit BakeClean(std::vector<std::string> needs)
        : info_{"bake-clean", "nothing of this machine's own goes into the image", std::move(needs)} {}
    const PhaseInfo& info() const override { return info_; }

    Result<std::vector<NodeChange>> plan(const HostView& view) const override {
        std::vector<NodeChange> changes;
        NB_CHECK(want_quiet(changes, view));
        NB_CHECK(want_no_keys(changes, view));
        for (const char* path : leftovers) NB_CHECK(want_absent(changes, view, path));
        for (const char* folder : emptied) NB_CHECK(want_empty(changes, view, folder));
        NB_CHECK(want_no_machine_id(changes, view));
        return changes;
    }

   private:
    static Result<void> want_quiet(std::vector<NodeChange>& changes, const HostView& view) {
        for (const char* unit : busy_units)
            if (const auto state = NB_TRY(view.unit(unit)); state.running() || state.active == "activating")
                changes.push_back({unit, state.active, "stopped", Unit{UnitVerb::stop, unit}});
        // journald goes on in memory; it would make a deleted journal anew (journalctl(1), --relinquish-var).
        if (!NB_TRY(view.list("/var/log/journal")).empty())
            changes.push_back({"systemd-journald", "writes to /var/log/journal", "writes to memory until the next boot",
                               RunCommand{{"journalctl", "--relinquish-var"}, std::chrono::seconds(30)}});
        return {};
    }

    static Result<void> want_no_keys(std::vector<NodeChange>& changes, const HostView& view) {
        for (const auto& name : NB_TRY(view.list("/etc/ssh")))
            if (name.starts_with("ssh_host_")) NB_CHECK(want_absent(changes, view, Path("/etc/ssh") / name));
        std::vector<Path> homes{"/root"};
        for (const auto& name : NB_TRY(view.list("/home"))) homes.push_back(Path("/home") / name);
        for (const auto& home : homes)
            for (const char* file : home_leftovers) NB_CHECK(want_absent(changes, view, home / file));
        return {};
    }

    static Result<void> want_empty(std::vector<NodeChange>& changes, const HostView& view, const Path& folder) {
        for (const auto& name : NB_TRY(view.list(folder)))
            if (std::find(kept.begin(), kept.end(), name) == kept.end())
                NB_CHECK(want_absent(changes, view, folder / name));
        return {};
    }

    static Result<void> want_no_machine_id(std::vector<NodeChange>& changes, const HostView& view) {
        constexpr auto dbus = "/var/lib/dbus/machine-id";
        if (const auto info = NB_TRY(view.stat(dbus)); info && info->type == FileInfo::Type::file)
            changes.push_back(
                {dbus, "a copy of its own", "link to /etc/machine-id", MakeSymlink{dbus, "/etc/machine-id"}});
        constexpr auto machine_id = "/etc/machine-id";
        // Not want_file(), which may keep what stood there before.
        const auto id = NB_TRY(view.read(machine_id));
        if (!id || !id->empty())
            changes.push_back(
                {machine_id, id ? "this machine's" : "absent", "empty", WriteFile{machine_id, "", {0444, 0, 0}}});
        return {};
    }

    PhaseInfo info_;
};

}  // namespace

std::shared_ptr<const NodePhase> make_bake_clean_phase(std::vector<std::string> needs) {
    return std::make_shared<BakeClean>(std::move(needs));
}

}  // namespace nodeboot
