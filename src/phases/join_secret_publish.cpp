#include "phases/join_secret_publish.hpp"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "net/bootstrap_token.hpp"
#include "phases/kubeadm.hpp"

namespace nodeboot {
namespace {

class JoinSecretPublish final : public NodePhase {
   public:
    explicit JoinSecretPublish(const NodeServices& services) : services_(services) {}
    const PhaseInfo& info() const override { return info_; }

    Result<std::vector<NodeChange>> plan(const HostView& view) const override {
        const std::string why = NB_TRY(reason_to_publish(view));
        std::vector<NodeChange> changes;
        if (!why.empty())
            changes.push_back({"join secret", why, "valid",
                               Procedure{"publish join secret",
                                         {services_.store.describe()},
                                         [this](ActionContext& context) { return publish(context); }}});
        return changes;
    }

   private:
    /// Empty when the published secret is good.
    Result<std::string> reason_to_publish(const HostView& view) const {
        if (!NB_TRY(view.stat(admin_conf))) return std::string("not published");
        auto published = services_.store.fetch(Look::patiently);  // nobody else has a schedule here
        if (!published && published.error().kind == ErrorKind::corrupted) return std::string("unreadable");
        const auto secret = NB_TRY(std::move(published));
        if (!secret) return std::string("not published");
        const Duration left = secret->expires - services_.clock.wall();
        if (left <= Duration::zero()) return std::string("expired");
        if (left < services_.config.join.token_ttl / 2) return fmt::format("expires in {}", format_duration(left));
        if (const auto endpoint = NB_TRY(services_.kube.endpoint()); secret->endpoint != endpoint)
            return fmt::format("points to {}", secret->endpoint);
        if (secret->ca_cert_hashes != std::vector<std::string>{NB_TRY(services_.kube.ca_hash())})
            return std::string("another CA");
        auto api = NB_TRY(services_.kube.admin());
        if (!NB_TRY(is_signed(*api, NB_TRY(parse_bootstrap_token(secret->token)))))
            return std::string("its token is gone");
        return std::string();
    }

    Result<void> publish(ActionContext& context) const {
        auto api = NB_TRY(services_.kube.admin());
        JoinSecret secret;
        const BootstrapToken token = NB_TRY(generate_bootstrap_token());
        secret.token = token.text();
        secret.expires = services_.clock.wall() + services_.config.join.token_ttl;
        secret.endpoint = NB_TRY(services_.kube.endpoint());
        secret.ca_cert_hashes = {NB_TRY(services_.kube.ca_hash())};
        secret.kubernetes_version = NB_TRY(server_version(*api));
        NB_CHECK(create_bootstrap_token(*api, token, secret.expires));
        context.step.progress("waiting for cluster-info to carry the token's signature");
        NB_CHECK(wait_until(context.step, [&]() -> Result<void> {
            if (NB_TRY(is_signed(*api, token))) return {};
            return fail(ErrorKind::unavailable, "cluster-info is not signed with the new token yet",
                        "kube-controller-manager signs it: does it run? `crictl ps -a --name kube-controller-manager`");
        }));
        return services_.store.publish(secret);
    }

    // kube-controller-manager signs cluster-info for every living token, and drops the signature with the token.
    static Result<bool> is_signed(const KubeApi& api, const BootstrapToken& token) {
        const auto info = NB_TRY(read_cluster_info(api));
        return info && info->signatures.contains(token.id);
    }

    static Result<std::string> server_version(KubeApi& api) {
        const auto version = NB_TRY(api.get("/version"));
        return version ? json_string(*version, {"gitVersion"}).value_or("") : std::string();
    }

    const NodeServices& services_;
    PhaseInfo info_{"join-secret",
                    "the secret that workers join with, published and fresh",
                    {"kubeadm-init"},
                    std::chrono::minutes(3)};
};

}  // namespace

std::shared_ptr<const NodePhase> make_join_secret_publish_phase(const NodeServices& services) {
    return std::make_shared<JoinSecretPublish>(services);
}

}  // namespace nodeboot
