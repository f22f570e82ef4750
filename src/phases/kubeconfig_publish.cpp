#include "phases/kubeconfig_publish.hpp"

#include "phases/kubeadm.hpp"

namespace nodeboot {
namespace {

class KubeconfigPublish final : public NodePhase {
   public:
    explicit KubeconfigPublish(const NodeServices& services) : services_(services) {}
    const PhaseInfo& info() const override { return info_; }

    Result<std::vector<NodeChange>> plan(const HostView& view) const override {
        std::vector<NodeChange> changes;
        std::string why = "not published";
        if (const auto admin = NB_TRY(view.read(admin_conf))) {
            const auto published = NB_TRY(services_.store.fetch_kubeconfig());
            if (published && published->reveal() == *admin) return changes;
            if (published) why = "an older one";
        }
        changes.push_back({"admin kubeconfig", why, "published",
                           Procedure{"publish admin kubeconfig", {}, [this](ActionContext& context) -> Result<void> {
                                         auto admin = NB_TRY(context.host.read(admin_conf));
                                         if (!admin)
                                             return fail(
                                                 ErrorKind::not_found,
                                                 std::string("cannot publish admin access: there is no ") + admin_conf);
                                         return services_.store.publish_kubeconfig(Secret(*std::move(admin)));
                                     }}});
        return changes;
    }

   private:
    const NodeServices& services_;
    PhaseInfo info_{"kubeconfig",
                    "admin access published for `cluster kubeconfig`",
                    {"join-secret"}};  // which gives way where another control plane has published
};

}  // namespace

std::shared_ptr<const NodePhase> make_kubeconfig_publish_phase(const NodeServices& services) {
    return std::make_shared<KubeconfigPublish>(services);
}

}  // namespace nodeboot
