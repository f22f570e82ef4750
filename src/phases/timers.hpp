#pragma once

#include "phases/services.hpp"
#include "system/action.hpp"

namespace nodeboot {

/// The program that nodeboot.service and the timers start.
inline constexpr const char* installed_program = "/usr/local/bin/nodeboot";

/// Control plane: the systemd timers that keep a cluster joinable. nodeboot-rotate-token looks four times in a token's
/// life and renews it once less than half of it is left; nodeboot-node-roles labels nodes that joined, every 20 s (a look costs one request).
/// What does not answer is asked again for two minutes, by nodeboot-rotate-token for two to ten; only then the unit fails.
std::shared_ptr<const NodePhase> make_timers_phase(const NodeServices& services);

/// Both roles: nodeboot.service, which converges this machine at every boot. Harmless where nothing drifted.
/// `config_file` as in NodeServices: empty for an image, whose instances have the usual one. Warns where the program that it
/// starts is not in its place.
std::shared_ptr<const NodePhase> make_boot_service_phase(const NodeServices& services, std::string config_file);

}  // namespace nodeboot
