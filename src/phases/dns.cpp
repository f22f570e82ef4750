#include "phases/dns.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "base/lines.hpp"
#include "phases/name_servers.hpp"
#include "phases/pods_dns.hpp"
#include "phases/staleness.hpp"
#include "system/want.hpp"

namespace nodeboot {
namespace {

constexpr auto kUnit = "systemd-resolved.service";
constexpr auto kResolved = "/etc/systemd/resolved.conf.d/50-nodeboot.conf";
constexpr auto kResolvConf = machine_resolv_conf;
constexpr auto kStub = "../run/systemd/resolve/stub-resolv.conf";
constexpr auto kNetworkd = "systemd-networkd.service";
constexpr auto kNetworks = "/etc/systemd/network";
constexpr auto kDropIn = "50-nodeboot.conf";
constexpr auto kUplink = resolved_resolv_conf;

template <class Have>
bool contains_all(const Have& have, const std::vector<std::string>& wanted) {
    return std::all_of(wanted.begin(), wanted.end(), [&](const std::string& word) {
        return std::find(have.begin(), have.end(), word) != have.end();
    });
}

// "10.0.0.0/16" → "0.10.in-addr.arpa": whole octets of the prefix, reversed.
std::string reverse_zone(const Cidr& cidr) {
    std::string zone = "in-addr.arpa";
    for (unsigned octet = 0; octet < cidr.prefix / 8; ++octet)
        zone = fmt::format("{}.{}", (cidr.address >> (24 - 8 * octet)) & 0xff, zone);
    return zone;
}

class Dns final : public NodePhase {
   public:
    Dns(const Config& config, const Clock& clock, PodsDns pods)
        : config_(config),
          pods_(pods),
          mode_(config.host.dns_mode),
          servers_(config.host.dns_servers),
          domains_(vpc_domains(config)),
          clock_(clock) {}

    const PhaseInfo& info() const override { return info_; }

    Result<std::vector<NodeChange>> plan(const HostView& view) const override {
        // What is read of files comes first: systemd, asked ahead about resolved, has its answer by then.
        std::vector<NodeChange> changes, for_pods;
        if (pods_ == PodsDns::own) NB_CHECK(want_pods_dns(for_pods, view, config_, clock_));
        if (mode_ == DnsMode::google) NB_CHECK(plan_resolved(changes, view, NB_TRY(managed_links(view))));
        if (mode_ == DnsMode::file) NB_CHECK(plan_file(changes, view));
        changes.insert(changes.end(), std::make_move_iterator(for_pods.begin()),
                       std::make_move_iterator(for_pods.end()));
        return changes;
    }

    // The live half goes with the daemons' restart: networkd forgets what resolvectl told it.
    Result<std::vector<NodeChange>> undo(const HostView& view) const override {
        std::vector<NodeChange> changes;
        NB_CHECK(want_restored(changes, view, kResolvConf));
        if (const auto now = NB_TRY(view.stat(kResolvConf)); now && now->type == FileInfo::Type::symlink &&
                                                             now->target == kStub &&
                                                             NB_TRY(view.stat(kept_original(kResolvConf))))
            NB_CHECK(want_original(changes, view, kResolvConf));
        NB_CHECK(want_restored(changes, view, kResolved));
        if (NB_TRY(outlived(changes, view, NB_TRY(view.unit(kUnit)), kResolved, clock_)))
            changes.push_back({kUnit, "still asks nodeboot's servers", "restarted", Unit{UnitVerb::restart, kUnit}});
        NB_CHECK(want_no_empty_folder(changes, view, Path(kResolved).parent_path()));
        NB_CHECK(undo_drop_ins(changes, view));
        NB_CHECK(undo_pods_dns(changes, view));
        return changes;
    }

