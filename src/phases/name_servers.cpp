#include "phases/name_servers.hpp"

#include <algorithm>

#include "base/lines.hpp"

namespace nodeboot {
namespace {

constexpr auto kLinks = "/run/systemd/netif/links";

bool holds(const std::vector<std::string>& words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

void add_new(std::vector<std::string>& to, const std::vector<std::string>& words) {
    for (const auto& word : words)
        if (!holds(to, word)) to.push_back(word);
}

}  // namespace

std::vector<std::string> nameservers(std::string_view resolv_conf) {
    std::vector<std::string> servers;
    for (const auto line : lines_of(resolv_conf)) {
        const auto words = words_of(line);
        if (words.size() >= 2 && words[0] == "nameserver") servers.emplace_back(words[1]);
    }
    return servers;
}

Result<std::vector<ManagedLink>> managed_links(const HostView& view) {
    std::vector<ManagedLink> links;
    for (const auto& index : NB_TRY(view.list(kLinks))) {
        const auto state = NB_TRY(view.read(Path(kLinks) / index)).value_or("");
        ManagedLink link{index, std::string(value_of(state, "NETWORK_FILE")), {}, {}, {}, false};
        for (const auto word : words_of(value_of(state, "DNS"))) link.servers.emplace_back(word);
        if (link.network_file.empty() || link.servers.empty()) continue;
        for (const auto word : words_of(value_of(state, "DOMAINS"))) link.search.emplace_back(word);
        for (const auto word : words_of(value_of(state, "ROUTE_DOMAINS"))) link.routed.emplace_back(word);
        link.default_route = value_of(state, "DNS_DEFAULT_ROUTE") == "yes";
        links.push_back(std::move(link));
    }
    return links;
}

Result<LinkNames> names_of_links(const HostView& view, const std::vector<std::string>& configured) {
    LinkNames names;
    for (const auto& link : NB_TRY(managed_links(view))) {
        add_new(names.servers, link.servers);
        add_new(names.search, link.search);
    }
    if (!names.servers.empty()) return names;
    for (const auto line : lines_of(NB_TRY(view.read(resolved_resolv_conf)).value_or(""))) {
        const auto words = words_of(line);
        if (words.size() < 2) continue;
        if (words[0] == "nameserver" && !holds(configured, words[1])) add_new(names.servers, {std::string(words[1])});
        // Old kubelets make an empty name of the "." that resolved writes for "none" (kubernetes#112135).
        if (words[0] == "search" && words[1] != ".") names.search.assign(words.begin() + 1, words.end());
    }
    return names;
}

}  // namespace nodeboot
