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
        : services_(services), binary_(std::move(binary)) {}

    Result<StartFrom> find(const CloudView& view, Role role) {
        const auto image = NB_TRY(image_of(view));
        return StartFrom{.image = image.id,
                         .root_device = image.root_device,
                         .user_data = NB_TRY(user_data_of(services_, *binary_, role)),
                         .key_pair = NB_TRY(key_pair_name(view, services_.config)),
                         .profile = profile_name(services_.config, services_.aws.region(), role)};
    }

   private:
    Result<ChosenImage> image_of(const CloudView& view) {
        const auto read = [&](const std::string& name) { return services_.aws.parameters().get_public(name); };
        const std::lock_guard lock(mutex_);
        if (!image_) image_ = NB_TRY(choose_image(view, services_.config, read));
        return *image_;
    }

    LaunchServices services_;
    std::shared_ptr<Binary> binary_;
    std::mutex mutex_;
    std::optional<ChosenImage> image_;
};

}  // namespace

std::shared_ptr<Binary> binary_of(const LaunchServices& services) {
    const auto make_s3 = [&aws = services.aws](S3Options options) { return aws.make_s3(std::move(options)); };
    return std::make_shared<Binary>(
        services.config,
        Binary::Options{.region = services.aws.region(), .own = services.own_program, .make_s3 = make_s3});
}

Result<std::string> user_data_of(const LaunchServices& services, Binary& binary, Role role) {
    return NB_TRY_CONTEXT(render_user_data({.config = node_config(services.config, services.aws.region(), role),
                                            .binary = NB_TRY(binary.source(services.cloud))}),
                          "user-data");
}

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
