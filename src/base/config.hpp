#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/cidr.hpp"
#include "base/clock.hpp"
#include "base/version.hpp"

namespace nodeboot {

/// Everything a user can set, with its default: the reference architecture's values, corrected where they contradict
/// themselves. Plain values, already checked: whoever holds a Config may trust it. Read from TOML by
/// config_load.hpp; each field has its row in the schema (config_schema.cpp), which the reference is made from.

enum class Role { control_plane, worker };
enum class Source { repository, bundle, preinstalled };
enum class ContainerdSource { distribution, bundle, preinstalled };
enum class DnsMode { google, keep, file };
enum class TimeMode { manage, keep };
enum class StoreKind { ssm, folder };
enum class ProxyMode { iptables, nftables, ipvs };
enum class MachineImage { ubuntu_24_04, debian_12, debian_13, amazon_linux_2023 };
enum class BinaryOrigin { s3, url, image };

struct Taint {
    std::string key, value, effect;  ///< effect: NoSchedule, PreferNoSchedule, NoExecute
    friend bool operator==(const Taint&, const Taint&) = default;
};

struct ClusterConfig {
    std::string name = "nodeboot";  ///< RFC 1123 label; in SSM names and AWS tags
    std::string region;             ///< empty: asked of IMDS
};

struct NodeConfig {
    Role role = Role::worker;
    std::string name;  ///< empty: the machine's hostname (Kubernetes node name rules apply)
    std::map<std::string, std::string> labels;
    std::vector<Taint> taints;
    /// gets ~/.kube/config on the control plane; empty: the distribution's (ubuntu, admin, ec2-user) if it exists
    std::string login_user;
};

struct KubernetesConfig {
    Version version{1, 35, std::nullopt};  ///< without a patch: the newest of that minor in the source
    Source source = Source::repository;
    std::string bundle;  ///< folder or .tar[.gz|.zst] on this machine, with source = "bundle"
    std::string repository_url = "https://pkgs.k8s.io/core:/stable:/v{minor}/deb/";
    std::string repository_key;  ///< URL or path of the signing key; empty: Release.key beside the repository
    std::string image_repository = "registry.k8s.io";
};

struct NetworkConfig {
    Cidr vpc_cidr{0x0a000000, 16};
    Cidr pod_cidr{0x0af40000, 16};
    Cidr service_cidr{0x0a600000, 12};
    unsigned vxlan_port = 4789;
    unsigned api_port = 6443;
    /// stable host[:port] of the API (controlPlaneEndpoint); empty: this control plane's own address
    std::string endpoint;
    std::vector<std::string> cert_sans;
    std::string cluster_domain = "cluster.local";
    unsigned node_port_first = 30000, node_port_last = 32767;
};

struct ContainerdConfig {
    ContainerdSource source = ContainerdSource::distribution;
    std::string pause_image;  ///< empty: the one that this Kubernetes version expects
    std::map<std::string, std::vector<std::string>> registry_mirrors;  ///< registry host → mirror URLs, in order
    std::string extra_config;  ///< user's own TOML, merged over what nodeboot writes
};

struct KubeletConfig {
    std::string container_log_max_size = "10Mi";
    unsigned container_log_max_files = 5;
    unsigned max_pods = 110;
    std::string system_reserved_cpu = "100m", system_reserved_memory = "150Mi";
    std::string kube_reserved_cpu = "100m", kube_reserved_memory = "200Mi";
    std::string eviction_memory_available = "100Mi";
    std::map<std::string, std::string> extra_args;
};

struct ControlPlaneConfig {
    ProxyMode proxy_mode = ProxyMode::iptables;
    std::optional<unsigned> conntrack_max_per_core;  ///< kube-proxy; 0 leaves nf_conntrack_max alone
    std::optional<unsigned> conntrack_min;
    std::map<std::string, std::string> api_server_extra_args, controller_manager_extra_args, scheduler_extra_args;
    std::vector<std::string> ignore_preflight_errors;
    bool publish_kubeconfig = true;  ///< for `cluster kubeconfig`
};

struct FlannelConfig {
    bool enabled = true;
    std::string image = "ghcr.io/flannel-io/flannel:v0.28.0";
    std::string cni_image = "ghcr.io/flannel-io/flannel-cni-plugin:v1.8.0-flannel1";
};

struct HostConfig {
    DnsMode dns_mode = DnsMode::google;
    std::vector<std::string> dns_servers{"8.8.8.8", "8.8.4.4"};
    TimeMode time_mode = TimeMode::manage;
    std::vector<std::string> time_servers{"169.254.169.123"};  ///< Amazon Time Sync Service (link-local)
    std::map<std::string, std::string> sysctl;                 ///< further keys, or other values
    std::vector<std::string> modules;                          ///< further kernel modules
    std::vector<std::string> ignore_preflight;                 ///< names of nodeboot's own checks
    unsigned min_cpus = 0;                                     ///< 0: 2 on a control plane, 1 on a worker
    unsigned min_memory_mib = 0;  ///< 0: 1700 on a control plane (kubeadm's own limit), 900 on a worker
    unsigned min_disk_gib = 8;    ///< free under /var/lib
};

struct JoinConfig {
    StoreKind store = StoreKind::ssm;
    std::string folder = "/var/lib/nodeboot/store";  ///< with store = "folder"
    Duration token_ttl = std::chrono::hours(1);      ///< 10 minutes to 30 days
    Duration deadline = std::chrono::minutes(30);    ///< how long a worker waits for the secret
    unsigned expected_nodes = 10;                    ///< spreads the first read, see the SSM limit of 40 reads a second
};

struct AwsConfig {
    std::string endpoint_url;  ///< instead of AWS's own; https, or http to loopback and link-local only
    std::string imds_endpoint = "http://169.254.169.254";
    std::string ca_file;  ///< PEM; empty: the system's
    Duration imds_deadline = std::chrono::minutes(2);
};

/// What the launcher (`nodeboot cluster …`) makes in AWS, or is given.
struct VpcConfig {
    std::string public_subnet;                 ///< empty: the first quarter or /24 of network.vpc_cidr
    std::vector<std::string> private_subnets;  ///< empty: the next three
    std::vector<std::string> zones;  ///< in this order; empty: those of the region that offer the instance types
    /// Given together: used as they are, nothing of the network is made, changed or deleted.
    std::string id, public_subnet_id;
    std::vector<std::string> private_subnet_ids;
    bool given() const { return !id.empty(); }
};

/// Who may reach the nodes. Lists of IPv4 ranges.
struct AccessConfig {
    std::vector<std::string> ssh_from;
    bool ssh_from_anywhere = false;
    std::vector<std::string> admin_cidr;  ///< may reach the API server from outside the VPC
    bool etcd_from_workers = false;       ///< the reference architecture's rule; see docs/security.md
    /// How to log in by SSH; at most one of the three. None: the user's own public key, see launch/ssh_key.hpp.
    std::string key_pair;           ///< name of a key pair that EC2 has
    std::string ssh_public_key;     ///< "ssh-ed25519 AAAA…", or the path of a file that holds it
    std::string ssh_generated_key;  ///< path: a key is made and kept there, 0600
};

struct InstancesConfig {
    std::string control_plane_type = "t3.medium";
    std::string worker_type = "t3.small";
    unsigned workers = 3;
    unsigned volume_gib = 30;  ///< gp3, encrypted
    MachineImage image = MachineImage::ubuntu_24_04;
    std::string ami;  ///< "ami-…"; empty: the newest of `image`
    /// Names of instance profiles that exist; empty: they and their roles are made.
    std::string control_plane_profile, worker_profile;
    std::string permissions_boundary;  ///< ARN of a policy, for the roles that are made
    std::map<std::string, std::string> tags;
};

/// How nodeboot itself gets onto an instance.
struct BinaryConfig {
    BinaryOrigin source = BinaryOrigin::s3;
    std::string file;         ///< what is uploaded, with source s3; empty: the program that runs
    std::string bucket;       ///< empty: one is made for the cluster
    std::string url, sha256;  ///< with source url
};

struct Config {
    ClusterConfig cluster;
    NodeConfig node;
    KubernetesConfig kubernetes;
    NetworkConfig network;
    ContainerdConfig containerd;
    KubeletConfig kubelet;
    ControlPlaneConfig control_plane;
    FlannelConfig flannel;
    HostConfig host;
    JoinConfig join;
    AwsConfig aws;
    VpcConfig vpc;
    AccessConfig access;
    InstancesConfig instances;
    BinaryConfig binary;
};

/// The subnets' ranges, given or cut from network.vpc_cidr.
Cidr public_subnet(const Config& config);
std::vector<Cidr> private_subnets(const Config& config);

}  // namespace nodeboot
