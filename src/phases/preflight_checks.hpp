#pragma once

#include <optional>
#include <string>
#include <vector>

#include "phases/preflight.hpp"

namespace nodeboot {

/// What preflight's checks read, so that each check is a small function of it.
struct PreflightMachine {
    const Config& config;
    const HostView& view;
    WallTime now;
    bool member = false;  ///< see is_cluster_member()
};

using PreflightFindings = std::vector<PreflightProblem>;  ///< `check` is filled in by the caller

struct PreflightCheck {
    std::string name;
    Result<PreflightFindings> (*find)(const PreflightMachine&);
};

/// In the order in which they are made.
const std::vector<PreflightCheck>& preflight_checks();

/// Checks of what listens (preflight_ports.cpp).
Result<PreflightFindings> check_ports(const PreflightMachine& machine);

/// /proc/net/tcp and tcp6: local ports in state LISTEN with the socket's inode. Pure.
struct Listener {
    unsigned port = 0;
    std::string inode;
};
std::vector<Listener> listeners_in(std::string_view proc_net_tcp);

}  // namespace nodeboot
