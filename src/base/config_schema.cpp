#include "base/config_schema.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "base/config_values.hpp"
#include "base/duration.hpp"

namespace nodeboot {
namespace {

using Limits = Setting::Limits;

// The words of each enumeration, in the order of its values.
constexpr std::string_view role_words[] = {"control-plane", "worker"};
constexpr std::string_view source_words[] = {"repository", "bundle", "preinstalled"};
constexpr std::string_view containerd_source_words[] = {"distribution", "bundle", "preinstalled"};
constexpr std::string_view dns_words[] = {"google", "keep", "file"};
constexpr std::string_view time_words[] = {"manage", "keep"};
constexpr std::string_view store_words[] = {"ssm", "folder"};
constexpr std::string_view proxy_words[] = {"iptables", "nftables", "ipvs"};

constexpr std::string_view image_words[] = {"ubuntu-24.04", "debian-12", "debian-13", "amazon-linux-2023"};
constexpr std::string_view binary_words[] = {"s3", "url", "image"};

constexpr std::span<const std::string_view> words_of(Role) { return role_words; }
constexpr std::span<const std::string_view> words_of(Source) { return source_words; }
constexpr std::span<const std::string_view> words_of(ContainerdSource) { return containerd_source_words; }
constexpr std::span<const std::string_view> words_of(DnsMode) { return dns_words; }
constexpr std::span<const std::string_view> words_of(TimeMode) { return time_words; }
constexpr std::span<const std::string_view> words_of(StoreKind) { return store_words; }
constexpr std::span<const std::string_view> words_of(ProxyMode) { return proxy_words; }
constexpr std::span<const std::string_view> words_of(MachineImage) { return image_words; }
constexpr std::span<const std::string_view> words_of(BinaryOrigin) { return binary_words; }

template <class T>
std::string allowed_range(const Setting& setting) {
    const auto& limits = setting.limits;
    if constexpr (std::is_enum_v<T>) {
        std::string out;
        for (const auto word : words_of(T{})) out += fmt::format("{}`\"{}\"`", out.empty() ? "" : ", ", word);
        return out;
    } else if constexpr (std::is_same_v<T, Duration>) {
        return fmt::format("{} to {}", duration_text(std::chrono::seconds(limits.least)),
                           duration_text(std::chrono::seconds(limits.most)));
    } else {
        return limits.most == 0 ? "" : fmt::format("{} to {}", limits.least, limits.most);
    }
}

struct Text {
    std::string_view help, when_empty = {}, example = {};
    Audience audience = Audience::every_node;
};

/// A row whose reading and writing follow from the type of the field.
template <auto Part, auto Field>
constexpr Setting row(std::string_view key, std::string_view type, Limits limits, Text text) {
    using T = std::remove_cvref_t<decltype((std::declval<Config&>().*Part).*Field)>;
    Setting out{key, type, limits, text.help, text.when_empty, text.example, text.audience};
    out.allowed = allowed_range<T>;
    if (std::is_same_v<T, std::vector<std::string>> || std::is_same_v<T, std::vector<Taint>>)
        out.shape = Setting::Shape::list;
    if (std::is_same_v<T, std::map<std::string, std::string>>) out.shape = Setting::Shape::table;
    if (std::is_same_v<T, std::map<std::string, std::vector<std::string>>>) out.shape = Setting::Shape::table_of_lists;
    if constexpr (std::is_enum_v<T>) {
        out.set = [](const Setting&, Config& config, const TomlValue& value) {
            std::size_t index = 0;
            auto problems = config_values::read_word(words_of(T{}), index, value);
            if (problems.empty()) (config.*Part).*Field = static_cast<T>(index);
            return problems;
        };
        out.get = [](const Config& config) {
            return TomlValue{std::string(words_of(T{})[static_cast<std::size_t>((config.*Part).*Field)])};
        };
    } else {
        out.set = [](const Setting& setting, Config& config, const TomlValue& value) {
            return config_values::read(setting, (config.*Part).*Field, value);
        };
        out.get = [](const Config& config) { return config_values::write((config.*Part).*Field); };
    }
    return out;
}

constexpr Setting node_ports_row(Text text) {
    Setting out{"network.node_ports", "port range", {1024, 65535}, text.help,
                text.when_empty,      text.example, text.audience};
    out.set = [](const Setting& setting, Config& config, const TomlValue& value) {
        return config_values::read_port_range(setting, config.network.node_port_first, config.network.node_port_last,
                                              value);
    };
    out.get = [](const Config& config) {
        return TomlValue{fmt::format("{}-{}", config.network.node_port_first, config.network.node_port_last)};
    };
    out.allowed = allowed_range<unsigned>;
    return out;
}

constexpr Setting containerd_toml_row(Text text) {
    Setting out{"containerd.extra_config", "table or TOML text", {},           text.help,
                text.when_empty,           text.example,         text.audience};
    out.set = [](const Setting& setting, Config& config, const TomlValue& value) {
        return config_values::read_toml_text(setting, config.containerd.extra_config, value);
    };
    out.get = [](const Config& config) { return TomlValue{config.containerd.extra_config}; };
    out.allowed = [](const Setting&) { return std::string(); };
    return out;
}

constexpr Limits optional(syntax::Check check) { return {0, 0, check, nullptr, true}; }
constexpr Limits each(syntax::Check check) { return {0, 0, check}; }
constexpr Limits entries(syntax::Check key, syntax::Check value) { return {0, 0, value, key}; }
constexpr Limits between(std::int64_t least, std::int64_t most) { return {least, most}; }
constexpr std::int64_t minute = 60, hour = 3600, day = 86400;

constexpr Section section_table[] = {
    {"cluster", "Which cluster this is."},
    {"node", "This machine's part in the cluster."},
    {"kubernetes", "Which Kubernetes, and where it comes from."},
    {"network", "Address ranges and ports. The pod, service and VPC ranges must not overlap."},
    {"containerd", "The container runtime."},
    {"kubelet",
     "What kubelet keeps back for the system, and how it treats logs. The defaults fit a t3.small. But for "
     "`extra_args`, which are the machine's own, the control plane's are the whole cluster's: `kubeadm init` reads "
     "them "
     "once and every node gets them when it joins; on a worker they have no effect, and one that sets `node.role` and "
     "any "
     "of them is warned."},
    {"control_plane", "Only read on control-plane nodes, and but for `publish_kubeconfig` once, by `kubeadm init`.",
     Audience::control_plane},
    {"flannel", "The pod network."},
    {"dns", "How the machine resolves names."},
    {"time", "How the machine keeps its clock."},
    {"host", "The machine under Kubernetes."},
    {"join", "How workers learn where the control plane is and what lets them in."},
    {"aws", "How AWS is reached."},
    {"vpc", "The network that `nodeboot cluster up` makes in `network.vpc_cidr`, or the one that it is given.",
     Audience::operators},
    {"access", "Who may reach the nodes from outside, as rules of the security groups.", Audience::operators},
    {"instances", "The machines that `nodeboot cluster up` starts.", Audience::operators},
    {"binary", "How nodeboot gets onto the instances.", Audience::operators},
};

using C = Config;
using N = NodeConfig;
using K = KubernetesConfig;
using W = NetworkConfig;
using D = ContainerdConfig;
using L = KubeletConfig;
using P = ControlPlaneConfig;
using H = HostConfig;
using J = JoinConfig;
using A = AwsConfig;
using V = VpcConfig;
using S = AccessConfig;
using I = InstancesConfig;
using B = BinaryConfig;

constexpr Setting setting_table[] = {
    row<&C::cluster, &ClusterConfig::name>("cluster.name", "name", each(syntax::label_name),
                                           {"The cluster's name. It stands in SSM parameter names and AWS tags, so it "
                                            "is unique in an account and region."}),
    row<&C::cluster, &ClusterConfig::region>("cluster.region", "AWS region", optional(syntax::region),
                                             {"The region in which the join secret is kept.",
                                              "the region that the instance is in, asked of IMDS", "\"eu-central-1\""}),

    row<&C::node, &N::role>("node.role", "one of", {}, {"What this machine becomes."}),
    row<&C::node, &N::name>("node.name", "node name", optional(syntax::node_name),
                            {"The name of the Node object.", "the machine's hostname", "\"ip-10-0-1-182\""}),
    row<&C::node, &N::labels>(
        "node.labels", "table of strings", entries(syntax::label_key, syntax::label_value),
        {"Labels of the Node object. Of the names of Kubernetes' own domains a kubelet may "
         "give itself only those of kubelet's own list (`node.kubernetes.io/…`, "
         "`topology.kubernetes.io/zone`, …). A control plane gets the others, such as "
         "`node-role.kubernetes.io/…`, all the same, because it may label nodes; on a worker "
         "they are refused, and `kubectl label node` sets them once it has joined. A worker's are "
         "read once, when it joins. Workers "
         "without a role get `node-role.kubernetes.io/worker` from the control plane.",
         "none", "{ \"example.com/disk\" = \"ssd\" }"}),
    row<&C::node, &N::taints>(
        "node.taints", "list of taints", {},
        {"Taints of the Node object, each `key=value:Effect` or `key:Effect` with `NoSchedule`, "
         "`PreferNoSchedule` or `NoExecute`. A control plane gets Kubernetes' own "
         "`node-role.kubernetes.io/control-plane:NoSchedule` (`master` before 1.25) besides. Read "
         "once, when the machine becomes a member.",
         "none", "[\"dedicated=batch:NoSchedule\"]"}),
    row<&C::node, &N::login_user>("node.login_user", "login name", optional(syntax::user_name),
                                  {"Who gets `~/.kube/config` (0600) on a control plane, besides root.",
                                   "the distribution's own (`ubuntu`, `admin`, `ec2-user`) where it exists",
                                   "\"ubuntu\"", Audience::control_plane}),

    row<&C::kubernetes, &K::version>("kubernetes.version", "version", {},
                                     {"A minor version (the newest patch that the source has) or an exact one. Made "
                                      "for 1.22 to 1.37; others get a warning."}),
    row<&C::kubernetes, &K::source>(
        "kubernetes.source", "one of", {},
        {"`repository`: packages from `repository_url`, signature checked, pinned and held. `bundle`: an archive or "
         "folder made by `nodeboot bundle create`. `preinstalled`: whatever is there, only checked."}),
    row<&C::kubernetes, &K::bundle>("kubernetes.bundle", "absolute path", optional(syntax::absolute_path),
                                    {"The bundle on this machine, a folder or a `.tar`, `.tar.gz`, `.tar.zst`. Given "
                                     "if, and only if, `kubernetes.source` or `containerd.source` is `bundle`.",
                                     "none", "\"/opt/nodeboot/bundle.tar.zst\""}),
    row<&C::kubernetes, &K::repository_url>(
        "kubernetes.repository_url", "URL", each(syntax::package_url),
        {"The package repository; `{minor}` stands for the minor version (`1.35`). On Amazon Linux the default is its "
         "neighbour `…/rpm/`."}),
    row<&C::kubernetes, &K::repository_key>(
        "kubernetes.repository_key", "URL or path", optional(syntax::url_or_path),
        {"The key that the repository is signed with.",
         "`Release.key` in the repository, `repodata/repomd.xml.key` on Amazon Linux",
         "\"/etc/nodeboot/kubernetes.asc\""}),
    row<&C::kubernetes, &K::image_repository>(
        "kubernetes.image_repository", "registry", each(syntax::image_repository),
        {"Where the images of the control plane, CoreDNS, kube-proxy and pause come from."}),

    row<&C::network, &W::vpc_cidr>("network.vpc_cidr", "IPv4 range", {},
                                   {"The range that the machines' own addresses are in."}),
    row<&C::network, &W::pod_cidr>(
        "network.pod_cidr", "IPv4 range", {},
        {"The range that pods get their addresses from; each node gets a /24 of it. Fixed once the cluster exists."}),
    row<&C::network, &W::service_cidr>(
        "network.service_cidr", "IPv4 range", {},
        {"The range of Service addresses, between /12 and /28. Fixed once the cluster exists."}),
    row<&C::network, &W::vxlan_port>(
        "network.vxlan_port", "UDP port", between(1, 65535),
        {"Flannel's VXLAN port, between all nodes, both ways. (Flannel's own default on Linux is 8472.)"}),
    row<&C::network, &W::api_port>("network.api_port", "TCP port", between(1, 65535),
                                   {"Where the API server listens."}),
    row<&C::network, &W::endpoint>(
        "network.endpoint", "host or host:port", optional(syntax::host_and_port),
        {"The API's stable name: a DNS name or load balancer. Give one from the first day if there will ever be a "
         "second control-plane node; it cannot be added later without new certificates.",
         "this control plane's own address", "\"api.demo.internal:6443\""}),
    row<&C::network, &W::cert_sans>("network.cert_sans", "list of names", each(syntax::san),
                                    {"Further names and addresses in the API server's certificate.", "none",
                                     "[\"api.example.com\", \"203.0.113.7\"]"}),
    row<&C::network, &W::cluster_domain>("network.cluster_domain", "DNS name", each(syntax::subdomain),
                                         {"The domain of Services inside the cluster."}),
    node_ports_row({"Ports of Services of type NodePort, on every node."}),

    row<&C::containerd, &D::source>("containerd.source", "one of", {},
                                    {"`distribution`: the packages of the machine's own distribution. `bundle`: from "
                                     "`kubernetes.bundle`. `preinstalled`: whatever is there, only configured."}),
    row<&C::containerd, &D::pause_image>(
        "containerd.pause_image", "image", optional(syntax::image),
        {"The image of the container that holds a pod's namespaces.", "the one that this Kubernetes version expects",
         "\"registry.k8s.io/pause:3.10.1\""}),
    row<&C::containerd, &D::registry_mirrors>("containerd.registry_mirrors", "table of lists of URLs",
                                              entries(syntax::registry_host, syntax::web_url),
                                              {"For each registry, mirrors that are asked before it, in this order; "
                                               "`\"*\"` is for all registries that are not "
                                               "named.",
                                               "none", "{ \"docker.io\" = [\"https://mirror.example.com\"] }"}),
    containerd_toml_row({"Your own part of containerd's configuration, merged over what nodeboot writes. The layers "
                         "replace it as a whole. With it `/etc/containerd/config.toml` is readable by root alone; what "
                         "looks like a secret in it gets a warning, and is refused in images and user-data.",
                         "nothing", "{ debug = { level = \"info\" } }"}),

    row<&C::kubelet, &L::container_log_max_size>(
        "kubelet.container_log_max_size", "quantity", each(syntax::quantity),
        {"A container's log is rotated at this size.", {}, {}, Audience::control_plane}),
    row<&C::kubelet, &L::container_log_max_files>(
        "kubelet.container_log_max_files", "number", between(2, 100),
        {"How many log files of a container are kept, the current one among them.", {}, {}, Audience::control_plane}),
    row<&C::kubelet, &L::max_pods>(
        "kubelet.max_pods", "number", between(1, 250),
        {"Pods on a node at most. Its /24 has addresses for 250.", {}, {}, Audience::control_plane}),
    row<&C::kubelet, &L::system_reserved_cpu>(
        "kubelet.system_reserved_cpu", "quantity", each(syntax::quantity),
        {"CPU kept back for the system's own services.", {}, {}, Audience::control_plane}),
    row<&C::kubelet, &L::system_reserved_memory>(
        "kubelet.system_reserved_memory", "quantity", each(syntax::quantity),
        {"Memory kept back for the system's own services.", {}, {}, Audience::control_plane}),
    row<&C::kubelet, &L::kube_reserved_cpu>(
        "kubelet.kube_reserved_cpu", "quantity", each(syntax::quantity),
        {"CPU kept back for kubelet and containerd.", {}, {}, Audience::control_plane}),
    row<&C::kubelet, &L::kube_reserved_memory>(
        "kubelet.kube_reserved_memory", "quantity", each(syntax::quantity),
        {"Memory kept back for kubelet and containerd.", {}, {}, Audience::control_plane}),
    row<&C::kubelet, &L::eviction_memory_available>(
        "kubelet.eviction_memory_available", "quantity or share", each(syntax::quantity_or_percent),
        {"Pods are evicted when less memory than this is available (`100Mi`, `5%`).", {}, {}, Audience::control_plane}),
    row<&C::kubelet, &L::extra_args>(
        "kubelet.extra_args", "table of strings", entries(syntax::argument_name, nullptr),
        {"Further flags of kubelet, without the dashes. Read once, when this machine becomes a member.", "none",
         "{ v = \"4\" }"}),

    row<&C::control_plane, &P::proxy_mode>(
        "control_plane.proxy_mode", "one of", {},
        {"How kube-proxy directs Services. `nftables` needs Kubernetes 1.31; `ipvs` is deprecated since 1.35."}),
    row<&C::control_plane, &P::conntrack_max_per_core>(
        "control_plane.conntrack_max_per_core", "number", between(0, 4194304),
        {"Tracked connections for each core, set by kube-proxy; 0 leaves the kernel's value alone.",
         "kube-proxy's own (32768)", "0"}),
    row<&C::control_plane, &P::conntrack_min>(
        "control_plane.conntrack_min", "number", between(0, 4194304),
        {"Tracked connections at least, whatever the number of cores.", "kube-proxy's own (131072)", "0"}),
    row<&C::control_plane, &P::api_server_extra_args>(
        "control_plane.api_server_extra_args", "table of strings", entries(syntax::argument_name, nullptr),
        {"Further flags of kube-apiserver, without the dashes.", "none", "{ audit-log-maxage = \"30\" }"}),
    row<&C::control_plane, &P::controller_manager_extra_args>(
        "control_plane.controller_manager_extra_args", "table of strings", entries(syntax::argument_name, nullptr),
        {"Further flags of kube-controller-manager.", "none", "{ terminated-pod-gc-threshold = \"500\" }"}),
    row<&C::control_plane, &P::scheduler_extra_args>("control_plane.scheduler_extra_args", "table of strings",
                                                     entries(syntax::argument_name, nullptr),
                                                     {"Further flags of kube-scheduler.", "none", "{ v = \"2\" }"}),
    row<&C::control_plane, &P::ignore_preflight_errors>(
        "control_plane.ignore_preflight_errors", "list of words", each(syntax::word),
        {"Checks of kubeadm itself whose failure is let pass.", "none", "[\"NumCPU\", \"Mem\"]"}),
    row<&C::control_plane, &P::publish_kubeconfig>(
        "control_plane.publish_kubeconfig", "true or false", {},
        {"Keep admin access in the join store, for `nodeboot cluster kubeconfig`. In AWS that is the SecureString "
         "`/nodeboot/<cluster>/control-plane/kubeconfig`: whoever in the account may read it is the cluster's admin."}),

    row<&C::flannel, &FlannelConfig::enabled>(
        "flannel.enabled", "true or false", {},
        {"`false` leaves the pod network to you; nodes stay NotReady until there is one."}),
    row<&C::flannel, &FlannelConfig::image>("flannel.image", "image", each(syntax::image), {"The flannel daemon."}),
    row<&C::flannel, &FlannelConfig::cni_image>("flannel.cni_image", "image", each(syntax::image),
                                                {"The image that installs flannel's CNI plugin."}),

    row<&C::host, &H::dns_mode>(
        "dns.mode", "one of", {},
        {"`google`: `dns.servers` become systemd-resolved's global servers, while the link's own (VPC) resolver keeps "
         "the VPC's domains, and pods ask that one alone. `file`: `/etc/resolv.conf` is written with `dns.servers` "
         "(replaces the VPC resolver: "
         "private zones and VPC endpoints no longer resolve). `keep`: nothing is touched."}),
    row<&C::host, &H::dns_servers>("dns.servers", "list of IP addresses", each(syntax::ip_address),
                                   {"Name servers for `google` and `file`."}),

    row<&C::host, &H::time_mode>("time.mode", "one of", {},
                                 {"`manage`: time synchronisation is installed where it is missing, and uses "
                                  "`time.servers`. `keep`: nothing is touched."}),
    row<&C::host, &H::time_servers>("time.servers", "list of names", each(syntax::ip_or_name),
                                    {"NTP servers. The default is Amazon's, on every instance's link."}),

    row<&C::host, &H::sysctl>(
        "host.sysctl", "table of strings", entries(syntax::sysctl_name, syntax::one_line),
        {"Further kernel settings, or other values for those that nodeboot sets. Dotted keys need no quotes.", "none",
         "{ \"vm.max_map_count\" = \"262144\" }"}),
    row<&C::host, &H::modules>("host.modules", "list of names", each(syntax::module_name),
                               {"Further kernel modules to load, now and at boot.", "none", "[\"ip_vs\"]"}),
    row<&C::host, &H::ignore_preflight>(
        "host.ignore_preflight", "list of words", each(syntax::word),
        {"Checks of nodeboot's preflight whose failure is let pass; the failure names the check.", "none",
         "[\"memory\"]"}),
    row<&C::host, &H::min_cpus>("host.min_cpus", "number", between(0, 1024),
                                {"CPUs that the machine must have; 0 means 2 on a control plane and 1 on a worker."}),
    row<&C::host, &H::min_memory_mib>("host.min_memory_mib", "MiB", between(0, 16777216),
                                      {"Memory that the machine must have; 0 means 1700 on a control plane (kubeadm's "
                                       "own limit) and 900 on a worker."}),
    row<&C::host, &H::min_disk_gib>("host.min_disk_gib", "GiB", between(0, 65536),
                                    {"Space that must be free under `/var/lib`."}),

    row<&C::join, &J::store>("join.store", "one of", {},
                             {"Where the join secret is kept. `ssm`: SSM Parameter Store, encrypted. `folder`: a "
                              "folder that all nodes see, for one machine or a lab."}),
    row<&C::join, &J::folder>("join.folder", "absolute path", each(syntax::absolute_path),
                              {"The folder, with `join.store = \"folder\"`."}),
    row<&C::join, &J::token_ttl>(
        "join.token_ttl", "duration", between(10 * minute, 30 * day),
        {"How long a join token is valid. A timer on the control plane replaces it at half of that."}),
    row<&C::join, &J::deadline>("join.deadline", "duration", between(minute, 7 * day),
                                {"How long a worker waits for the control plane before it gives up."}),
    row<&C::join, &J::expected_nodes>("join.expected_nodes", "number", between(1, 5000),
                                      {"About how many nodes start at once; workers spread their reads so that all of "
                                       "them stay within SSM's 40 a second."}),

    row<&C::aws, &A::endpoint_url>("aws.endpoint_url", "URL", optional(syntax::guarded_url),
                                   {"Instead of AWS's own endpoints: a VPC endpoint, or a stand-in. https, or http to "
                                    "loopback and link-local addresses.",
                                    "AWS's own for the region",
                                    "\"https://vpce-0123.ssm.eu-central-1.vpce.amazonaws.com\""}),
    row<&C::aws, &A::imds_endpoint>("aws.imds_endpoint", "URL", each(syntax::guarded_url),
                                    {"The instance metadata service."}),
    row<&C::aws, &A::ca_file>(
        "aws.ca_file", "absolute path", optional(syntax::absolute_path),
        {"Certificates (PEM) to trust for AWS and downloads.", "the system's", "\"/etc/ssl/corporate.pem\""}),
    row<&C::aws, &A::imds_deadline>("aws.imds_deadline", "duration", between(1, hour),
                                    {"How long to wait for the metadata service at first boot."}),

    row<&C::vpc, &V::public_subnet>("vpc.public_subnet", "IPv4 range", optional(syntax::ipv4_range),
                                    {"The subnet of the control plane and the NAT gateway.",
                                     "the first /24 of `network.vpc_cidr`", "\"10.0.0.0/24\""}),
    row<&C::vpc, &V::private_subnets>(
        "vpc.private_subnets", "list of IPv4 ranges", each(syntax::ipv4_range),
        {"The workers' subnets, spread over the availability zones; workers are dealt out to them in turn.",
         "the next three /24 of `network.vpc_cidr`", "[\"10.0.1.0/24\", \"10.0.2.0/24\"]"}),
    row<&C::vpc, &V::zones>(
        "vpc.zones", "list of availability zones", each(syntax::availability_zone),
        {"Where the subnets are made: the public one in the first, the private ones in turn. "
         "Subnets that exist stay where they are.",
         "the region's zones that offer the instance types", "[\"eu-central-1a\", \"eu-central-1b\"]"}),
    row<&C::vpc, &V::id>("vpc.id", "VPC id", optional(syntax::vpc_id),
                         {"Use this VPC instead of making one, together with `vpc.public_subnet_id` and "
                          "`vpc.private_subnet_ids`. nodeboot then makes only the security groups and the instances; "
                          "routes and gateways are yours, and nothing of the network is tagged, changed or deleted.",
                          "a VPC of the cluster's own is made", "\"vpc-0123456789abcdef0\""}),
    row<&C::vpc, &V::public_subnet_id>(
        "vpc.public_subnet_id", "subnet id", optional(syntax::subnet_id),
        {"The control plane's subnet, with `vpc.id`.", "it is made", "\"subnet-0123456789abcdef0\""}),
    row<&C::vpc, &V::private_subnet_ids>("vpc.private_subnet_ids", "list of subnet ids", each(syntax::subnet_id),
                                         {"The workers' subnets, with `vpc.id`. They need a way out (NAT) to AWS and "
                                          "to where packages come from.",
                                          "they are made", "[\"subnet-0123456789abcdef1\"]"}),

    row<&C::access, &S::ssh_from>(
        "access.ssh_from", "list of IPv4 ranges", each(syntax::ipv4_range),
        {"From where port 22 of the nodes can be reached.", "port 22 is closed", "[\"203.0.113.7/32\"]"}),
    row<&C::access, &S::ssh_from_anywhere>("access.ssh_from_anywhere", "true or false", {},
                                           {"Allows `0.0.0.0/0` in `access.ssh_from`, which is refused otherwise."}),
    row<&C::access, &S::admin_cidr>(
        "access.admin_cidr", "list of IPv4 ranges", each(syntax::ipv4_range),
        {"From where the API server can be reached from outside the VPC: your own address, for kubectl.",
         "from the nodes only", "[\"203.0.113.7/32\"]"}),
    row<&C::access, &S::etcd_from_workers>(
        "access.etcd_from_workers", "true or false", {},
        {"Opens etcd (2379-2380) to the workers, as the reference architecture says. Nothing needs it, and whoever is "
         "root on a worker is then one certificate away from the cluster's whole state."}),
    row<&C::access, &S::key_pair>(
        "access.key_pair", "name", optional(syntax::one_line),
        {"A key pair that EC2 has already; it is used and let be.", "one is made of your own public key", "\"ada\""}),
    row<&C::access, &S::ssh_public_key>(
        "access.ssh_public_key", "public key or absolute path", optional(syntax::public_key_or_path),
        {"The public key that logs in (ed25519 or RSA), or the file that holds it.",
         "the first of `~/.ssh/id_ed25519.pub` and `~/.ssh/id_rsa.pub`; without one there is no key pair",
         "\"/home/ada/.ssh/work.pub\""}),
    row<&C::access, &S::ssh_generated_key>(
        "access.ssh_generated_key", "absolute path", optional(syntax::absolute_path),
        {"Makes an ed25519 key for this cluster and keeps it in this file, mode 0600, the public half beside it in "
         "`.pub`. A key that is there is used.",
         "no key is made", "\"/home/ada/.ssh/nodeboot-demo\""}),

    row<&C::instances, &I::control_plane_type>("instances.control_plane_type", "instance type",
                                               each(syntax::instance_type), {"The control plane's instance type."}),
    row<&C::instances, &I::worker_type>("instances.worker_type", "instance type", each(syntax::instance_type),
                                        {"The workers' instance type."}),
    row<&C::instances, &I::workers>("instances.workers", "number", between(0, 1000),
                                    {"How many workers there are. With fewer than before, those with the highest "
                                     "numbers are terminated; drain them first."}),
    row<&C::instances, &I::volume_gib>("instances.volume_gib", "number", between(8, 16384),
                                       {"Size of each root volume (gp3, encrypted), in GiB."}),
    row<&C::instances, &I::image>(
        "instances.image", "one of", {},
        {"The system that instances start from: the newest image that its makers publish, for the instance type's "
         "architecture. Instances that exist keep theirs."}),
    row<&C::instances, &I::ami>("instances.ami", "image id", optional(syntax::ami_id),
                                {"Instead of `instances.image`: an image of yours, such as a baked one.",
                                 "the newest of `instances.image`", "\"ami-0123456789abcdef0\""}),
    row<&C::instances, &I::control_plane_profile>(
        "instances.control_plane_profile", "name", optional(syntax::iam_name),
        {"An instance profile of yours for the control plane, where nodeboot may not make roles. `nodeboot cluster "
         "iam-policy` prints what it must allow.",
         "it is made", "\"platform-control-plane\""}),
    row<&C::instances, &I::worker_profile>("instances.worker_profile", "name", optional(syntax::iam_name),
                                           {"The same for the workers.", "it is made", "\"platform-worker\""}),
    row<&C::instances, &I::permissions_boundary>(
        "instances.permissions_boundary", "ARN",
        optional(syntax::policy_arn),
        {"A policy that bounds what the roles made here may do, where the account demands one.", "none",
         "\"arn:aws:iam::123456789012:policy/boundary\""}),
    row<&C::instances, &I::tags>(
        "instances.tags", "table of strings", entries(syntax::tag_key, syntax::tag_value),
        {"Further tags of everything that the launcher makes.", "none", "{ team = \"platform\" }"}),

    row<&C::binary, &B::source>(
        "binary.source", "one of", {},
        {"`s3`: it is uploaded to a private bucket, and nodes fetch it with their role. `url`: nodes fetch it from "
         "`binary.url`. `image`: it is in the image (`instances.ami`)."}),
    row<&C::binary, &B::file>("binary.file", "absolute path", optional(syntax::absolute_path),
                              {"What is uploaded: for instances of another architecture than yours.",
                               "the nodeboot that runs", "\"/home/ada/nodeboot-arm64\""}),
    row<&C::binary, &B::bucket>("binary.bucket", "bucket name", optional(syntax::bucket_name),
                                {"A bucket of yours to upload to, in the cluster's region. It is let be.",
                                 "one is made: `nodeboot-<cluster>-<account>-<region>`", "\"platform-artifacts\""}),
    row<&C::binary, &B::url>("binary.url", "URL", optional(syntax::https_url),
                             {"Where nodes fetch it, with `binary.source = \"url\"`.", "none",
                              "\"https://downloads.example.com/nodeboot-0.1.0-amd64\""}),
    row<&C::binary, &B::sha256>("binary.sha256", "64 hex digits", optional(syntax::sha256),
                                {"What it must be, with `binary.url`; anything else is refused.", "none",
                                 "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\""}),
};

}  // namespace

std::span<const Section> config_sections() { return section_table; }
std::span<const Setting> config_settings() { return setting_table; }

Audience audience_of(const Setting& setting) {
    const auto it = std::find_if(std::begin(section_table), std::end(section_table),
                                 [&](const Section& section) { return section.name == setting.section(); });
    return it == std::end(section_table) ? setting.audience : std::max(it->audience, setting.audience);
}

const Setting* find_setting(std::string_view key) {
    const auto it = std::find_if(std::begin(setting_table), std::end(setting_table),
                                 [&](const Setting& s) { return s.key == key; });
    return it == std::end(setting_table) ? nullptr : &*it;
}

}  // namespace nodeboot
