#include "phases/pods_dns.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "base/cidr.hpp"
#include "base/lines.hpp"
#include "phases/kubelet_flags.hpp"
#include "phases/membership.hpp"
#include "phases/name_servers.hpp"
#include "phases/staleness.hpp"
#include "system/want.hpp"

namespace nodeboot {
namespace {

constexpr auto kFlags = kubelet_flags_file;
constexpr auto kArgument = "--resolv-conf=";
constexpr auto kUnit = "kubelet.service";
constexpr std::size_t kMost = 3;  // that libc and kubelet read

// Pods have IPv4 addresses: a server of the other family would cost CoreDNS a timeout for each question it asks there,
// and one with a zone (fe80::1%ens5) exists on this machine only.
std::vector<std::string> usable_by_pods(const std::vector<std::string>& servers) {
    std::vector<std::string> out;
    for (const auto& server : servers)
        if (parse_ipv4(server) && out.size() < kMost && std::find(out.begin(), out.end(), server) == out.end())
            out.push_back(server);
    return out;
}

std::string named_in(std::string_view flags) {
    std::string path;
    for (const auto word : words_of(kubelet_arguments(flags)))
        if (word.starts_with(kArgument)) path = word.substr(std::string_view(kArgument).size());  // the last one counts
    return path;
}

std::string naming_ours(const std::string& flags) {
    std::string arguments;
    for (const auto word : words_of(kubelet_arguments(flags)))
        if (!word.starts_with(kArgument)) arguments += fmt::format("{} ", word);
    std::string out = flags;
    const auto old = kubelet_arguments(flags);
    return out.replace(static_cast<std::size_t>(old.data() - flags.data()), old.size(),
                       arguments + kArgument + pods_resolv_conf);
}

Result<void> want_kubelet_told(std::vector<NodeChange>& changes, const HostView& view, const std::string& flags,
                               const Clock& clock) {
    const std::string named = named_in(flags);
    const UnitState kubelet = NB_TRY(view.unit(kUnit));
    if (named != pods_resolv_conf)
        changes.push_back({kFlags,
                           fmt::format("pods ask the servers of {}", named.empty() ? "kubelet's configuration" : named),
                           fmt::format("pods ask the servers of {}", pods_resolv_conf),
                           WriteFile{kFlags, naming_ours(flags), NB_TRY(attributes_to_keep(view, kFlags))}});
    const bool stale = named != pods_resolv_conf || NB_TRY(started_before_written(view, kubelet, kFlags, clock));
    if (stale && kubelet.running())
        changes.push_back({kUnit, "runs with other arguments", "restarted", Unit{UnitVerb::restart, kUnit}});
    return {};
}

}  // namespace

Result<void> want_pods_dns(std::vector<NodeChange>& changes, const HostView& view, const Config& config,
                           const Clock& clock) {
    const bool google = config.host.dns_mode == DnsMode::google;
    const bool there = NB_TRY(view.stat(pods_resolv_conf)).has_value();
    const std::string flags = NB_TRY(view.read(kFlags)).value_or("");
    const bool needed = named_in(flags) == pods_resolv_conf;  // without it this kubelet starts no pod
    if (!google && !there && !needed) return {};
    LinkNames names = NB_TRY(names_of_links(view, config.host.dns_servers));
    if (config.host.dns_mode == DnsMode::file) names.servers = config.host.dns_servers;
    auto servers = usable_by_pods(names.servers);
    if (servers.empty() && needed && !there) servers = usable_by_pods(config.host.dns_servers);
    if (!servers.empty()) {
        std::string text = "# Made by nodeboot: the servers that pods ask, CoreDNS among them.\n";
        for (const auto& server : servers) text += fmt::format("nameserver {}\n", server);
        if (!names.search.empty()) text += fmt::format("search {}\n", join(names.search, " "));
        NB_CHECK(want_file(changes, view, pods_resolv_conf, text));
    }
    const bool ours = google && (there || !servers.empty()) && !config.kubelet.extra_args.contains("resolv-conf");
    if (!ours || kubelet_arguments(flags).data() == nullptr || NB_TRY(membership(view)) != Membership::joined)
        return {};
    return want_kubelet_told(changes, view, flags, clock);
}

Result<void> undo_pods_dns(std::vector<NodeChange>& changes, const HostView& view) {
    NB_CHECK(want_restored(changes, view, pods_resolv_conf));
    return want_no_empty_folder(changes, view, Path(pods_resolv_conf).parent_path());
}

Result<std::string> kubelet_resolv_conf(const HostView& view) {
    if (NB_TRY(view.stat(pods_resolv_conf))) return std::string(pods_resolv_conf);
    const auto used = nameservers(NB_TRY(view.read(machine_resolv_conf)).value_or(""));
    const bool stub = std::any_of(used.begin(), used.end(), [](const auto& s) { return s.starts_with("127."); });
    const bool dangling = used.empty();
    if ((stub || dangling) && NB_TRY(view.stat(resolved_resolv_conf))) return std::string(resolved_resolv_conf);
    if (stub)
        return fail(ErrorKind::conflict,
                    "/etc/resolv.conf names a server on 127.0.0.0/8, which pods cannot reach, and systemd-resolved has "
                    "no list of the real ones",
                    "set dns.mode to \"file\" or \"google\"");
    return std::string(machine_resolv_conf);
}

Result<std::string> resolv_conf_for_kubelet(ActionContext& context, const Config& config) {
    const std::string path = NB_TRY(kubelet_resolv_conf(context.host));
    if (config.host.dns_mode == DnsMode::google && path != pods_resolv_conf)
        context.step.log.warning(fmt::format("no link has a name server of its own: pods ask those of {}", path));
    return path;
}

}  // namespace nodeboot
