#include "phases/catalog.hpp"

#include <algorithm>

#include "phases/admin_kubeconfig.hpp"
#include "phases/bake.hpp"
#include "phases/bundle.hpp"
#include "phases/containerd_config.hpp"
#include "phases/containerd_install.hpp"
#include "phases/dns.hpp"
#include "phases/flannel.hpp"
#include "phases/images.hpp"
#include "phases/join_secret_publish.hpp"
#include "phases/kernel_modules.hpp"
#include "phases/kubeadm_init.hpp"
#include "phases/kubeadm_join.hpp"
#include "phases/kubeconfig_publish.hpp"
#include "phases/kubelet.hpp"
#include "phases/kubernetes_packages.hpp"
#include "phases/network_links.hpp"
#include "phases/node_roles.hpp"
#include "phases/preflight.hpp"
#include "phases/swap.hpp"
#include "phases/sysctl.hpp"
#include "phases/time_sync.hpp"
#include "phases/timers.hpp"

namespace nodeboot {
namespace {

Result<Catalog> runnable(NodePhases phases, Host& host) {
    std::vector<Runnable> out;
    for (auto& phase : phases) out.push_back(make_runnable(std::move(phase), host));
    return Catalog::make(std::move(out));
}

/// Phases of the node on their own: what they need is taken to be met.
Result<Catalog> runnable_alone(NodePhases phases, Host& host) {
    std::vector<Runnable> out;
    for (auto& phase : phases) {
        out.push_back(make_runnable(std::move(phase), host));
        out.back().info.needs.clear();
    }
    return Catalog::make(std::move(out));
}

void add_host_phases(NodePhases& phases, const NodeServices& s, PodsDns pods) {
    phases.push_back(make_preflight_phase(s.config, s.clock));
    phases.push_back(make_dns_phase(s.config, s.clock, pods));
    phases.push_back(make_time_sync_phase(s.config, s.clock));
    phases.push_back(make_kernel_modules_phase(s.config));
    phases.push_back(make_sysctl_phase(s.config));
    phases.push_back(make_swap_phase(s.config));
    phases.push_back(make_network_links_phase(s.config, s.clock));
    phases.push_back(make_boot_service_phase(s, pods == PodsDns::left_out ? "" : s.config_file));
}

/// `images_of`: whose images are fetched; an image that is baked is for both roles.
void add_software_phases(NodePhases& phases, const NodeServices& s, Role images_of) {
    auto bundle = std::make_shared<const Bundle>(s.config.kubernetes.bundle);
    phases.push_back(make_bundle_phase(s, bundle));
    phases.push_back(make_containerd_install_phase(
        s.config, {.install =
                       [bundle](auto& changes, const HostView& view) {
                           return bundle->want_installed(changes, view, BundleKind::containerd);
                       },
                   .remove =
                       [bundle](auto& changes, const HostView& view) {
                           return bundle->want_removed(changes, view, BundleKind::containerd);
                       }}));
    phases.push_back(make_containerd_config_phase(s.config, s.cri, s.clock));
    phases.push_back(make_kubernetes_packages_phase(s, bundle));
    phases.push_back(make_kubelet_phase(s));
    phases.push_back(make_images_phase(s, bundle, images_of));
}

void add_control_plane_phases(NodePhases& phases, const NodeServices& s) {
    phases.push_back(make_kubeadm_init_phase(s));
    phases.push_back(make_admin_kubeconfig_phase(s));
    if (s.config.flannel.enabled) {
        phases.push_back(make_flannel_phase(s));
        phases.push_back(make_cluster_dns_phase(s));
    }
    phases.push_back(make_join_secret_publish_phase(s));
    phases.push_back(make_node_roles_phase(s));
    if (s.config.control_plane.publish_kubeconfig) phases.push_back(make_kubeconfig_publish_phase(s));
    phases.push_back(make_timers_phase(s));
}

void add_worker_phases(NodePhases& phases, const NodeServices& s) {
    auto material = std::make_shared<JoinMaterial>();
    phases.push_back(make_join_secret_fetch_phase(s, material));
    phases.push_back(make_kubeadm_join_phase(s, material));
}

NodePhases node_phases(const NodeServices& s, const std::optional<RepairOptions>& repair) {
    NodePhases phases;
    add_host_phases(phases, s, PodsDns::own);
    if (repair) phases.insert(std::next(phases.begin()), make_repair_phase(s, *repair));  // behind preflight
    add_software_phases(phases, s, s.config.node.role);
    if (s.config.node.role == Role::control_plane)
        add_control_plane_phases(phases, s);
    else
        add_worker_phases(phases, s);
    return phases;
}

}  // namespace

NodePhases make_node_phases(const NodeServices& services) { return node_phases(services, std::nullopt); }

Result<Catalog> make_node_catalog(const NodeServices& services) {
    return runnable(node_phases(services, std::nullopt), services.host);
}

Result<Catalog> make_repair_catalog(const NodeServices& services, RepairOptions options) {
    std::vector<Runnable> out;
    for (auto& phase : node_phases(services, std::move(options)))
        out.push_back(make_runnable(std::move(phase), services.host));
    // A worker that leaves is another machine to every later phase: none may look at it before, or it would find a member.
    // On a control plane nothing depends on what is repaired, and much may be mended where it cannot be.
    if (services.config.node.role == Role::worker) {
        const auto repair =
            std::find_if(out.begin(), out.end(), [](const Runnable& phase) { return phase.info.name == "repair"; });
        for (auto later = std::next(repair); later != out.end(); ++later) later->info.needs.emplace_back("repair");
    }
    return Catalog::make(std::move(out));
}

Result<Catalog> make_bake_catalog(const NodeServices& services) {
    NB_CHECK(check_bakeable(services.config, services.host));
    NodePhases phases;
    add_host_phases(phases, services, PodsDns::left_out);
    add_software_phases(phases, services, Role::control_plane);
    std::vector<std::string> all;
    for (const auto& phase : phases) all.push_back(phase->info().name);
    phases.push_back(make_bake_clean_phase(std::move(all)));
    return runnable(std::move(phases), services.host);
}

Result<Catalog> make_reset_catalog(const NodeServices& services) {
    std::vector<Runnable> out;
    for (auto& phase : make_node_phases(services)) out.push_back(make_undo_runnable(std::move(phase), services.host));
    return Catalog::make(backwards(std::move(out)));
}

Result<Catalog> make_rotate_catalog(const NodeServices& services) {
    return runnable_alone({make_join_secret_publish_phase(services), make_node_roles_phase(services)}, services.host);
}

}  // namespace nodeboot
