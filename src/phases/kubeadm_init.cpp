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
#include "phases/leave_cluster.hpp"
#include "phases/pods_dns.hpp"
#include "system/want.hpp"

namespace nodeboot {
namespace {

// In the order in which kubeadm makes them, the addons last of all.
constexpr const char* made_by_init[] = {
    "/etc/kubernetes/pki/ca.crt",
    "/etc/kubernetes/pki/sa.key",
    admin_conf,
    "/etc/kubernetes/controller-manager.conf",
    "/etc/kubernetes/scheduler.conf",
    kubelet_conf,
    kubelet_config,
    "/etc/kubernetes/manifests/etcd.yaml",
    "/etc/kubernetes/manifests/kube-apiserver.yaml",
    "/etc/kubernetes/manifests/kube-controller-manager.yaml",
    "/etc/kubernetes/manifests/kube-scheduler.yaml",
};

constexpr const char* last_objects_of_init[] = {
    "/api/v1/namespaces/kube-system/configmaps/kubeadm-config",
    "/api/v1/namespaces/kube-public/configmaps/cluster-info",
    "/api/v1/namespaces/kube-system/configmaps/kube-proxy",
    "/api/v1/namespaces/kube-system/configmaps/coredns",
};

enum class State { nothing, half, files_only, complete };

struct Observed {
    State state = State::nothing;
    bool etcd_data = false;
    std::string missing;  ///< the first thing that a complete control plane would have
};

class KubeadmInit final : public NodePhase {
   public:
    explicit KubeadmInit(const NodeServices& services) : services_(services) {}

    const PhaseInfo& info() const override { return info_; }

    Result<std::vector<NodeChange>> plan(const HostView& view) const override {
        const Observed seen = NB_TRY(observe(view));
        std::vector<NodeChange> changes;
        if (seen.state == State::complete) {
            NB_CHECK(check_unchangeable());
            say_what_is_read_once(view);
            return changes;
        }
        if (seen.state == State::files_only) return changes;  // an API server that is down is verify's business
        const bool clean_first = seen.state == State::half && !seen.etcd_data;
        std::string from = "no control plane";
        if (seen.state == State::half)
            from = fmt::format("interrupted init ({} missing{})", seen.missing, seen.etcd_data ? ", etcd kept" : "");
        const bool resume = seen.state == State::half && seen.etcd_data;
        Procedure init{
            resume ? "resume kubeadm init" : "kubeadm init", {}, [this, clean_first, resume](ActionContext& context) {
                return run_init(context, clean_first, resume);
            }};
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
        return check_unchangeable();
    }

    Result<std::vector<NodeChange>> undo(const HostView& view) const override { return plan_to_leave_cluster(view); }

   private:
    // Looks at files first: they cost nothing. The API is asked only when all of them are there.
    Result<Observed> observe(const HostView& view) const {
        Observed seen;
        seen.etcd_data = NB_TRY(view.stat(etcd_member_dir)).has_value();
        std::size_t found = 0;
        for (const char* path : made_by_init) {
            const auto info = NB_TRY(view.stat(path));
            if (info && info->size > 0)
                ++found;
            else if (seen.missing.empty())
                seen.missing = path;
        }
        if (found < std::size(made_by_init)) {
            seen.state = found == 0 && !seen.etcd_data ? State::nothing : State::half;
            return seen;
        }
        // All files may be there before kubelet was started even once, and objects before the last of the addons.
        if (NB_TRY(view.stat(kubeadm_init_unfinished))) {
            seen.state = State::half;
            seen.missing = "its end";
            return seen;
        }
        auto api = NB_TRY(services_.kube.admin());
        for (const char* path : last_objects_of_init) {
            auto object = api->get(path);
            // Nothing answers: a stopped API server is not an interrupted init. Verify waits for it and says so.
            if (!object) {
                seen.state = State::files_only;
                return seen;
            }
            if (!*object) {
                seen.state = State::half;
                seen.missing = path;
                return seen;
            }
        }
        seen.state = State::complete;
        return seen;
    }

    Result<void> run_init(ActionContext& context, bool clean_first, bool resume) const {
        Host& host = context.host;
        if (clean_first) {
            NB_CHECK(run_kubeadm(context,
                                 {"reset", "--force", "--cri-socket", "unix:///run/containerd/containerd.sock"},
                                 std::chrono::minutes(3)));
            // reset leaves an empty etcd folder's parent and CNI alone; what it leaves of /var/lib/etcd has no member.
            NB_CHECK(host.remove("/var/lib/etcd"));
        }
        const Version version = NB_TRY(kubeadm_version(host));
        const std::string resolv_conf = NB_TRY(resolv_conf_for_kubelet(context, services_.config));
        const std::string text = render_kubeadm_init(services_.config, {version, services_.node_name, resolv_conf});
        NB_CHECK(host.write(kubeadm_init_config, text, {0600, 0, 0}));
        NB_CHECK(
            host.write(kubeadm_init_unfinished, "kubeadm init has begun; the next run resumes it\n", {0600, 0, 0}));
        std::vector<std::string> arguments{"init", "--config", kubeadm_init_config, "--skip-token-print"};
        if (resume)
            // What an interrupted init left behind, and only that, may be in the way.
            arguments.push_back(
                fmt::format("--ignore-preflight-errors=DirAvailable--var-lib-etcd,Port-{},Port-10250,Port-10257,Port-"
                            "10259,Port-2379,"
                            "Port-2380,FileAvailable--etc-kubernetes-manifests-kube-apiserver.yaml,"
                            "FileAvailable--etc-kubernetes-manifests-kube-controller-manager.yaml,"
                            "FileAvailable--etc-kubernetes-manifests-kube-scheduler.yaml,FileAvailable--etc-kubernetes-"
                            "manifests-etcd.yaml",
                            services_.config.network.api_port));
        NB_CHECK(run_kubeadm(context, std::move(arguments), std::chrono::minutes(6)));
        return host.remove(kubeadm_init_unfinished);
    }

    // ClusterConfiguration as the cluster was made with. Changing these would need a new cluster.
    Result<void> check_unchangeable() const {
        auto api = NB_TRY(services_.kube.admin());
        const auto map = NB_TRY(api->get("/api/v1/namespaces/kube-system/configmaps/kubeadm-config"));
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

    // Changed in the configuration, and without effect: better said than wondered about.
    void say_what_is_read_once(const HostView& view) const {
        if (said_.exchange(true)) return;
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