   private:
    // An emptied folder goes last: until then its date tells that networkd has not noticed.
    Result<void> undo_drop_ins(std::vector<NodeChange>& changes, const HostView& view) const {
        const auto networkd = NB_TRY(view.unit(kNetworkd));
        std::vector<Path> folders;
        bool stale = false;
        for (const auto& name : NB_TRY(view.list(kNetworks))) {
            const Path folder = Path(kNetworks) / name;
            if (!name.ends_with(".network.d")) continue;
            const auto inside = NB_TRY(view.list(folder));
            if (!inside.empty() && !contains_all(inside, {kDropIn})) continue;
            NB_CHECK(want_restored(changes, view, folder / kDropIn));
            stale = stale || NB_TRY(outlived(changes, view, networkd, folder / kDropIn, clock_));
            folders.push_back(folder);
        }
        if (stale)
            changes.push_back(
                {kNetworkd, "still gives links nodeboot's domains", "restarted", Unit{UnitVerb::restart, kNetworkd}});
        for (const auto& folder : folders) NB_CHECK(want_no_empty_folder(changes, view, folder));
        return {};
    }

    Result<void> plan_resolved(std::vector<NodeChange>& changes, const HostView& view,
                               const std::vector<ManagedLink>& links) const {
        const auto unit = NB_TRY(view.unit(kUnit));
        if (!unit.loaded)
            return fail(ErrorKind::refused,
                        "dns.mode is \"google\", which needs systemd-resolved, and this machine does not have it",
                        "install systemd-resolved in the image, or set dns.mode to \"file\" (the servers go into "
                        "/etc/resolv.conf) or \"keep\" (name resolution stays as it is)");
        NB_CHECK(want_file(changes, view, kResolved,
                           fmt::format("# Made by nodeboot; change with dns.mode and dns.servers in its "
                                       "config.\n[Resolve]\nDNS={}\n",
                                       join(servers_, " "))));
        for (const auto& link : links) NB_CHECK(want_drop_in(changes, view, link));
        want_running(changes, kUnit, unit);
        if (unit.running()) NB_CHECK(want_in_force(changes, view, unit));
        for (const auto& link : links) want_routed(changes, link);
        return want_used(changes, view, links.empty());
    }

    // The live half: resolved writes the servers it really uses into its resolv.conf.
    Result<void> want_in_force(std::vector<NodeChange>& changes, const HostView& view, const UnitState& unit) const {
        const auto in_force = nameservers(NB_TRY(view.read(kUplink)).value_or(""));
        if (!contains_all(in_force, servers_) || writes(changes, kResolved) ||
            NB_TRY(started_before_written(view, unit, kResolved, clock_)))
            changes.push_back({kUnit, in_force.empty() ? "uses no server" : "uses " + join(in_force, ", "),
                               "uses " + join(servers_, ", ") + " too" + NB_TRY(pods_without_servers(view)),
                               Unit{UnitVerb::restart, kUnit}});
        return {};
    }

    // So that nobody wonders later why a private name does not resolve in a pod.
    Result<std::string> pods_without_servers(const HostView& view) const {
        const bool known = !NB_TRY(names_of_links(view, servers_)).servers.empty();
        if (known || pods_ == PodsDns::left_out || NB_TRY(view.stat(pods_resolv_conf))) return std::string();
        return std::string(", and so do pods: no link has a server of its own");
    }

    Result<void> want_drop_in(std::vector<NodeChange>& changes, const HostView& view, const ManagedLink& link) const {
        const std::string name = Path(link.network_file).filename();
        return want_file(changes, view, Path(kNetworks) / (name + ".d") / kDropIn,
                         fmt::format("# Made by nodeboot; these names belong to the VPC's own resolver.\n[Network]\n"
                                     "Domains=~{}\nDNSDefaultRoute=yes\n",
                                     join(domains_, " ~")));
    }

    // resolvectl hands this to networkd, which keeps it until it reads its files again; no lease is lost.
    void want_routed(std::vector<NodeChange>& changes, const ManagedLink& link) const {
        const std::string subject = "link " + link.index;
        if (!contains_all(link.routed, domains_)) {
            std::vector<std::string> argv{"resolvectl", "domain", link.index};
            argv.insert(argv.end(), link.search.begin(), link.search.end());
            for (const auto& domain : link.routed) argv.push_back("~" + domain);
            for (const auto& domain : domains_)
                if (!contains_all(link.routed, {domain})) argv.push_back("~" + domain);
            changes.push_back({subject, link.routed.empty() ? "answers no domain of its own" : join(link.routed, " "),
                               "answers " + join(domains_, " "), resolvectl(argv)});
        }
        if (!link.default_route)
            changes.push_back({subject, "asked for its own domains only", "asked for every name",
                               resolvectl({"resolvectl", "default-route", link.index, "yes"})});
    }

