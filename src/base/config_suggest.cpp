#include "base/config_suggest.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "base/config_schema.hpp"
#include "base/nearest.hpp"

namespace nodeboot {
namespace {

// What kubeadm, containerd, Terraform modules and people call it, where the name alone does not lead there.
constexpr std::pair<std::string_view, std::string_view> other_names[] = {
    {"pod_subnet", "network.pod_cidr"},
    {"service_subnet", "network.service_cidr"},
    {"cluster_cidr", "network.pod_cidr"},
    {"dns_domain", "network.cluster_domain"},
    {"control_plane_endpoint", "network.endpoint"},
    {"bind_port", "network.api_port"},
    {"service_node_port_range", "network.node_ports"},
    {"sandbox_image", "containerd.pause_image"},
    {"mirrors", "containerd.registry_mirrors"},
    {"kubernetes_version", "kubernetes.version"},
    {"nameservers", "dns.servers"},
    {"ntp_servers", "time.servers"},
    {"ntp", "time.servers"},
    {"hostname", "node.name"},
    {"sysctls", "host.sysctl"},
    {"kernel_modules", "host.modules"},
    {"ttl", "join.token_ttl"},
    {"timeout", "join.deadline"},
};

std::string snake_case(std::string_view word) {
    std::string out;
    for (const char c : word) {
        if (c >= 'A' && c <= 'Z') {
            if (!out.empty() && out.back() != '_') out += '_';
            out += static_cast<char>(c + 32);
        } else {
            out += c == '-' ? '_' : c;
        }
    }
    return out;
}

bool sounds_secret(const std::string& name) {
    for (const std::string_view word :
         {"token", "password", "passwd", "secret", "private_key", "access_key", "credential"})
        if (name.find(word) != std::string::npos) return true;
    return false;
}

std::string known_elsewhere(const std::string& name) {
    for (const auto& setting : config_settings())
        if (setting.name() == name) return std::string(setting.key);
    for (const auto& [other, key] : other_names)
        if (other == name) return std::string(key);
    return {};
}

std::vector<std::string> names_in(std::string_view section) {
    std::vector<std::string> names;
    for (const auto& setting : config_settings())
        if (setting.section() == section) names.emplace_back(setting.name());
    return names;
}

std::string best_guess(const std::string& section, const std::string& name) {
    if (const auto near = nearest(name, names_in(section)); !near.empty()) return section + "." + near;
    if (const auto key = known_elsewhere(name); !key.empty()) return key;
    std::vector<std::string> all;
    for (const auto& setting : config_settings()) all.emplace_back(setting.key);
    return nearest(section + "." + name, all);
}

}  // namespace

std::string unknown_key_message(const std::string& key) {
    const auto dot = key.find('.');
    if (dot == std::string::npos) return unknown_section_message(key, false);
    const std::string section = key.substr(0, dot), name = snake_case(key.substr(dot + 1));
    if (sounds_secret(name))
        return "there is no such key, and secrets never go into the configuration; nodeboot makes its own and keeps "
               "them "
               "in join.store";
    const auto guess = best_guess(snake_case(section), name);
    return guess.empty() ? "there is no such key" : fmt::format("there is no such key; did you mean {}?", guess);
}

std::string unknown_section_message(const std::string& section, bool is_table) {
    std::vector<std::string> names;
    for (const auto& known : config_sections()) names.emplace_back(known.name);
    const std::string_view what = is_table ? "there is no such section" : "there is no such key";
    const std::string snake = snake_case(section);
    auto guess = is_table ? nearest(snake, names) : known_elsewhere(snake);
    if (guess.empty()) guess = is_table ? known_elsewhere(snake) : nearest(snake, names);
    return guess.empty() ? std::string(what) : fmt::format("{}; did you mean {}?", what, guess);
}

}  // namespace nodeboot
