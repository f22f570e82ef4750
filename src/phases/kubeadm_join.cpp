#include "phases/kubeadm_join.hpp"

#include <fmt/core.h>

#include <atomic>

#include "net/discovery.hpp"
#include "net/join_wait.hpp"
#include "phases/kubeadm.hpp"
#include "phases/kubeadm_config.hpp"
#include "phases/kubeadm_given.hpp"
#include "phases/kubelet_drift.hpp"
#include "phases/kubelet_flags.hpp"
#include "phases/leave_cluster.hpp"
#include "phases/membership.hpp"
#include "phases/pods_dns.hpp"

namespace nodeboot {
namespace {

constexpr const char* join_config = "/run/nodeboot-join.yaml";  // tmpfs: the token never reaches a disk
class JoinSecretFetch final : public NodePhase {
   public:
    JoinSecretFetch(const NodeServices& services, std::shared_ptr<JoinMaterial> material)
        : services_(services), material_(std::move(material)) {
        info_.timeout = services.config.join.deadline + std::chrono::minutes(1);
    }
    const PhaseInfo& info() const override { return info_; }

    Result<std::vector<NodeChange>> plan(const HostView& view) const override {
        std::vector<NodeChange> changes;
        if (material_->get() || NB_TRY(membership(view)) == Membership::joined) return changes;
        changes.push_back({"join secret", "unknown", "fetched",
                           Procedure{"fetch join secret", {services_.store.describe()}, [this](ActionContext& context) {
                                         return fetch(context);
                                     }}});
        return changes;
    }

   private:
    Result<void> fetch(ActionContext& context) const {
        const JoinWaitOptions options{
            .expected_nodes = services_.config.join.expected_nodes,
            .deadline =
                Deadline::after(context.step.clock, services_.config.join.deadline).sooner_of(context.step.deadline),
            .stop = context.step.stop};
        material_->set(NB_TRY(wait_for_join_secret(services_.store, context.step.clock, options, context.step.log)));
        return {};
    }

    const NodeServices& services_;
    std::shared_ptr<JoinMaterial> material_;
    PhaseInfo info_{"join-secret", "the join secret that the control plane publishes", {"preflight", "dns"}};
};

class KubeadmJoin final : public NodePhase {
   public:
    KubeadmJoin(const NodeServices& services, std::shared_ptr<JoinMaterial> material)
        : services_(services), material_(std::move(material)) {}
    const PhaseInfo& info() const override { return info_; }

    Result<std::vector<NodeChange>> plan(const HostView& view) const override {
        std::vector<NodeChange> changes;
        const Membership now = NB_TRY(membership(view));
        if (now == Membership::joined) {
            say_what_is_read_once(view);
            // An interrupted join may leave it; a later kubelet without kubelet.conf would use its dead token.
            if (NB_TRY(view.stat(bootstrap_kubelet_conf)))
                changes.push_back({bootstrap_kubelet_conf, "left over", "absent", RemovePath{bootstrap_kubelet_conf}});
            return changes;
        }
        if (now == Membership::half_joined)
            changes.push_back({"worker", "interrupted join", "clean",
                               Procedure{"remove the remains of an interrupted join", {}, clear_membership}});
        changes.push_back({"worker", "not in a cluster", "joined",
                           Procedure{"kubeadm join", {}, [this](ActionContext& context) { return join(context); }}});
        return changes;
    }

    Result<void> verify(const HostView& view, StepContext& step) const override {
        NB_CHECK(wait_until(step, [&]() -> Result<void> {
            auto api = NB_TRY(services_.kube.node());
            return node_is_ready(*api, services_.node_name);
        }));
        // Not in plan(), which needs no API server on a worker.
        if (auto api = services_.kube.node()) warn_of_kubelet_drift(view, **api, services_.config, services_.log);
        return {};
    }

    Result<std::vector<NodeChange>> undo(const HostView& view) const override { return plan_to_leave_cluster(view); }

   private:
    Result<void> join(ActionContext& context) const {
        const auto secret = material_->get();
        if (!secret)
            return fail(ErrorKind::refused, "no join secret was fetched in this run",
                        "leave join-secret in --only, out of --skip");
        const JoinSecret good = NB_TRY(usable_secret(context, *secret));
        const Version version = NB_TRY(kubeadm_version(context.host));
        const std::string resolv_conf = NB_TRY(resolv_conf_for_kubelet(context, services_.config));
        const Secret config = render_kubeadm_join(services_.config, {version, services_.node_name, resolv_conf}, good);
        NB_CHECK(context.host.write(join_config, config.reveal(), {0600, 0, 0}));
        auto joined = try_join(context);
        NB_CHECK(context.host.remove(join_config));
        if (!joined) return fail(explain(std::move(joined).error()));
        return {};
    }

