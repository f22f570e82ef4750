#include "phases/kubeadm_init.hpp"

#include <fmt/core.h>

#include <atomic>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/lines.hpp"
#include "base/yaml.hpp"
#include "phases/kubeadm.hpp"
#include "phases/kubeadm_config.hpp"
#include "phases/kubeadm_given.hpp"
#include "phases/kubeadm_remains.hpp"
#include "phases/kubelet_drift.hpp"
#include "phases/leave_cluster.hpp"
#include "phases/pods_dns.hpp"
#include "system/want.hpp"

namespace nodeboot {
namespace {

enum class Start { fresh, resumed, after_clearing };

constexpr const char* kubeadm_config_map = "/api/v1/namespaces/kube-system/configmaps/kubeadm-config";

class KubeadmInit final : public NodePhase {
   public:
    explicit KubeadmInit(const NodeServices& services) : services_(services) {}

    const PhaseInfo& info() const override { return info_; }

    Result<std::vector<NodeChange>> plan(const HostView& view) const override {
        const ControlPlaneRemains seen = NB_TRY(look_for_control_plane(view));
        std::vector<NodeChange> changes;
        if (!seen.interrupted && seen.whole()) {
            auto api = NB_TRY(services_.kube.admin());
            const auto map = api->get(kubeadm_config_map);
            if (!map) return changes;  // an API server that is down is verify's business
            NB_CHECK(check_unchangeable(*map));
            say_what_is_read_once(view);
            return changes;
        }
        NB_CHECK(may_be_begun_upon(view, seen));
        std::string from = "no control plane";
        if (seen.interrupted)
            from = fmt::format("interrupted init ({} missing{})", seen.whole() ? "its end" : seen.missing.front(),
                               seen.etcd_data ? ", etcd kept" : "");
        Start start = Start::fresh;
        if (seen.interrupted && seen.etcd_data)
            start = Start::resumed;
        else if (seen.interrupted && NB_TRY(init_left_something(view, seen)))
            start = Start::after_clearing;
        Procedure init{start == Start::resumed ? "resume kubeadm init" : "kubeadm init",
                       {},
                       [this, start](ActionContext& context) { return run_init(context, start); }};
        changes.push_back({"control plane", from, "running", std::move(init)});
        return changes;
    }

    Result<void> verify(const HostView&, StepContext& step) const override {
        NB_CHECK(wait_until(step, [&]() -> Result<void> {
            auto api = NB_TRY(services_.kube.admin());
            if (!NB_TRY(api->ready()))
                return fail(
                    ErrorKind::unavailable, "the API server answers, but /readyz says that it is not ready",
                    "`kubectl --kubeconfig /etc/kubernetes/admin.conf get --raw '/readyz?verbose'` says what fails; "
                    "often it is etcd: `crictl ps -a --name etcd`");
            return {};
        }));
        auto api = NB_TRY(services_.kube.admin());
        return check_unchangeable(NB_TRY(api->get(kubeadm_config_map)));
    }

    Result<std::vector<NodeChange>> undo(const HostView& view) const override { return plan_to_leave_cluster(view); }

