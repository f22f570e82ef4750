#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "base/lines.hpp"
#include "phases/preflight_checks.hpp"

namespace nodeboot {
namespace {

struct Port {
    unsigned number;
    std::string_view user;
};

std::vector<Port> ports_of(const Config& config) {
    std::vector<Port> ports{{10250, "kubelet"}};
    if (config.node.role == Role::control_plane) {
        ports.insert(ports.begin(), {config.network.api_port, "the API server"});
        for (const Port port : {Port{10257, "the controller manager"}, Port{10259, "the scheduler"}, Port{2379, "etcd"},
                                Port{2380, "etcd"}})
            ports.push_back(port);
    }
    return ports;
}

// Looks through the file descriptors of every process: only done when a port is busy.
std::string process_with(const HostView& view, const std::string& inode) {
    const std::string target = "socket:[" + inode + "]";
    const auto pids = view.list("/proc");
    if (!pids) return {};
    for (const auto& pid : *pids) {
        if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
        const Path folder = Path("/proc") / pid / "fd";
        const auto fds = view.list(folder);
        if (!fds) continue;
        for (const auto& fd : *fds) {
            const auto info = view.stat(folder / fd);
            if (!info || !*info || (*info)->target != target) continue;
            const auto name = view.read(Path("/proc") / pid / "comm");
            if (name && *name) return fmt::format("{} (process {})", trim(**name), pid);
        }
    }
    return {};
}

}  // namespace

std::vector<Listener> listeners_in(std::string_view proc_net_tcp) {
    std::vector<Listener> listeners;
    for (const auto line : lines_of(proc_net_tcp)) {
        const auto words = words_of(line);  // sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
        if (words.size() < 10 || words[3] != "0A") continue;
        const auto colon = words[1].rfind(':');
        if (colon == std::string_view::npos) continue;
        const auto digits = words[1].substr(colon + 1);
        Listener listener{0, std::string(words[9])};
        const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), listener.port, 16);
        if (parsed.ec == std::errc{}) listeners.push_back(std::move(listener));
    }
    return listeners;
}

Result<PreflightFindings> check_ports(const PreflightMachine& machine) {
    PreflightFindings findings;
    if (machine.member) return findings;
    auto listeners = listeners_in(NB_TRY(machine.view.read("/proc/net/tcp")).value_or(""));
    for (auto& listener : listeners_in(NB_TRY(machine.view.read("/proc/net/tcp6")).value_or("")))
        listeners.push_back(std::move(listener));
    for (const auto& port : ports_of(machine.config)) {
        const auto it =
            std::find_if(listeners.begin(), listeners.end(), [&](const Listener& l) { return l.port == port.number; });
        if (it == listeners.end()) continue;
        const auto process = process_with(machine.view, it->inode);
        findings.push_back(
            {.what = fmt::format("port {} (for {}) is in use{}", port.number, port.user,
                                 process.empty() ? "" : " by " + process),
             .hint = "stop that program, or run 'nodeboot node reset' if it is left over from a cluster"});
    }
    return findings;
}

}  // namespace nodeboot
