#include "phases/timers.hpp"

#include <fmt/core.h>

#include "cloud-init/embedded.hpp"
#include "system/want.hpp"

namespace nodeboot {
namespace {

constexpr const char* unit_dir = "/etc/systemd/system/";
constexpr const char* state_dir = "/var/lib/nodeboot";
constexpr const char* marker = "# Made by nodeboot; edits are lost. Use a drop-in to change it.\n";

std::string service(const std::string& description, const std::string& arguments) {
    return fmt::format(
        "{}[Unit]\nDescription={}\nDocumentation=man:systemd.timer(5)\nAfter=network-online.target kubelet.service\n"
        "ConditionPathExists=/etc/kubernetes/admin.conf\n\n"
        "[Service]\nType=oneshot\nExecStart=/usr/local/bin/nodeboot {}\n",
        marker, description, arguments);
}

std::string timer(const std::string& description, long long seconds) {
    // OnActiveSec: after a reboot the token may have expired while the machine was off.
    return fmt::format(
        "{}[Unit]\nDescription={}\n\n[Timer]\nOnActiveSec=15s\nOnUnitActiveSec={}s\nAccuracySec=5s\n\n"
        "[Install]\nWantedBy=timers.target\n",
        marker, description, seconds);
}

// Files first, then one daemon-reload, then enable and start.
Result<std::vector<NodeChange>> want_units(const HostView& view,
                                           const std::vector<std::pair<std::string, std::string>>& files,
                                           const std::vector<std::string>& to_run) {
    std::vector<NodeChange> changes;
    for (const auto& [name, text] : files) NB_CHECK(want_file(changes, view, unit_dir + name, text));
    bool stale = !changes.empty();
    for (const auto& [name, text] : files) stale = stale || NB_TRY(view.needs_reload(name));
    if (stale) changes.push_back({"systemd", "older than the unit files", "as on disk", DaemonReload{}});
    for (const auto& name : to_run) NB_CHECK(want_running(changes, view, name));
    return changes;
}

// Stopped (a timer; the service may be this very run), not enabled, gone, and systemd told.
Result<std::vector<NodeChange>> units_undone(const HostView& view, const std::vector<std::string>& names) {
    std::vector<NodeChange> changes;
    bool stale = false;
    for (const auto& name : names) {
        const UnitState state = NB_TRY(view.unit(name));
        if (state.running() && name.ends_with(".timer"))
            changes.push_back({name, "active", "stopped", Unit{UnitVerb::stop, name}});
        if (state.enabled()) changes.push_back({name, "enabled", "disabled", Unit{UnitVerb::disable, name}});
        NB_CHECK(want_restored(changes, view, unit_dir + name));
        // What user-data put beside it (cloud-init/user-data.yaml.in).
        const Path drop_ins = unit_dir + name + ".d";
        NB_CHECK(want_restored(changes, view, drop_ins / "10-install.conf"));
        NB_CHECK(want_no_empty_folder(changes, view, drop_ins));
        stale = stale || NB_TRY(view.needs_reload(name));
    }
    if (stale || !changes.empty())
        changes.push_back({"systemd", "older than the unit files", "as on disk", DaemonReload{}});
    return changes;
}

class Timers final : public NodePhase {
   public:
    explicit Timers(const NodeServices& services) : services_(services) {}
    const PhaseInfo& info() const override { return info_; }

    Result<std::vector<NodeChange>> plan(const HostView& view) const override {
        const auto ttl = std::chrono::duration_cast<std::chrono::seconds>(services_.config.join.token_ttl).count();
        return want_units(
            view,
            {
                {"nodeboot-rotate-token.service", service("Renew the join secret", "node rotate-token")},
                {"nodeboot-rotate-token.timer", timer("Renew the join secret before it expires", ttl / 4)},
                {"nodeboot-node-roles.service",
                 service("Label nodes that joined", "node rotate-token --only node-roles")},
                {"nodeboot-node-roles.timer", timer("Label nodes that joined", 20)},
            },
            {"nodeboot-rotate-token.timer", "nodeboot-node-roles.timer"});
    }

    Result<std::vector<NodeChange>> undo(const HostView& view) const override {
        return units_undone(view, {"nodeboot-rotate-token.timer", "nodeboot-rotate-token.service",
                                   "nodeboot-node-roles.timer", "nodeboot-node-roles.service"});
    }

   private:
    const NodeServices& services_;
    PhaseInfo info_{"timers", "timers that renew the join secret and label new nodes", {"join-secret"}};
};

class BootService final : public NodePhase {
   public:
    const PhaseInfo& info() const override { return info_; }

    Result<std::vector<NodeChange>> plan(const HostView& view) const override {
        std::vector<NodeChange> changes;
        NB_CHECK(want_directory(changes, view, state_dir, {0700, 0, 0}));
        auto units = NB_TRY(want_units(view, {{"nodeboot.service", std::string(embedded::nodeboot_service)}}, {}));
        changes.insert(changes.end(), units.begin(), units.end());
        // Enabled, not started: this run may be the service itself.
        const UnitState state = NB_TRY(view.unit("nodeboot.service"));
        if (!state.enabled())
            changes.push_back({"nodeboot.service", state.file_state.empty() ? "not enabled" : state.file_state,
                               "enabled", Unit{UnitVerb::enable, "nodeboot.service"}});
        return changes;
    }

    // Run records stay: a reset writes one, too.
    Result<std::vector<NodeChange>> undo(const HostView& view) const override {
        auto changes = NB_TRY(units_undone(view, {"nodeboot.service"}));
        NB_CHECK(want_no_empty_folder(changes, view, state_dir));
        return changes;
    }

   private:
    PhaseInfo info_{"boot-service", "nodeboot runs again at every boot", {"preflight"}};
};

}  // namespace

std::shared_ptr<const NodePhase> make_timers_phase(const NodeServices& services) {
    return std::make_shared<Timers>(services);
}

std::shared_ptr<const NodePhase> make_boot_service_phase(const NodeServices&) {
    return std::make_shared<BootService>();
}

}  // namespace nodeboot
