#include "phases/repair.hpp"

#include <atomic>
#include <nlohmann/json.hpp>

#include "phases/kubeadm.hpp"
#include "phases/membership.hpp"

namespace nodeboot {
namespace {

class Repair final : public NodePhase {
   public:
    Repair(const NodeServices& services, RepairOptions options) : services_(services), options_(std::move(options)) {}
    const PhaseInfo& info() const override { return info_; }

    Result<std::vector<NodeChange>> plan(const HostView& view) const override {
        return services_.config.node.role == Role::worker ? plan_worker(view) : plan_control_plane(view);
    }

   private:
    Result<std::vector<NodeChange>> plan_worker(const HostView& view) const {
        std::vector<NodeChange> changes;
        if (cleared_->load() || NB_TRY(membership(view)) != Membership::joined) return changes;
        const std::string why = options_.rejoin ? "member, rejoin asked for" : NB_TRY(why_unusable());
        if (!why.empty())
            changes.push_back(
                {"membership", why, "removed, to join again",
                 Procedure{"leave the cluster", {}, [cleared = cleared_](ActionContext& context) -> Result<void> {
                               NB_CHECK(clear_membership(context));
                               cleared->store(true);
                               return {};
                           }}});
        return changes;
    }

    /// Empty when the API server accepts this node, and also when nobody answers: that is no reason to leave.
    Result<std::string> why_unusable() const {
        auto api = services_.kube.node();
        if (!api) return "its kubelet.conf cannot be used: " + api.error().text();
        const auto node = (*api)->get("/api/v1/nodes/" + services_.node_name);
        if (node) return *node ? std::string() : std::string("the cluster knows no node " + services_.node_name);
        if (node.error().kind == ErrorKind::permission || node.error().kind == ErrorKind::refused)
            return "the API server refuses this node: " + node.error().text();
        return std::string();
    }

    Result<std::vector<NodeChange>> plan_control_plane(const HostView& view) const {
        std::vector<NodeChange> changes;
        if (options_.forget_node.empty() || !NB_TRY(view.stat(admin_conf))) return changes;
        if (options_.forget_node == services_.node_name)
            return fail(ErrorKind::refused, "this is node " + services_.node_name + " itself",
                        "`nodeboot node reset` takes a machine out of its cluster");
        auto api = NB_TRY(services_.kube.admin());
        const std::string path = "/api/v1/nodes/" + options_.forget_node;
        if (NB_TRY(api->get(path)))
            changes.push_back(
                {"node " + options_.forget_node, "registered", "forgotten",
                 Procedure{"delete Node object", {options_.forget_node}, [this, path](ActionContext&) -> Result<void> {
                               auto client = NB_TRY(services_.kube.admin());
                               return client->remove(path);
                           }}});
        return changes;
    }

    const NodeServices& services_;
    RepairOptions options_;
    std::shared_ptr<std::atomic<bool>> cleared_ = std::make_shared<std::atomic<bool>>(false);
    PhaseInfo info_{"repair", "what only a person may allow: leave and rejoin, forget a node", {"preflight"}};
};

}  // namespace

std::shared_ptr<const NodePhase> make_repair_phase(const NodeServices& services, RepairOptions options) {
    return std::make_shared<Repair>(services, std::move(options));
}

}  // namespace nodeboot
