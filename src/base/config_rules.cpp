#include "base/config_rules.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <bit>

#include "base/config_schema.hpp"
#include "base/config_secrets.hpp"
#include "base/instance_type.hpp"
#include "base/node_labels.hpp"

namespace nodeboot {
namespace {

struct NamedRange {
    std::string key;
    Cidr range;
};

struct NamedPort {
    unsigned port;
    std::string_view who;
};

// Listeners of a node (kubernetes.io/docs/reference/networking/ports-and-protocols, flannel's -healthz-port).
constexpr NamedPort tcp_ports[] = {{22, "SSH"},
                                   {53, "the machine's name service"},
                                   {2379, "etcd"},
                                   {2380, "etcd"},
                                   {8081, "flannel's health check"},
                                   {10248, "kubelet's health check"},
                                   {10249, "kube-proxy's metrics"},
                                   {10250, "kubelet"},
                                   {10256, "kube-proxy's health check"},
                                   {10257, "kube-controller-manager"},
                                   {10259, "kube-scheduler"}};
constexpr NamedPort udp_ports[] = {
    {53, "the machine's name service"}, {67, "DHCP"}, {68, "DHCP"}, {123, "time synchronisation"}, {323, "chrony"}};

class Rules {
   public:
    Rules(LoadedConfig& loaded, const std::set<std::string>& bad)
        : loaded_(loaded), config_(loaded.config), bad_(bad) {}

    void check() {
        ranges();
        pod_range_size();
        service_range_size();
        ports();
        endpoint();
        sources();
        join();
        subnets();
        given_network();
        access();
        ssh_key();
        machines();
        binary();
        versions();
        labels();
        secrets();
        idle_settings();
    }

   private:
    bool usable(std::initializer_list<std::string_view> keys) const {
        return std::none_of(keys.begin(), keys.end(),
                            [&](std::string_view key) { return bad_.contains(std::string(key)); });
    }
    bool is_set(const std::string& key) const { return loaded_.origins.contains(key); }

    /// Reported where the user wrote the first of `keys` that is not a default.
    void mistake(std::initializer_list<std::string> keys, std::string message) {
        report(loaded_.mistakes, keys, std::move(message));
    }
    void warning(std::initializer_list<std::string> keys, std::string message) {
        report(loaded_.warnings, keys, std::move(message));
    }
    void report(std::vector<ConfigMistake>& list, std::initializer_list<std::string> keys, std::string message) {
        for (const auto& key : keys)
            if (is_set(key)) return list.push_back({loaded_.origin_of(key), key, std::move(message)});
        list.push_back({{}, *keys.begin(), std::move(message)});
    }

    std::string named(const NamedRange& range) const {
        const auto origin = loaded_.origin_of(range.key);
        return fmt::format("{} {} ({})", range.key, to_string(range.range), origin.text());
    }

    /// The overlap of `a` and `b` said from the side that the user wrote.
    void overlap(NamedRange a, NamedRange b, std::string_view why) {
        if (!usable({a.key, b.key}) || !a.range.overlaps(b.range)) return;
        if (!is_set(a.key) && is_set(b.key)) std::swap(a, b);
        mistake({a.key},
                fmt::format("{} overlaps {}: {}; {} would be free", to_string(a.range), named(b), why, free_range(a)));
    }

    /// A range of the same kind that collides with neither of the other two.
    std::string free_range(const NamedRange& wanted) const {
        static const std::array<Cidr, 4> pods{Cidr{0x0af40000, 16}, Cidr{0xac1e0000, 16}, Cidr{0x64400000, 16},
                                              Cidr{0xc0a80000, 16}};
        static const std::array<Cidr, 4> services{Cidr{0x0a600000, 12}, Cidr{0xac100000, 16}, Cidr{0xc0a88000, 17},
                                                  Cidr{0x64500000, 16}};
        static const std::array<Cidr, 4> machines{Cidr{0x0a000000, 16}, Cidr{0xac1f0000, 16}, Cidr{0x0a140000, 16},
                                                  Cidr{0xc0a80000, 18}};
        const auto& candidates = wanted.key == "network.pod_cidr"   ? pods
                                 : wanted.key == "network.vpc_cidr" ? machines
                                                                    : services;
        const auto& network = config_.network;
        for (const auto& candidate : candidates) {
            const bool clash = (wanted.key != "network.pod_cidr" && candidate.overlaps(network.pod_cidr)) ||
                               (wanted.key != "network.vpc_cidr" && candidate.overlaps(network.vpc_cidr)) ||
                               (wanted.key != "network.service_cidr" && candidate.overlaps(network.service_cidr));
            if (!clash) return to_string(candidate);
        }
        return "another range";
    }

