#include "phases/kubelet.hpp"

#include <algorithm>

#include "phases/kubeadm.hpp"
#include "phases/membership.hpp"
#include "phases/staleness.hpp"
#include "system/want.hpp"

namespace nodeboot {
namespace {

constexpr const char* unit_name = "kubelet.service";
constexpr const char* own_unit = "/etc/systemd/system/kubelet.service";
constexpr const char* own_kubeadm_drop_in = "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf";
constexpr const char* own_drop_in = "/etc/systemd/system/kubelet.service.d/20-nodeboot.conf";
constexpr const char* own_files[] = {own_unit, own_kubeadm_drop_in, own_drop_in};
constexpr const char* program = "/usr/bin/kubelet";
constexpr const char* vendor_dirs[] = {"/usr/lib/systemd/system", "/lib/systemd/system"};

// The words of the Kubernetes packages' unit (kubernetes/release, cmd/krel/templates/latest/kubelet).
constexpr const char* unit_text = R"(# Made by nodeboot; edits are lost.
[Unit]
Description=kubelet: The Kubernetes Node Agent
Documentation=https://kubernetes.io/docs/
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=/usr/bin/kubelet
Restart=always
StartLimitInterval=0
RestartSec=10

[Install]
WantedBy=multi-user.target
)";

// The contract between kubeadm and kubelet: kubeadm writes the files named here.
constexpr const char* kubeadm_drop_in_text = R"(# Made by nodeboot; edits are lost. The drop-in that kubeadm expects.
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
)";

// Without containerd kubelet only fails; ordering it saves ten seconds of RestartSec at every boot.
constexpr const char* drop_in_text = R"(# Made by nodeboot; edits are lost.
[Unit]
Wants=containerd.service
After=containerd.service

[Service]
RestartSec=2
)";

Result<bool> vendor_has(const HostView& view, const std::string& name) {
    for (const char* folder : vendor_dirs)
        if (NB_TRY(view.stat(Path(folder) / name))) return true;
    return false;
}

class Kubelet final : public NodePhase {
   public:
    explicit Kubelet(const NodeServices& services) : services_(services) {}
    const PhaseInfo& info() const override { return info_; }

    Result<std::vector<NodeChange>> plan(const HostView& view) const override {
        std::vector<NodeChange> changes;
        NB_CHECK(want_unless_vendor_has(changes, view, "kubelet.service", own_unit, unit_text));
        NB_CHECK(want_unless_vendor_has(changes, view, "kubelet.service.d/10-kubeadm.conf", own_kubeadm_drop_in,
                                        kubeadm_drop_in_text));
        NB_CHECK(want_file(changes, view, own_drop_in, drop_in_text));
        const UnitState state = NB_TRY(view.unit(unit_name));
        // Files written by a run that was killed before its daemon-reload count as changed, too.
        if (!changes.empty() || NB_TRY(view.needs_reload(unit_name)))
            changes.push_back({unit_name, "as systemd last read it", "as on disk", DaemonReload{}});
        if (!state.enabled())
            changes.push_back({unit_name, state.file_state.empty() ? "not enabled" : state.file_state, "enabled",
                               Unit{UnitVerb::enable, unit_name}});
        if (const auto conf = NB_TRY(view.stat(kubelet_conf)))
            NB_CHECK(want_attributes(changes, kubelet_conf, *conf, {0600, 0, 0}));
        const bool member = NB_TRY(membership(view)) == Membership::joined;
        if (!member) return changes;  // kubeadm starts it anew
        if (!state.running())
            changes.push_back({unit_name, state.active, "active", Unit{UnitVerb::start, unit_name}});
        else if (const auto reason = NB_TRY(reason_to_restart(changes, view, state)); !reason.empty())
            changes.push_back({unit_name, reason, "restarted", Unit{UnitVerb::restart, unit_name}});
        return changes;
    }

    // A package's own unit stays, but not enabled: without a cluster kubelet would only restart in a loop.
    Result<std::vector<NodeChange>> undo(const HostView& view) const override {
        std::vector<NodeChange> changes, files;
        for (const char* file : own_files) NB_CHECK(want_restored(files, view, file));
        NB_CHECK(want_no_empty_folder(files, view, Path(own_drop_in).parent_path()));
        const UnitState state = NB_TRY(view.unit(unit_name));
        if (!files.empty()) {
            if (state.running()) changes.push_back({unit_name, "active", "stopped", Unit{UnitVerb::stop, unit_name}});
            if (state.enabled())
                changes.push_back({unit_name, "enabled", "disabled", Unit{UnitVerb::disable, unit_name}});
        }
        changes.insert(changes.end(), files.begin(), files.end());
        if (!changes.empty() || NB_TRY(view.needs_reload(unit_name)))
            changes.push_back({unit_name, "as systemd last read it", "as on disk", DaemonReload{}});
        return changes;
    }

   private:
    static Result<void> want_unless_vendor_has(std::vector<NodeChange>& changes, const HostView& view,
                                               const std::string& name, const Path& own, const char* text) {
        if (NB_TRY(vendor_has(view, name))) return want_absent_if_ours(changes, view, own);
        return want_file(changes, view, own, text);
    }

    // A machine that moved from a bundle to packages: our copy would shadow the packages' newer one.
    static Result<void> want_absent_if_ours(std::vector<NodeChange>& changes, const HostView& view, const Path& own) {
        const auto text = NB_TRY(view.read(own));
        if (text && text->starts_with(own_mark)) return want_absent(changes, view, own);
        return {};
    }

    // Pods live through a restart. A package's own files are not looked at: dpkg gives them the date of their making,
    // and whoever upgrades a member's kubelet restarts it (kubernetes.io, 'Upgrading Linux nodes').
    Result<std::string> reason_to_restart(const std::vector<NodeChange>& changes, const HostView& view,
                                          const UnitState& state) const {
        for (const Path file : own_files) {
            if (writes(changes, file) || removes(changes, file)) return std::string("runs with another unit");
            if (NB_TRY(started_before_own(view, state, file, services_.clock)))
                return std::string("was started before its unit was written");
        }
        if (NB_TRY(started_before_written(view, state, program, services_.clock)))
            return std::string("was started before its binary was replaced");
        return std::string();
    }

    static bool removes(const std::vector<NodeChange>& changes, const Path& file) {
        return std::any_of(changes.begin(), changes.end(),
                           [&](const NodeChange& change) { return change.action == Action(RemovePath{file}); });
    }

    const NodeServices& services_;
    PhaseInfo info_{"kubelet", "kubelet's systemd unit, enabled, and running on a member", {"kubernetes-packages"}};
};

}  // namespace

std::shared_ptr<const NodePhase> make_kubelet_phase(const NodeServices& services) {
    return std::make_shared<Kubelet>(services);
}

Result<bool> kubelet_is_from_a_package(const HostView& view) { return vendor_has(view, unit_name); }

}  // namespace nodeboot
