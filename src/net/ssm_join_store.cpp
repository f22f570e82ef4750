#include "net/ssm_join_store.hpp"

#include <fmt/core.h>

namespace nodeboot {
namespace {

class SsmJoinStore final : public JoinStore {
   public:
    SsmJoinStore(AwsClient& client, const std::string& cluster)
        : client_(client),
          ssm_(client),
          join_(fmt::format("/nodeboot/{}/join", cluster)),
          kubeconfig_(fmt::format("/nodeboot/{}/control-plane/kubeconfig", cluster)) {}

    Result<std::optional<JoinSecret>> fetch(Look look) const override {
        const auto document = NB_TRY(ssm_.get(join_, {.retry = look == Look::patiently}));
        if (!document) return std::optional<JoinSecret>{};
        return std::optional(NB_TRY_CONTEXT(parse_join_secret(*document), describe()));
    }

    Result<void> publish(const JoinSecret& secret) override {
        NB_CHECK(ssm_.put(join_, serialise(secret), Ssm::Type::secure_string, Ssm::Overwrite::yes));
        return {};
    }

    Result<std::optional<Secret>> fetch_kubeconfig() const override { return ssm_.get(kubeconfig_); }
    Result<void> publish_kubeconfig(const Secret& kubeconfig) override {
        NB_CHECK(ssm_.put(kubeconfig_, kubeconfig, Ssm::Type::secure_string, Ssm::Overwrite::yes));
        return {};
    }

    std::string describe() const override { return fmt::format("SSM parameter {} in {}", join_, client_.region()); }

   private:
    AwsClient& client_;
    mutable Ssm ssm_;
    std::string join_, kubeconfig_;
};

}  // namespace

std::unique_ptr<JoinStore> make_ssm_join_store(AwsClient& client, const std::string& cluster) {
    return std::make_unique<SsmJoinStore>(client, cluster);
}

}  // namespace nodeboot