   private:
    Result<void> run_init(ActionContext& context, Start start) const {
        Host& host = context.host;
        const ControlPlaneRemains seen = NB_TRY(look_for_control_plane(host));
        const auto given = seen.interrupted ? seen.given : NB_TRY(credentials_there(host));
        if (start == Start::after_clearing) NB_CHECK(clear_interrupted_init(context, given));
        const Version version = NB_TRY(kubeadm_version(host));
        const std::string resolv_conf = NB_TRY(resolv_conf_for_kubelet(context, services_.config));
        const std::string text = render_kubeadm_init(services_.config, {version, services_.node_name, resolv_conf});
        NB_CHECK(host.write(kubeadm_init_config, text, {0600, 0, 0}));
        NB_CHECK(mark_init_begun(host, given));
        std::vector<std::string> arguments{"init", "--config", kubeadm_init_config, "--skip-token-print"};
        if (start == Start::resumed)
            // What an interrupted init left behind, and only that, may be in the way.
            arguments.push_back(
                fmt::format("--ignore-preflight-errors=DirAvailable--var-lib-etcd,Port-{},Port-10250,Port-10257,Port-"
                            "10259,Port-2379,"
                            "Port-2380,FileAvailable--etc-kubernetes-manifests-kube-apiserver.yaml,"
                            "FileAvailable--etc-kubernetes-manifests-kube-controller-manager.yaml,"
                            "FileAvailable--etc-kubernetes-manifests-kube-scheduler.yaml,FileAvailable--etc-kubernetes-"
                            "manifests-etcd.yaml",
                            services_.config.network.api_port));
        auto done = run_kubeadm(context, std::move(arguments), std::chrono::minutes(6));
        if (done) return mark_init_ended(context);
        // Refused by kubeadm's own checks. What somebody brings before the next run is then not taken for its remains.
        if (const auto now = look_for_control_plane(host))
            if (const auto left = init_left_something(host, *now); left && !*left)
                NB_CHECK(host.remove(kubeadm_init_unfinished));
        return done;
    }

    // ClusterConfiguration as the cluster was made with. Changing these would need a new cluster.
    Result<void> check_unchangeable(const std::optional<nlohmann::json>& map) const {
        if (!map) return {};
        const auto documents = NB_TRY_CONTEXT(
            parse_yaml(json_string(*map, {"data", "ClusterConfiguration"}).value_or("")), "ConfigMap kubeadm-config");
        if (documents.empty()) return {};
        const auto made_with = [&](const char* key) {
            const auto& cluster = documents.front();
            const auto networking = cluster.is_object() ? cluster.find("networking") : cluster.end();
            if (networking == cluster.end() || !networking->is_object()) return std::string();
            const auto value = networking->find(key);
            return value != networking->end() && value->is_string() ? value->get<std::string>() : std::string();
        };
        const auto& net = services_.config.network;
        const std::pair<const char*, std::pair<std::string, std::string>> rows[] = {
            {"network.pod_cidr", {made_with("podSubnet"), to_string(net.pod_cidr)}},
            {"network.service_cidr", {made_with("serviceSubnet"), to_string(net.service_cidr)}},
            {"network.cluster_domain", {made_with("dnsDomain"), net.cluster_domain}},
        };
        for (const auto& [key, values] : rows)
            if (!values.first.empty() && values.first != values.second)
                return fail(ErrorKind::refused,
                            fmt::format("{} is {} in the config, but the cluster was made with {}", key, values.second,
                                        values.first),
                            "a running cluster cannot change it: put the old value back, or make a new cluster");
        return {};
    }

    // Changed, in the configuration or in the cluster, and without effect here: better said than wondered about.
    void say_what_is_read_once(const HostView& view) const {
        if (said_.exchange(true)) return;
        if (auto api = services_.kube.admin()) warn_of_kubelet_drift(view, **api, services_.config, services_.log);
        const auto given = view.read(kubeadm_init_config);
        if (!given || !*given) return;  // a control plane that somebody else made
        const auto changed = settings_changed_since_init(**given, services_.config);
        if (!changed)
            services_.log.warning(fmt::format("cannot tell which settings changed since kubeadm init read {}: {}",
                                              kubeadm_init_config, changed.error().text()));
        else if (!changed->empty())
            services_.log.warning(read_once_text("init", *changed));
    }

    const NodeServices& services_;
    mutable std::atomic<bool> said_ = false;  // a run plans more than once
    PhaseInfo info_{"kubeadm-init",
                    "the control plane: etcd, API server, controller manager, scheduler",
                    {"containerd", "kubelet", "images"},
                    std::chrono::minutes(12)};
};

}  // namespace

std::shared_ptr<const NodePhase> make_kubeadm_init_phase(const NodeServices& services) {
    return std::make_shared<KubeadmInit>(services);
}

}  // namespace nodeboot
