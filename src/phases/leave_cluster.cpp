#include "phases/leave_cluster.hpp"

#include <fmt/core.h>

#include "phases/kubeadm.hpp"
#include "phases/kubelet.hpp"
#include "system/want.hpp"

namespace nodeboot {
namespace {

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
    "/etc/cni/net.d/10-flannel.conflist",
    "/opt/cni/bin/flannel",  // flannel's pod put it there
    "/run/flannel",
    "/var/lib/cni",
    "/var/lib/etcd",
    kubeadm_init_config,
    kubeadm_init_unfinished,
};

// kubeadm empties these and lets them stand; innermost first.
constexpr const char* emptied_by_kubeadm_reset[] = {"/etc/kubernetes/pki", "/etc/kubernetes/tmp",
                                                    "/var/lib/kubelet/pki"};
// kubelet makes its folder for volume plugins when it starts; kubeadm does not know of it. Innermost first.
constexpr const char* made_by_kubelet[] = {"/usr/libexec/kubernetes/kubelet-plugins/volume/exec",
                                           "/usr/libexec/kubernetes/kubelet-plugins/volume",
                                           "/usr/libexec/kubernetes/kubelet-plugins", "/usr/libexec/kubernetes"};
// The same, but kubelet's package brings them, too, and it stays installed.
constexpr const char* folders_of_the_package[] = {"/etc/kubernetes/manifests", "/etc/kubernetes", "/var/lib/kubelet"};

Result<void> want_no_empty_folders(std::vector<NodeChange>& changes, const HostView& view) {
    for (const char* folder : emptied_by_kubeadm_reset) NB_CHECK(want_no_empty_folder(changes, view, folder));
    for (const char* folder : made_by_kubelet) NB_CHECK(want_no_empty_folder(changes, view, folder));
    if (NB_TRY(kubelet_is_from_a_package(view))) return {};
    for (const char* folder : folders_of_the_package) NB_CHECK(want_no_empty_folder(changes, view, folder));
    return {};
}

Result<void> reset(ActionContext& context) {
    NB_CHECK(run_kubeadm(context, {"reset", "--force", "--cri-socket", "unix:///run/containerd/containerd.sock"},
                         std::chrono::minutes(4)));
    for (const char* path : cluster_remains) NB_CHECK(context.host.remove(path));
    for (const char* path : {kubeadm_init_config, kubeadm_init_unfinished}) NB_CHECK(context.host.remove(path));
    std::vector<NodeChange> empty;
    NB_CHECK(want_no_empty_folders(empty, context.host));
    for (const auto& change : empty) NB_CHECK(perform(change.action, context));
    return {};
}

}  // namespace

Result<std::vector<NodeChange>> plan_to_leave_cluster(const HostView& view) {
    std::vector<NodeChange> changes;
    for (const char* path : cluster_remains)
        if (NB_TRY(view.stat(path))) {
            const bool etcd = NB_TRY(view.stat(etcd_member_dir)).has_value();
            changes.push_back({"cluster membership", etcd ? "control plane with etcd data" : "member", "none",
                               Procedure{"kubeadm reset", {}, reset}});
            break;
        }
    for (const char* path : left_by_kubeadm_reset) NB_CHECK(want_absent(changes, view, path));
    NB_CHECK(want_no_empty_folders(changes, view));
    for (const char* link : {"flannel.1", "cni0"})
        if (NB_TRY(view.stat(Path("/sys/class/net") / link)))
            changes.push_back({fmt::format("link {}", link), "present", "absent",
                               RunCommand{{"ip", "link", "delete", link}, std::chrono::seconds(30)}});
    return changes;
}

}  // namespace nodeboot
