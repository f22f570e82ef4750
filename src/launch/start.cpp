#include "launch/start.hpp"

#include <algorithm>
#include <mutex>

#include "launch/images.hpp"
#include "launch/user_data.hpp"

namespace nodeboot {
namespace {

class Start {
   public:
    Start(const LaunchServices& services, std::shared_ptr<Binary> binary)
        : config_(services.config), aws_(services.aws), binary_(std::move(binary)) {}

    Result<StartFrom> find(const CloudView& view, Role role) {
        const auto image = NB_TRY(image_of(view));
        auto user_data = NB_TRY_CONTEXT(render_user_data({.config = node_config(config_, aws_.region(), role),
                                                          .binary = NB_TRY(binary_->source(view))}),
                                        "user-data");
        return StartFrom{.image = image.id,
                         .root_device = image.root_device,
                         .user_data = std::move(user_data),
                         .key_pair = NB_TRY(key_pair_name(view, config_)),
                         .profile = profile_name(config_, aws_.region(), role)};
    }

   private:
    Result<ChosenImage> image_of(const CloudView& view) {
        const std::lock_guard lock(mutex_);
        if (!image_)
            image_ = NB_TRY(choose_image(view, config_,
                                         [&](const std::string& name) { return aws_.parameters().get_public(name); }));
        return *image_;
    }

    const Config& config_;
    AwsAccess& aws_;
    std::shared_ptr<Binary> binary_;
    std::mutex mutex_;
    std::optional<ChosenImage> image_;
};

}  // namespace

Config node_config(const Config& config, const std::string& region, Role role) {
    Config out = config;
    out.cluster.region = region;
    out.node.role = role;
    out.join.expected_nodes = std::max(out.join.expected_nodes, config.instances.workers + 1);
    return out;
}

LaunchSources launch_sources(const LaunchServices& services, std::shared_ptr<Binary> binary) {
    auto start = std::make_shared<Start>(services, std::move(binary));
    return {.start = [start](const CloudView& view, Role role) { return start->find(view, role); },
            .profile = [&config = services.config,
                        region = services.aws.region()](Role role) { return profile_name(config, region, role); }};
}

}  // namespace nodeboot
