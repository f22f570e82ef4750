#pragma once

#include "launch/binary.hpp"
#include "launch/catalog.hpp"
#include "launch/images.hpp"
#include "launch/instances.hpp"

namespace nodeboot {

/// Image, user-data, key and profile as the configuration says.
LaunchSources launch_sources(const LaunchServices& services, std::shared_ptr<Binary> binary);

/// Looked up once for all instances.
Result<ChosenImage> image_of(const LaunchServices& services, const CloudView& view);

std::shared_ptr<Binary> binary_of(const LaunchServices& services);

/// Plain, as RunInstances gets it.
Result<std::string> user_data_of(const LaunchServices& services, Binary& binary, Role role);

/// A node's configuration as user-data shall carry it.
Config node_config(const Config& config, const std::string& region, Role role);

}  // namespace nodeboot
