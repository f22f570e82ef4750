#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "system/host.hpp"

namespace nodeboot {

/// Which name servers this machine knows, and from whom. Only looks.

inline constexpr auto machine_resolv_conf = "/etc/resolv.conf";
/// Where systemd-resolved lists the servers that it really asks: the global ones first, then the links'.
inline constexpr auto resolved_resolv_conf = "/run/systemd/resolve/resolv.conf";

std::vector<std::string> nameservers(std::string_view resolv_conf);

/// A link that systemd-networkd manages and that has name servers (sd-network's state file, one a link).
struct ManagedLink {
    std::string index;
    std::string network_file;
    std::vector<std::string> servers, search, routed;
    bool default_route = false;
};
Result<std::vector<ManagedLink>> managed_links(const HostView& view);

/// What the links brought along: in a VPC, its resolver. networkd says so itself, also while resolved restarts; of links of
/// other managers resolved's list tells, which holds the `configured` servers, too.
struct LinkNames {
    std::vector<std::string> servers, search;
};
Result<LinkNames> names_of_links(const HostView& view, const std::vector<std::string>& configured);

}  // namespace nodeboot
