#include "launch/start.hpp"

#include <algorithm>

#include "launch/user_data.hpp"

namespace nodeboot {
Result<ChosenImage> image_of(const LaunchServices& services, const CloudView& view) {
    return choose_image(view, services.config, [&](const std::string& name) -> Result<std::optional<std::string>> {
        return *NB_TRY(view.kept<std::optional<std::string>>(
            "image", name, [&] { return services.aws.parameters().get_public(name); }));
    });
}

std::shared_ptr<Binary> binary_of(const LaunchServices& services) {
    if (services.binary) return services.binary;
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
    const auto start = [services, binary = std::move(binary)](const CloudView& view, Role role) -> Result<StartFrom> {
        const auto image = NB_TRY(image_of(services, view));
        return StartFrom{.image = image.id,
                         .root_device = image.root_device,
                         .user_data = NB_TRY(user_data_of(services, *binary, role)),
                         .key_pair = NB_TRY(key_pair_name(view, services.config)),
                         .profile = profile_name(services.config, services.aws.region(), role)};
    };
    const auto& config = services.config;
    const auto& region = services.aws.region();
    return {.start = start,
            .profile = [&config, region](Role role) { return profile_name(config, region, role); },
            .profile_id = [&config, region](const CloudView& view,
                                            Role role) { return profile_id(view, config, region, role); }};
}

}  // namespace nodeboot