    void ranges() {
        const NamedRange pods{"network.pod_cidr", config_.network.pod_cidr};
        const NamedRange services{"network.service_cidr", config_.network.service_cidr};
        const NamedRange machines{"network.vpc_cidr", config_.network.vpc_cidr};
        overlap(pods, machines,
                "a pod and a machine could have the same address, and packets to one would reach the other");
        overlap(services, machines, "a Service's address would hide the machine that has it");
        overlap(pods, services, "a pod and a Service could have the same address");
        static const std::pair<Cidr, std::string_view> special[] = {
            {{0, 8}, "\"this network\""},
            {{0x7f000000, 8}, "loopback"},
            {{0xa9fe0000, 16}, "link-local addresses (IMDS, the VPC resolver)"},
            {{0xe0000000, 3}, "multicast and reserved addresses"}};
        for (const auto& range : {pods, services, machines})
            for (const auto& [taken, what] : special)
                if (usable({range.key}) && range.range.overlaps(taken))
                    mistake({range.key},
                            fmt::format("{} overlaps {}, {}", to_string(range.range), to_string(taken), what));
    }

    // Each node takes a /24; the controller manager's allocator handles at most 2^16 of them (clusterSubnetMaxDiff).
    void pod_range_size() {
        const auto& range = config_.network.pod_cidr;
        if (!usable({"network.pod_cidr"})) return;
        if (range.prefix > 24)
            return mistake({"network.pod_cidr"},
                           fmt::format("{} is smaller than the /24 that one node takes; use a /16", to_string(range)));
        if (range.prefix < 8)
            return mistake({"network.pod_cidr"},
                           fmt::format("{} is too large: Kubernetes divides a /8 at most into /24s", to_string(range)));
        const unsigned nodes = 1U << (24 - range.prefix);
        if (usable({"join.expected_nodes"}) && config_.join.expected_nodes > nodes) {
            const int prefix = 24 - static_cast<int>(std::bit_width(config_.join.expected_nodes - 1));
            mistake({"network.pod_cidr", "join.expected_nodes"},
                    fmt::format("{} has room for {} nodes (a /24 each), join.expected_nodes is {}; a /{} would do",
                                to_string(range), nodes, config_.join.expected_nodes, prefix));
        }
    }

    // kube-apiserver takes no more than 2^20 addresses, kubeadm no fewer than 10 (MinimumAddressesInServiceSubnet).
    void service_range_size() {
        const auto& range = config_.network.service_cidr;
        if (!usable({"network.service_cidr"})) return;
        if (range.prefix < 12)
            mistake({"network.service_cidr"},
                    fmt::format("{} is too large: kube-apiserver takes a /12 at most", to_string(range)));
        if (range.prefix > 28)
            mistake({"network.service_cidr"},
                    fmt::format("{} is too small: kubeadm wants a /28 at least", to_string(range)));
    }

    bool in_node_ports(unsigned port) const {
        return port >= config_.network.node_port_first && port <= config_.network.node_port_last;
    }

    void ports() {
        const auto& network = config_.network;
        if (usable({"network.api_port"})) {
            for (const auto& [port, who] : tcp_ports)
                if (port == network.api_port)
                    mistake({"network.api_port"}, fmt::format("port {} is taken by {}", port, who));
        }
        if (usable({"network.vxlan_port"})) {
            for (const auto& [port, who] : udp_ports)
                if (port == network.vxlan_port)
                    mistake({"network.vxlan_port"}, fmt::format("port {} is taken by {}", port, who));
            if (usable({"network.api_port"}) && network.vxlan_port == network.api_port)
                mistake({"network.vxlan_port", "network.api_port"},
                        fmt::format("{} is both network.vxlan_port and network.api_port", network.vxlan_port));
        }
        if (!usable({"network.node_ports"})) return;
        const std::string range = fmt::format("{}-{}", network.node_port_first, network.node_port_last);
        for (const auto& [key, port] : {std::pair<std::string, unsigned>{"network.api_port", network.api_port},
                                        {"network.vxlan_port", network.vxlan_port}})
            if (usable({key}) && in_node_ports(port))
                mistake({key, "network.node_ports"},
                        fmt::format("port {} lies in network.node_ports {}: a Service could take it", port, range));
        for (const auto& [port, who] : tcp_ports)
            if (in_node_ports(port))
                return mistake({"network.node_ports"}, fmt::format("{} holds {}, the port of {}", range, port, who));
    }

