#include "phases/flannel.hpp"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "phases/flannel_manifest.hpp"
#include "phases/kubeadm.hpp"

namespace nodeboot {
namespace {

class Flannel final : public NodePhase {
   public:
    explicit Flannel(const NodeServices& services) : services_(services) {}
    const PhaseInfo& info() const override { return info_; }

    Result<std::vector<NodeChange>> plan(const HostView& view) const override {
        std::vector<NodeChange> changes;
        const bool api_is_there = NB_TRY(view.stat(admin_conf)).has_value();
        std::shared_ptr<KubeApi> api;
        if (api_is_there) api = NB_TRY(services_.kube.admin());
        for (auto& wanted : flannel_manifest(services_.config)) {
            std::string from = "absent";
            if (api) {
                if (const auto live = NB_TRY(api->get(wanted.path))) from = first_difference(wanted.object, *live);
            }
            if (!from.empty()) changes.push_back(apply(std::move(wanted), std::move(from)));
        }
        return changes;
    }

    Result<void> verify(const HostView&, StepContext& step) const override {
        return wait_until(step, [&]() -> Result<void> {
            auto api = NB_TRY(services_.kube.admin());
            return node_is_ready(*api, services_.node_name);
        });
    }

   private:
    NodeChange apply(KubeObject wanted, std::string from) const {
        const std::string name = wanted.name;
        auto object = std::make_shared<const KubeObject>(std::move(wanted));
        return {name, std::move(from), "as in the manifest",
                Procedure{"server-side apply", {name}, [this, object](ActionContext&) -> Result<void> {
                              auto api = NB_TRY(services_.kube.admin());
                              NB_CHECK(api->apply(object->path, object->object));
                              return {};
                          }}};
    }

    const NodeServices& services_;
    PhaseInfo info_{"flannel", "the pod network: flannel over VXLAN", {"kubeadm-init"}, std::chrono::minutes(8)};
};

class ClusterDns final : public NodePhase {
   public:
    explicit ClusterDns(const NodeServices& services) : services_(services) {}
    const PhaseInfo& info() const override { return info_; }

    Result<std::vector<NodeChange>> plan(const HostView&) const override { return std::vector<NodeChange>{}; }

    Result<void> verify(const HostView&, StepContext& step) const override {
        return wait_until(step, [&]() -> Result<void> {
            auto api = NB_TRY(services_.kube.admin());
            const auto dns = NB_TRY(api->get("/apis/apps/v1/namespaces/kube-system/deployments/coredns"));
            if (!dns)
                return fail(
                    ErrorKind::not_found, "the API server knows no Deployment kube-system/coredns",
                    "`kubeadm init phase addon coredns` makes it again; --skip cluster-dns if you run another DNS");
            for (const auto& condition : json_list(*dns, {"status", "conditions"}))
                if (json_string(condition, {"type"}) == "Available") {
                    if (json_string(condition, {"status"}) == "True") return {};
                    return fail(
                        ErrorKind::unavailable,
                        "CoreDNS is not available: " + json_string(condition, {"message"}).value_or("no reason given"),
                        "`kubectl -n kube-system get pods -l k8s-app=kube-dns` says what its pods wait for");
                }
            return fail(ErrorKind::unavailable, "CoreDNS has not reported its state yet",
                        "does kube-controller-manager run? `crictl ps -a --name kube-controller-manager`");
        });
    }

   private:
    const NodeServices& services_;
    PhaseInfo info_{"cluster-dns", "CoreDNS answers in the cluster", {"flannel"}, std::chrono::minutes(5)};
};

}  // namespace

std::shared_ptr<const NodePhase> make_flannel_phase(const NodeServices& services) {
    return std::make_shared<Flannel>(services);
}

std::shared_ptr<const NodePhase> make_cluster_dns_phase(const NodeServices& services) {
    return std::make_shared<ClusterDns>(services);
}

}  // namespace nodeboot
