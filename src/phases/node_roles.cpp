#include "phases/node_roles.hpp"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "phases/kubeadm.hpp"

namespace nodeboot {
namespace {

constexpr std::string_view role_prefix = "node-role.kubernetes.io/";

bool has_role(const nlohmann::json& labels) {
    for (const auto& [key, value] : labels.items())
        if (key.starts_with(role_prefix)) return true;
    return false;
}

class NodeRoles final : public NodePhase {
   public:
    explicit NodeRoles(const NodeServices& services) : services_(services) {}
    const PhaseInfo& info() const override { return info_; }

    Result<std::vector<NodeChange>> plan(const HostView& view) const override {
        std::vector<NodeChange> changes;
        if (!NB_TRY(view.stat(admin_conf))) return changes;  // before init there are no nodes
        auto api = NB_TRY(services_.kube.admin());
        const auto nodes = NB_TRY(api->get("/api/v1/nodes"));
        if (!nodes) return changes;
        for (const auto& node : json_list(*nodes, {"items"})) {
            const auto found = json_string(node, {"metadata", "name"});
            if (!found) continue;
            const std::string& name = *found;
            const auto* given = json_at(node, {"metadata", "labels"});
            const auto labels = given != nullptr && given->is_object() ? *given : nlohmann::json::object();
            if (!has_role(labels)) changes.push_back(label(name, "node-role.kubernetes.io/worker", "", "no role"));
            if (name == services_.node_name)
                for (const auto& [key, value] : services_.config.node.labels)
                    if (const auto now = json_string(labels, {key}); now != value)
                        changes.push_back(label(name, key, value, now.value_or("absent")));
        }
        return changes;
    }

   private:
    NodeChange label(const std::string& node, const std::string& key, const std::string& value,
                     const std::string& from) const {
        return {"node " + node, from, value.empty() ? key : key + "=" + value,
                Procedure{
                    "label node", {node, key + "=" + value}, [this, node, key, value](ActionContext&) -> Result<void> {
                        auto api = NB_TRY(services_.kube.admin());
                        const nlohmann::json patch{{"metadata", {{"labels", {{key, value}}}}}};
                        const auto patched = api->patch("/api/v1/nodes/" + node, patch);
                        if (!patched && patched.error().kind != ErrorKind::not_found) return fail(patched.error());
                        return {};  // a node that has left meanwhile needs no label
                    }}};
    }

    const NodeServices& services_;
    PhaseInfo info_{"node-roles", "role labels of the cluster's nodes", {"kubeadm-init"}, std::chrono::minutes(1)};
};

}  // namespace

std::shared_ptr<const NodePhase> make_node_roles_phase(const NodeServices& services) {
    return std::make_shared<NodeRoles>(services);
}

}  // namespace nodeboot