    void endpoint() {
        const auto& text = config_.network.endpoint;
        const auto ip = parse_ipv4(text.substr(0, text.find(':')));
        if (!usable({"network.endpoint"}) || !ip) return;
        for (const auto& [key, range] : {std::pair<std::string, Cidr>{"network.pod_cidr", config_.network.pod_cidr},
                                         {"network.service_cidr", config_.network.service_cidr}})
            if (usable({key}) && range.contains(*ip))
                mistake({"network.endpoint"}, fmt::format("{} lies in {} {}, which only exists once the cluster does",
                                                          format_ipv4(*ip), key, to_string(range)));
    }

    void sources() {
        if (!usable({"kubernetes.source", "containerd.source", "kubernetes.bundle"})) return;
        const bool kubernetes = config_.kubernetes.source == Source::bundle;
        const bool containerd = config_.containerd.source == ContainerdSource::bundle;
        if ((kubernetes || containerd) && config_.kubernetes.bundle.empty())
            mistake({kubernetes ? "kubernetes.source" : "containerd.source"},
                    "\"bundle\" needs kubernetes.bundle, the path of the bundle");
        if (!kubernetes && !containerd && !config_.kubernetes.bundle.empty())
            mistake({"kubernetes.bundle"},
                    "a bundle is given, but neither kubernetes.source nor containerd.source is \"bundle\"");
    }

    void join() {
        // Its default, written out by `config show`, is no mistake.
        const bool own_folder = config_.join.folder != JoinConfig{}.folder;
        if (own_folder && usable({"join.store", "join.folder"}) && config_.join.store != StoreKind::folder)
            mistake({"join.folder"}, "a folder is given, but join.store is not \"folder\"");
        if (usable({"dns.mode", "dns.servers"}) && config_.host.dns_mode != DnsMode::keep &&
            config_.host.dns_servers.empty())
            mistake({"dns.servers", "dns.mode"}, "must name a server, or dns.mode be \"keep\"");
        if (usable({"time.mode", "time.servers"}) && config_.host.time_mode == TimeMode::manage &&
            config_.host.time_servers.empty())
            mistake({"time.servers", "time.mode"}, "must name a server, or time.mode be \"keep\"");
    }

    void subnets() {
        if (config_.vpc.given() || !usable({"vpc.public_subnet", "vpc.private_subnets", "network.vpc_cidr"})) return;
        std::vector<NamedRange> ranges;
        const Cidr& vpc = config_.network.vpc_cidr;
        if (is_set("vpc.public_subnet") || is_set("vpc.private_subnets")) {
            ranges.push_back({"vpc.public_subnet", public_subnet(config_)});
            for (const auto& range : private_subnets(config_)) ranges.push_back({"vpc.private_subnets", range});
        }
        for (std::size_t i = 0; i < ranges.size(); ++i) {
            const auto& [key, range] = ranges[i];
            if (range.prefix < 16 || range.prefix > 28)
                mistake({key}, fmt::format("{}: a subnet is a /16 to /28", to_string(range)));
            if (!vpc.contains(range.address) || range.prefix < vpc.prefix)
                mistake({key, "network.vpc_cidr"}, fmt::format("{} ({}) is not within network.vpc_cidr {}",
                                                               to_string(range), key, to_string(vpc)));
            for (std::size_t j = 0; j < i; ++j)
                if (range.overlaps(ranges[j].range))
                    mistake({key}, fmt::format("{} overlaps {} ({})", to_string(range), to_string(ranges[j].range),
                                               ranges[j].key));
        }
        if (usable({"vpc.zones", "cluster.region"}) && !config_.cluster.region.empty())
            for (const auto& zone : config_.vpc.zones)
                if (zone.substr(0, zone.size() - 1) != config_.cluster.region)
                    mistake({"vpc.zones"}, fmt::format("{} is not in cluster.region {}", zone, config_.cluster.region));
    }