    // At first boot networkd may be reloading (another phase, cloud-init) and then refuses or does not know the link yet.
    static Procedure resolvectl(std::vector<std::string> argv) {
        std::vector<std::string> arguments(argv.begin() + 1, argv.end());
        return {"run resolvectl", std::move(arguments),
                [argv = std::move(argv)](ActionContext& context) -> Result<void> {
                    const Deadline patience =
                        Deadline::after(context.step.clock, std::chrono::seconds(20)).sooner_of(context.step.deadline);
                    for (;;) {
                        auto done = run_checked(context.host, {.argv = argv, .timeout = std::chrono::seconds(30)});
                        if (done) return {};
                        if (patience.passed(context.step.clock)) return fail(std::move(done).error());
                        NB_CHECK(context.step.clock.sleep(std::chrono::milliseconds(500), context.step.stop));
                    }
                }};
    }

    // Programs without nss-resolve read /etc/resolv.conf: it has to lead to resolved.
    Result<void> want_used(std::vector<NodeChange>& changes, const HostView& view, bool no_link_servers) const {
        const auto info = NB_TRY(view.stat(kResolvConf));
        if (info && info->type == FileInfo::Type::symlink && info->target.find("systemd/resolve/") != std::string::npos)
            return {};
        if (info && info->type == FileInfo::Type::file) {
            const auto used = nameservers(NB_TRY(view.read(kResolvConf)).value_or(""));
            if (used == std::vector<std::string>{"127.0.0.53"}) return {};
            // Somebody (dhclient, ifupdown) writes the VPC's server there and does not tell resolved.
            if (no_link_servers && !contains_all(servers_, used))
                return fail(ErrorKind::refused,
                            fmt::format("/etc/resolv.conf names {}, and systemd-resolved knows no link's server: with "
                                        "dns.mode \"google\" the VPC's names would be lost",
                                        join(used, ", ")),
                            "let systemd-networkd manage the link, or set dns.mode to \"file\" or \"keep\"");
        }
        const std::string from = !info ? "absent" : info->target.empty() ? "a file of its own" : info->target;
        NB_CHECK(keep_original(changes, view, kResolvConf));
        changes.push_back({kResolvConf, from, kStub, MakeSymlink{kResolvConf, kStub}});
        return {};
    }

    Result<void> plan_file(std::vector<NodeChange>& changes, const HostView& view) const {
        const auto now = NB_TRY(view.read(kResolvConf)).value_or("");
        std::string text = "# Made by nodeboot; change with dns.mode and dns.servers in its config.\n";
        for (const auto& server : servers_) text += fmt::format("nameserver {}\n", server);
        for (const auto line : lines_of(now))
            if (line.starts_with("search ") || line.starts_with("options ")) text += fmt::format("{}\n", line);
        return want_file(changes, view, kResolvConf, text);
    }

    PhaseInfo info_{"dns",
                    "Name servers: the configured ones beside the VPC's own resolver",
                    {"preflight"},
                    std::chrono::minutes(2),
                    {kUnit, "kubelet.service"}};
    const Config& config_;
    PodsDns pods_;
    DnsMode mode_;
    std::vector<std::string> servers_, domains_;
    const Clock& clock_;
};

}  // namespace

std::vector<std::string> vpc_domains(const Config& config) {
    // "internal": ec2.internal and <region>.compute.internal. The others: interface endpoints' private DNS names.
    std::vector<std::string> domains{"internal", "amazonaws.com", "api.aws"};
    if (config.network.vpc_cidr.prefix >= 8) domains.push_back(reverse_zone(config.network.vpc_cidr));
    return domains;
}

std::shared_ptr<const NodePhase> make_dns_phase(const Config& config, const Clock& clock, PodsDns pods) {
    return std::make_shared<Dns>(config, clock, pods);
}

}  // namespace nodeboot
