#pragma once

#include <string>
#include <string_view>

namespace nodeboot {

/// "net.ipv4.ip_forward" → /proc/sys/net/ipv4/ip_forward. A name whose first separator is a slash keeps its dots
/// ("net/ipv4/conf/eth0.100/forwarding"), as in sysctl.d(5).
inline std::string sysctl_path(std::string_view key) {
    std::string path(key);
    const auto first = path.find_first_of("./");
    if (first != std::string::npos && path[first] == '.')
        for (char& c : path) c = c == '.' ? '/' : c == '/' ? '.' : c;
    return "/proc/sys/" + path;
}

}  // namespace nodeboot