    /// Waits until the cluster that `secret` names answers and knows its token. kubeadm asks the same every 5 s and then
    /// says little; asking first notices the API server within half a second, and a wrong CA before anything is changed.
    /// A token that died while this machine installed is replaced by the one that the control plane rotates to.
    Result<JoinSecret> usable_secret(ActionContext& context, JoinSecret secret) const {
        NB_CHECK(wait_until(context.step, [&]() -> Result<void> {
            auto cluster =
                secret.expires > context.step.clock.wall()
                    ? discover_cluster(services_.http, secret, context.step.stop)
                    : Result<DiscoveredCluster>(
                          fail(ErrorKind::not_found, "the join token expired at " + format_rfc3339(secret.expires)));
            if (cluster) return {};
            if (cluster.error().kind == ErrorKind::not_found)
                if (auto newer = services_.store.fetch(Look::once); newer && *newer) secret = **newer;
            return fail(
                std::move(std::move(cluster).error())
                    .with_hint("`nodeboot node rotate-token` on the control plane publishes a new join secret; its "
                               "timer does that by itself"));
        }));
        return secret;
    }

    // This machine may have been a member a moment ago (an interrupted join, a reset). Its kubelet is stopped now, so the
    // API server calls its Node NotReady within 40 to 50 s (node-monitor-grace-period) and then lets the name be used
    // again (kubernetes#89512). The refusal leaves pki/ca.crt behind, which the next attempt's preflight would refuse.
    Result<void> try_join(ActionContext& context) const {
        const Deadline patience = Deadline::after(context.step.clock, std::chrono::seconds(100));
        for (;;) {
            auto joined = run_kubeadm(context, {"join", "--config", join_config}, std::chrono::minutes(6));
            if (joined || joined.error().message.find("already exists in the cluster") == std::string::npos)
                return joined;
            NB_CHECK(clear_membership(context));
            if (patience.passed(context.step.clock)) return joined;
            context.step.progress("waiting: a Node of this name is still Ready");
            NB_CHECK(context.step.clock.sleep(std::chrono::seconds(5), context.step.stop));
        }
    }

    // kubeadm's own words are right but say nothing of what to do here.
    Error explain(Error error) const {
        const std::string& text = error.message;
        const auto has = [&](std::string_view part) { return text.find(part) != std::string::npos; };
        if (has("already exists in the cluster") || has("a Node with name"))
            return std::move(error).with_hint("remove the old machine's Node object with `kubectl delete node " +
                                              services_.node_name + "`, then run `nodeboot node repair` here");
        if (has("cluster CA found in cluster-info ConfigMap is invalid") || has("public key"))
            return std::move(error).with_hint(
                "the server at the published endpoint is not the cluster that published the secret: do not go on; "
                "check "
                "the endpoint and who can write " +
                services_.store.describe());
        return error;
    }

    // As kubeadm-init does on a control plane.
    void say_what_is_read_once(const HostView& view) const {
        if (said_.exchange(true)) return;
        const auto flags = view.read(kubelet_flags_file);
        if (!flags || !*flags) return;
        const auto changed = settings_changed_since_join(**flags, services_.config);
        if (!changed.empty()) services_.log.warning(read_once_text("join", changed));
    }

    const NodeServices& services_;
    std::shared_ptr<JoinMaterial> material_;
    mutable std::atomic<bool> said_ = false;  // a run plans more than once
    PhaseInfo info_{"kubeadm-join",
                    "this node's membership in the cluster",
                    {"join-secret", "containerd", "kubelet", "images"},
                    std::chrono::minutes(12)};
};

}  // namespace

std::shared_ptr<const NodePhase> make_join_secret_fetch_phase(const NodeServices& services,
                                                              std::shared_ptr<JoinMaterial> material) {
    return std::make_shared<JoinSecretFetch>(services, std::move(material));
}

std::shared_ptr<const NodePhase> make_kubeadm_join_phase(const NodeServices& services,
                                                         std::shared_ptr<JoinMaterial> material) {
    return std::make_shared<KubeadmJoin>(services, std::move(material));
}

}  // namespace nodeboot