    void given_network() {
        const auto& vpc = config_.vpc;
        if (!usable({"vpc.id", "vpc.public_subnet_id", "vpc.private_subnet_ids"})) return;
        if (vpc.given() && vpc.public_subnet_id.empty())
            mistake({"vpc.id"}, "a VPC is given, and vpc.public_subnet_id, the control plane's subnet, is not");
        if (vpc.given() && vpc.private_subnet_ids.empty() && config_.instances.workers != 0)
            mistake({"vpc.id"}, "a VPC is given, and vpc.private_subnet_ids, the workers' subnets, are not");
        if (!vpc.given() && !vpc.public_subnet_id.empty())
            mistake({"vpc.public_subnet_id"}, "a subnet is given, and vpc.id is not");
        if (!vpc.given() && !vpc.private_subnet_ids.empty())
            mistake({"vpc.private_subnet_ids"}, "subnets are given, and vpc.id is not");
    }

    void access() {
        if (!usable({"access.ssh_from", "access.ssh_from_anywhere"}) || config_.access.ssh_from_anywhere) return;
        for (const auto& range : config_.access.ssh_from)
            if (range == "0.0.0.0/0")
                mistake({"access.ssh_from"},
                        "0.0.0.0/0 opens SSH to the whole internet; name your own address, or set "
                        "access.ssh_from_anywhere = true if that is what you want");
    }

    void ssh_key() {
        std::string_view first;
        const auto& access = config_.access;
        for (const auto& [key, value] : {std::pair{"access.key_pair", &access.key_pair},
                                         {"access.ssh_public_key", &access.ssh_public_key},
                                         {"access.ssh_generated_key", &access.ssh_generated_key}}) {
            if (value->empty() || !usable({key})) continue;
            if (!first.empty()) mistake({key}, fmt::format("{} is given too; one key logs in", first));
            first = key;
        }
    }

    void machines() {
        const auto& instances = config_.instances;
        if (!usable({"instances.control_plane_type", "instances.worker_type", "instances.workers"})) return;
        const auto first = architecture_of(instances.control_plane_type),
                   second = architecture_of(instances.worker_type);
        for (const auto& [key, type] : {std::pair{"instances.control_plane_type", &instances.control_plane_type},
                                        {"instances.worker_type", &instances.worker_type}})
            if (!on_nitro(*type))
                warning({key}, fmt::format("{} runs on Xen: EC2 shows its console too late for `cluster up` to see it "
                                           "become Ready; take one on Nitro, as t3, m5 or newer",
                                           *type));
        if (instances.workers != 0 && first != second)
            mistake(
                {"instances.worker_type", "instances.control_plane_type"},
                fmt::format("{} is {} and {} is {}: one binary and one image serve all instances",
                            instances.control_plane_type, to_string(first), instances.worker_type, to_string(second)));
    }

    void binary() {
        const auto& given = config_.binary;
        if (!usable({"binary.source", "binary.url", "binary.sha256", "instances.ami"})) return;
        if (given.source == BinaryOrigin::url && (given.url.empty() || given.sha256.empty()))
            mistake({"binary.source"}, "\"url\" needs binary.url and binary.sha256");
        if (given.source == BinaryOrigin::image && config_.instances.ami.empty())
            mistake({"binary.source"}, "\"image\" needs instances.ami, an image that holds nodeboot");
    }

    void versions() {
        const auto& version = config_.kubernetes.version;
        if (!usable({"kubernetes.version"})) return;
        if (!version.at_least(1, 22) || version.at_least(1, 38))
            warning({"kubernetes.version"},
                    fmt::format("{} is not what this nodeboot is made for; that is 1.22 to 1.37", version.text()));
        if (!usable({"control_plane.proxy_mode"})) return;
        const auto mode = config_.control_plane.proxy_mode;
        if (mode == ProxyMode::nftables && !version.at_least(1, 31))
            mistake(
                {"control_plane.proxy_mode", "kubernetes.version"},
                fmt::format("\"nftables\" needs Kubernetes 1.31 or later, kubernetes.version is {}", version.text()));
        if (mode == ProxyMode::ipvs && version.at_least(1, 35))
            warning({"control_plane.proxy_mode"},
                    "\"ipvs\" is deprecated since Kubernetes 1.35; \"nftables\" is its successor");
    }

