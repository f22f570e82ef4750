#include "phases/timers.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>

#include "base/duration.hpp"
#include "cloud-init/embedded.hpp"
#include "system/want.hpp"

namespace nodeboot {
namespace {

constexpr const char* unit_dir = "/etc/systemd/system/";
constexpr const char* state_dir = "/var/lib/nodeboot";
constexpr const char* marker = "# Made by nodeboot; edits are lost. Use a drop-in to change it.\n";

// systemd.syntax(7), systemd.unit(5): a % begins a specifier, a $ a variable.
std::string with_percents(std::string_view text) {
    std::string out;
    for (const char c : text) out += c == '%' ? std::string("%%") : std::string(1, c);
    return out;
}

std::string config_arguments(const std::string& file) {
    if (file.empty()) return {};
    std::string word;
    for (const char c : with_percents(file)) {
        if (c == '"' || c == '\\') word += '\\';
        if (c == '$') word += '$';
        word += c;
    }
    return " --config \"" + word + "\"";
}

void replace_once(std::string& text, std::string_view what, const std::string& with) {
    if (const auto at = text.find(what); at != std::string::npos) text.replace(at, what.size(), with);
}

// As it starts an image's or user-data's nodeboot, but with the file that this run was given.
std::string boot_service(const std::string& config_file) {
    std::string text(embedded::nodeboot_service);
    if (config_file.empty()) return text;
    replace_once(text, "ConditionPathExists=/etc/nodeboot/config.toml\n",
                 "ConditionPathExists=" + with_percents(config_file) + "\n");
    replace_once(text, "nodeboot node up\n", "nodeboot node up" + config_arguments(config_file) + "\n");
    return text;
}

std::string service(const std::string& description, const std::string& arguments) {
    return fmt::format(
        "{}[Unit]\nDescription={}\nDocumentation=man:systemd.timer(5)\nAfter=network-online.target kubelet.service\n"
        "ConditionPathExists=/etc/kubernetes/admin.conf\n\n"
        "[Service]\nType=oneshot\nExecStart={} {}\n# Stopped while it waits.\nSuccessExitStatus=130\n",
        marker, description, installed_program, arguments);
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
        const std::string config = config_arguments(services_.config_file);
        const auto ttl = std::chrono::duration_cast<std::chrono::seconds>(services_.config.join.token_ttl);
        // An API server that starts again, as in an upgrade of the control plane, is away for a minute; that is no
        // failure. One that stays away is, and then the unit says so. A timer leaves alone what still runs at its next
        // turn (systemd.timer(5)).
        const auto patience = std::min<Duration>(ttl / 5, std::chrono::minutes(10));
        return want_units(
            view,
            {
                {"nodeboot-rotate-token.service",
                 service("Renew the join secret", "node rotate-token --wait " + duration_text(patience) + config)},
                {"nodeboot-rotate-token.timer", timer("Renew the join secret before it expires", ttl.count() / 4)},
                {"nodeboot-node-roles.service",
                 service("Label nodes that joined", "node rotate-token --only node-roles --wait 2m" + config)},
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
    BootService(const NodeServices& services, std::string config_file)
        : services_(services), config_file_(std::move(config_file)) {}
    const PhaseInfo& info() const override { return info_; }

    Result<std::vector<NodeChange>> plan(const HostView& view) const override {
        std::vector<NodeChange> changes;
        if (!NB_TRY(view.stat(installed_program)) && !warned_.exchange(true))
            services_.log.warning(
                fmt::format("there is no {}, which nodeboot.service and the timers start: put this "
                            "program there (install -m 0755)",
                            installed_program));
        NB_CHECK(want_directory(changes, view, state_dir, {0700, 0, 0}));
        auto units = NB_TRY(want_units(view, {{"nodeboot.service", boot_service(config_file_)}}, {}));
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
    const NodeServices& services_;
    std::string config_file_;
    mutable std::atomic<bool> warned_ = false;  // a run plans more than once
    PhaseInfo info_{"boot-service", "nodeboot runs again at every boot", {"preflight"}};
};

}  // namespace

std::shared_ptr<const NodePhase> make_timers_phase(const NodeServices& services) {
    return std::make_shared<Timers>(services);
}

std::shared_ptr<const NodePhase> make_boot_service_phase(const NodeServices& services, std::string config_file) {
    return std::make_shared<BootService>(services, std::move(config_file));
}

}  // namespace nodeboot
