#include "phases/reset.hpp"

#include <fmt/core.h>

#include "phases/kubeadm.hpp"
#include "phases/timers.hpp"
#include "system/want.hpp"

namespace nodeboot {
namespace {

constexpr std::string_view mark = "# Made by nodeboot";

// Folders that nodeboot writes into. A file there is removed only when its first line carries the mark.
constexpr const char* folders[] = {
    "/etc/sysctl.d",
    "/etc/modules-load.d",
    "/etc/systemd/resolved.conf.d",
    "/etc/systemd/timesyncd.conf.d",
    "/etc/chrony/conf.d",
    "/etc/chrony/sources.d",
    "/etc/systemd/network",
    "/etc/systemd/networkd.conf.d",
    "/etc/NetworkManager/conf.d",
    "/etc/apt/sources.list.d",
    "/etc/apt/preferences.d",
    "/etc/yum.repos.d",
    "/etc/containerd",
    "/etc/systemd",
    "/etc/systemd/system",
    "/etc/systemd/system/kubelet.service.d",
    "/etc/systemd/system/nodeboot.service.d",
    "/etc",
};

// What a cluster leaves on a node; any of it makes the machine one to be reset.
constexpr const char* cluster_remains[] = {
    admin_conf,
    kubelet_conf,
    bootstrap_kubelet_conf,
    kubelet_config,
    "/etc/kubernetes/manifests/kube-apiserver.yaml",
    "/etc/kubernetes/pki/ca.crt",
    etcd_member_dir,
};

constexpr const char* left_by_kubeadm_reset[] = {
    "/etc/cni/net.d/10-flannel.conflist", "/run/flannel", "/var/lib/cni", "/var/lib/etcd", kubeadm_init_config,
};

class LeaveCluster final : public NodePhase {
   public:
    const PhaseInfo& info() const override { return info_; }

    Result<std::vector<NodeChange>> plan(const HostView& view) const override {
        std::vector<NodeChange> changes;
        for (const char* path : cluster_remains)
            if (NB_TRY(view.stat(path))) {
                const bool etcd = NB_TRY(view.stat(etcd_member_dir)).has_value();
                changes.push_back({"cluster membership", etcd ? "control plane with etcd data" : "member", "none",
                                   Procedure{"kubeadm reset", {}, reset}});
                break;
            }
        for (const char* path : left_by_kubeadm_reset) NB_CHECK(want_absent(changes, view, path));
        for (const char* link : {"flannel.1", "cni0"})
            if (NB_TRY(view.stat(Path("/sys/class/net") / link)))
                changes.push_back({fmt::format("link {}", link), "present", "absent",
                                   RunCommand{{"ip", "link", "delete", link}, std::chrono::seconds(30)}});
        return changes;
    }

   private:
    static Result<void> reset(ActionContext& context) {
        // Timers first: they would ask an API server that is going away.
        for (const auto& unit : own_units())
            if (unit.ends_with(".timer") && NB_TRY(context.host.unit(unit)).running())
                NB_CHECK(context.host.unit_verb(UnitVerb::stop, unit));
        NB_CHECK(run_kubeadm(context, {"reset", "--force", "--cri-socket", "unix:///run/containerd/containerd.sock"},
                             std::chrono::minutes(4)));
        for (const char* path : cluster_remains) NB_CHECK(context.host.remove(path));
        return {};
    }

    PhaseInfo info_{"leave-cluster", "take this machine out of its cluster", {}, std::chrono::minutes(6)};
};

class OwnFiles final : public NodePhase {
   public:
    const PhaseInfo& info() const override { return info_; }

    Result<std::vector<NodeChange>> plan(const HostView& view) const override {
        std::vector<NodeChange> changes;
        for (const auto& unit : own_units()) {
            const UnitState state = NB_TRY(view.unit(unit));
            if (state.enabled()) changes.push_back({unit, "enabled", "disabled", Unit{UnitVerb::disable, unit}});
            if (state.running() && unit.ends_with(".timer"))
                changes.push_back({unit, "active", "stopped", Unit{UnitVerb::stop, unit}});
        }
        for (const char* package : {"kubelet", "kubeadm", "kubectl"})
            if (const auto status = NB_TRY(view.read("/var/lib/dpkg/status")); status && is_held(*status, package))
                changes.push_back({fmt::format("package {}", package), "held", "not held",
                                   RunCommand{{"apt-mark", "unhold", package}, std::chrono::minutes(1)}});
        bool units = false, containerd = false;
        for (const char* folder : folders)
            for (const auto& name : NB_TRY(view.list(folder))) {
                const Path path = Path(folder) / name;
                const auto info = NB_TRY(view.stat(path));
                if (!info || info->type != FileInfo::Type::file || info->size > 256 * 1024) continue;
                const auto text = NB_TRY(view.read(path));
                if (!text || !text->starts_with(mark)) continue;
                changes.push_back({path.string(), "made by nodeboot", "absent", RemovePath{path}});
                units = units || std::string_view(folder).starts_with("/etc/systemd/system");
                containerd = containerd || std::string_view(folder) == "/etc/containerd";
            }
        if (units) changes.push_back({"systemd", "older than the unit files", "as on disk", DaemonReload{}});
        if (containerd && NB_TRY(view.unit("containerd.service")).running())
            changes.push_back({"containerd.service", "older than its config", "restarted",
                               Unit{UnitVerb::restart, "containerd.service"}});
        return changes;
    }

   private:
    static bool is_held(const std::string& status, std::string_view package) {
        const auto at = status.find(fmt::format("Package: {}\n", package));
        if (at == std::string::npos) return false;
        return status.substr(at, status.find("\n\n", at) - at).find("\nStatus: hold ") != std::string::npos;
    }

    PhaseInfo info_{"own-files", "files and units that nodeboot made", {"leave-cluster"}};
};

}  // namespace

std::shared_ptr<const NodePhase> make_leave_cluster_phase(const NodeServices&) {
    return std::make_shared<LeaveCluster>();
}
std::shared_ptr<const NodePhase> make_own_files_phase(const NodeServices&) { return std::make_shared<OwnFiles>(); }

}  // namespace nodeboot
