#include "phases/join_secret_publish.hpp"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "net/bootstrap_token.hpp"
#include "net/discovery.hpp"
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
        if (secret->ca_cert_hashes != std::vector<std::string>{NB_TRY(services_.kube.ca_hash())})
            return std::string("another CA");
        if (left < services_.config.join.token_ttl / 2) return fmt::format("expires in {}", format_duration(left));
        if (const auto endpoint = NB_TRY(services_.kube.endpoint()); secret->endpoint != endpoint)
            return fmt::format("points to {}", secret->endpoint);
        auto api = NB_TRY(services_.kube.admin());
        if (!NB_TRY(is_signed(*api, NB_TRY(parse_bootstrap_token(secret->token)))))
            return std::string("its token is gone");
        return std::string();
    }

    /// Two control planes with one cluster.name would replace each other's secret for ever, and deal the workers out between
    /// them. The later one gives way while the other's cluster lives; the one that takes the place of a machine that
    /// is gone has a new CA, too, and publishes once nobody proved to have the old one for `patience`, which outlasts a
    /// restart of an API server.
    Result<void> give_way_to_another_control_plane(ActionContext& context) const {
        constexpr Duration patience = std::chrono::minutes(1), pause = std::chrono::seconds(5);
        const auto published = services_.store.fetch(Look::patiently);
        if (!published && published.error().kind == ErrorKind::corrupted) return {};
        const auto other = NB_TRY(published);
        if (!other || other->expires <= services_.clock.wall()) return {};
        if (other->ca_cert_hashes == std::vector<std::string>{NB_TRY(services_.kube.ca_hash())}) return {};
        const Deadline until = Deadline::after(context.step.clock, patience);
        for (;;) {
            const auto lives =
                cluster_has_ca(services_.http, other->endpoint, other->ca_cert_hashes, context.step.stop);
            if (lives && *lives)
                return fail(
                    ErrorKind::refused,
                    fmt::format("{} is the join secret of another control plane, which answers at {}; this one "
                                "does not replace it",
                                services_.store.describe(), other->endpoint),
                    fmt::format("a cluster has one control plane: is there a second machine with role = "
                                "\"control-plane\" and cluster.name = \"{}\"? Give one of them another name, or "
                                "switch off the one that you do not want",
                                services_.config.cluster.name));
            if (lives) return {};  // somebody else lives at that address by now
            if (lives.error().kind == ErrorKind::cancelled) return fail(lives.error());
            if (until.passed(context.step.clock)) return {};
            context.step.progress(fmt::format("the secret of another control plane is published: is {} gone? {}",
                                              other->endpoint, lives.error().text()));
            NB_CHECK(context.step.clock.sleep(pause, context.step.stop));
        }
    }

    Result<void> publish(ActionContext& context) const {
        NB_CHECK(give_way_to_another_control_plane(context));
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
                    std::chrono::minutes(4)};
};

}  // namespace

std::shared_ptr<const NodePhase> make_join_secret_publish_phase(const NodeServices& services) {
    return std::make_shared<JoinSecretPublish>(services);
}

}  // namespace nodeboot