    void labels() {
        if (config_.node.role != Role::worker || !usable({"node.role", "node.labels"})) return;
        for (const auto& [key, value] : config_.node.labels)
            if (auto flaw = worker_label_flaw(key, value); !flaw.empty())
                mistake({"node.labels." + key}, std::move(flaw));
    }

    void secrets() {
        for (const auto& setting : config_settings()) {
            const auto given = loaded_.origins.lower_bound(std::string(setting.key));  // itself, or an entry below it
            if (given == loaded_.origins.end() || !given->first.starts_with(setting.key)) continue;
            if (const auto kind = secret_in(setting, config_); !kind.empty()) hold_secret(setting, kind);
        }
    }

    // Tables have an origin an entry, and the secret is in one of them.
    void hold_secret(const Setting& setting, const std::string& kind) {
        const std::string key(setting.key);
        Origin origin = loaded_.origin_of(key);
        for (const auto& [entry, place] : loaded_.origins)
            if (origin.is_default() && entry.starts_with(key + ".")) origin = place;
        loaded_.warnings.push_back(
            {origin, key,
             fmt::format("holds what looks like a secret ({}): whoever may read it here has it; keep this file to root "
                         "(0600). Images and user-data are not made of it",
                         kind)});
    }

    /// A joining kubelet takes its configuration from the cluster. An operator's file names no role, most often, and serves
    /// both; the defaults, written out by `config show`, are no mistake.
    void kubelet_of_a_worker() {
        static const Config defaults;
        if (config_.node.role != Role::worker || !is_set("node.role") || !usable({"node.role"})) return;
        for (const auto& setting : config_settings())
            if (const std::string key(setting.key);
                setting.section() == "kubelet" && audience_of(setting) == Audience::control_plane && is_set(key) &&
                usable({key}) && to_toml(setting.get(config_)) != to_toml(setting.get(defaults)))
                warning({key}, "has no effect on a worker: the control plane's holds for every node");
    }

    /// Settings that are well-formed and have no effect: most often the switch beside them was forgotten.
    void idle_settings() {
        const auto idle = [&](const std::string& key, bool without_effect, std::string_view because) {
            if (is_set(key) && without_effect) warning({key}, fmt::format("has no effect: {}", because));
        };
        const bool repository = config_.kubernetes.source == Source::repository;
        idle("kubernetes.repository_url", !repository, "kubernetes.source is not \"repository\"");
        idle("kubernetes.repository_key", !repository, "kubernetes.source is not \"repository\"");
        idle("dns.servers", config_.host.dns_mode == DnsMode::keep, "dns.mode is \"keep\"");
        idle("time.servers", config_.host.time_mode == TimeMode::keep, "time.mode is \"keep\"");
        for (const char* key : {"vpc.public_subnet", "vpc.private_subnets", "vpc.zones"})
            idle(key, config_.vpc.given(), "vpc.id is given");
        const bool uploaded = config_.binary.source == BinaryOrigin::s3;
        for (const char* key : {"binary.file", "binary.bucket"}) idle(key, !uploaded, "binary.source is not \"s3\"");
        for (const char* key : {"binary.url", "binary.sha256"})
            idle(key, config_.binary.source != BinaryOrigin::url, "binary.source is not \"url\"");
        idle("instances.image", !config_.instances.ami.empty(), "instances.ami is given");
        idle("instances.permissions_boundary",
             !config_.instances.control_plane_profile.empty() && !config_.instances.worker_profile.empty(),
             "both instance profiles are given");
        kubelet_of_a_worker();
        idle("flannel.image", !config_.flannel.enabled, "flannel.enabled is false");
        idle("flannel.cni_image", !config_.flannel.enabled, "flannel.enabled is false");
    }

    LoadedConfig& loaded_;
    const Config& config_;
    const std::set<std::string>& bad_;
};

}  // namespace

void check_config_rules(LoadedConfig& loaded, const std::set<std::string>& bad) { Rules(loaded, bad).check(); }

}  // namespace nodeboot
