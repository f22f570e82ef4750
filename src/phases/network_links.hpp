#pragma once

#include <memory>

#include "base/clock.hpp"
#include "base/config.hpp"
#include "system/action.hpp"

namespace nodeboot {

/// The machine's own network management keeps its hands off what Kubernetes makes: udev gives flannel's and the pods'
/// interfaces no MAC address of its own (flannel#1155), systemd-networkd removes no routes and rules that it did not
/// make, NetworkManager manages none of these interfaces. A daemon that runs and has not read its file is restarted;
/// one that is not there is not missed.
std::shared_ptr<const NodePhase> make_network_links_phase(const Config& config, const Clock& clock);

}  // namespace nodeboot
