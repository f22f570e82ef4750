#include "phases/kubeadm_config.hpp"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/node_labels.hpp"
#include "base/yaml.hpp"

namespace nodeboot {
namespace {

using Json = nlohmann::ordered_json;
using Arguments = std::map<std::string, std::string>;

bool speaks_v1beta4(const Version& version) { return version.at_least(1, 31); }

std::string api_version(const Version& version) {
    return speaks_v1beta4(version) ? "kubeadm.k8s.io/v1beta4" : "kubeadm.k8s.io/v1beta3";
}

// A map up to v1beta3; a list of {name, value} from v1beta4, so that an argument can stand twice.
Json extra_args(const Version& version, const Arguments& arguments) {
    Json out = speaks_v1beta4(version) ? Json::array() : Json::object();
    for (const auto& [name, value] : arguments) {
        if (speaks_v1beta4(version))
            out.push_back({{"name", name}, {"value", value}});
        else
            out[name] = value;
    }
    return out;
}

// kubeadm gives a control plane its own taints only where the file has none at all (SetNodeRegistrationDynamicDefaults),
// so they stand beside the user's: "master" up to 1.23, both in 1.24, "control-plane" from 1.25 (KEP-2067).
std::vector<Taint> control_plane_taints(std::vector<Taint> taints, const Version& version) {
    if (taints.empty()) return taints;
    const auto add = [&](const std::string& key) {
        const Taint own{key, "", "NoSchedule"};
        for (const auto& taint : taints)
            if (taint.key == own.key && taint.effect == own.effect) return;
        taints.push_back(own);
    };
    if (version.at_least(1, 24)) add("node-role.kubernetes.io/control-plane");
    if (!version.at_least(1, 25)) add("node-role.kubernetes.io/master");
    return taints;
}

Json node_registration(const Config& config, const KubeadmFacts& facts, const std::vector<Taint>& taints) {
    Json out{{"name", facts.node_name},
             {"criSocket", "unix:///run/containerd/containerd.sock"},
             {"imagePullPolicy", "IfNotPresent"}};
    if (!config.control_plane.ignore_preflight_errors.empty())
        out["ignorePreflightErrors"] = config.control_plane.ignore_preflight_errors;
    if (!taints.empty()) {
        out["taints"] = Json::array();
        for (const auto& taint : taints)
            out["taints"].push_back({{"key", taint.key}, {"value", taint.value}, {"effect", taint.effect}});
    }
    Arguments arguments = config.kubelet.extra_args;
    add_node_labels(arguments, config);
    // Not in KubeletConfiguration, which is the whole cluster's: a node without this file could start no pod.
    if (!facts.resolv_conf.empty()) arguments.emplace("resolv-conf", facts.resolv_conf);
    if (!arguments.empty()) out["kubeletExtraArgs"] = extra_args(facts.version, arguments);
    return out;
}

Json component(const Version& version, const Arguments& arguments) {
    Json out = Json::object();
    if (!arguments.empty()) out["extraArgs"] = extra_args(version, arguments);
    return out;
}

Json init_configuration(const Config& config, const KubeadmFacts& facts) {
    Json out{{"apiVersion", api_version(facts.version)}, {"kind", "InitConfiguration"}};
    out["bootstrapTokens"] = Json::array({{{"ttl", "1m0s"}}});
    out["localAPIEndpoint"] = {{"bindPort", config.network.api_port}};
    out["nodeRegistration"] = node_registration(config, facts, control_plane_taints(config.node.taints, facts.version));
    return out;
}

Json cluster_configuration(const Config& config, const KubeadmFacts& facts) {
    const auto& net = config.network;
    Json out{{"apiVersion", api_version(facts.version)}, {"kind", "ClusterConfiguration"}};
    out["clusterName"] = config.cluster.name;
    out["kubernetesVersion"] = "v" + facts.version.text();
    out["imageRepository"] = config.kubernetes.image_repository;
    if (!net.endpoint.empty())
        out["controlPlaneEndpoint"] = net.endpoint.find(':') == std::string::npos
                                          ? fmt::format("{}:{}", net.endpoint, net.api_port)
                                          : net.endpoint;
    out["networking"] = {{"podSubnet", to_string(net.pod_cidr)},
                         {"serviceSubnet", to_string(net.service_cidr)},
                         {"dnsDomain", net.cluster_domain}};
    Arguments api = config.control_plane.api_server_extra_args;
    if (net.node_port_first != 30000 || net.node_port_last != 32767)
        api.emplace("service-node-port-range", fmt::format("{}-{}", net.node_port_first, net.node_port_last));
    Json api_server = component(facts.version, api);
    if (!net.cert_sans.empty()) api_server["certSANs"] = net.cert_sans;
    if (!api_server.empty()) out["apiServer"] = api_server;
    Json manager = component(facts.version, config.control_plane.controller_manager_extra_args);
    if (!manager.empty()) out["controllerManager"] = manager;
    Json scheduler = component(facts.version, config.control_plane.scheduler_extra_args);
    if (!scheduler.empty()) out["scheduler"] = scheduler;
    return out;
}

Json kubelet_configuration(const Config& config) {
    const auto& kubelet = config.kubelet;
    Json out{{"apiVersion", "kubelet.config.k8s.io/v1beta1"}, {"kind", "KubeletConfiguration"}};
    out["cgroupDriver"] = "systemd";
    out["containerLogMaxSize"] = kubelet.container_log_max_size;
    out["containerLogMaxFiles"] = kubelet.container_log_max_files;
    out["maxPods"] = kubelet.max_pods;
    out["systemReserved"] = {{"cpu", kubelet.system_reserved_cpu}, {"memory", kubelet.system_reserved_memory}};
    out["kubeReserved"] = {{"cpu", kubelet.kube_reserved_cpu}, {"memory", kubelet.kube_reserved_memory}};
    // Setting one signal turns kubelet's other defaults off, so all four stand here (kubelet's DefaultEvictionHard).
    out["evictionHard"] = {{"memory.available", kubelet.eviction_memory_available},
                           {"nodefs.available", "10%"},
                           {"nodefs.inodesFree", "5%"},
                           {"imagefs.available", "15%"}};
    return out;
}

std::string_view proxy_mode(ProxyMode mode) {
    switch (mode) {
        case ProxyMode::iptables: return "iptables";
        case ProxyMode::nftables: return "nftables";
        case ProxyMode::ipvs: return "ipvs";
    }
    return "iptables";
}

Json proxy_configuration(const Config& config) {
    Json out{{"apiVersion", "kubeproxy.config.k8s.io/v1alpha1"}, {"kind", "KubeProxyConfiguration"}};
    out["mode"] = proxy_mode(config.control_plane.proxy_mode);
    out["clusterCIDR"] = to_string(config.network.pod_cidr);
    Json conntrack = Json::object();
    if (config.control_plane.conntrack_max_per_core)
        conntrack["maxPerCore"] = *config.control_plane.conntrack_max_per_core;
    if (config.control_plane.conntrack_min) conntrack["min"] = *config.control_plane.conntrack_min;
    if (!conntrack.empty()) out["conntrack"] = conntrack;
    return out;
}

}  // namespace

void add_node_labels(std::map<std::string, std::string>& arguments, const Config& config) {
    for (const auto& [key, value] : config.node.labels) {
        if (!may_label_itself(key)) continue;  // a control plane gets it from the phase node-roles
        std::string& given = arguments["node-labels"];
        given += (given.empty() ? "" : ",") + key + "=" + value;
    }
}

std::string render_kubeadm_init(const Config& config, const KubeadmFacts& facts) {
    // No "---" before the first document: kubeadm takes a comment in front of it for a document without a kind.
    std::string text = "# Made by nodeboot; edits are lost. Read by kubeadm init once.\n";
    std::string separator;
    for (const auto& document : {init_configuration(config, facts), cluster_configuration(config, facts),
                                 kubelet_configuration(config), proxy_configuration(config)}) {
        text += separator + to_yaml(document);
        separator = "---\n";
    }
    return text;
}

Secret render_kubeadm_join(const Config& config, const KubeadmFacts& facts, const JoinSecret& join) {
    Json out{{"apiVersion", api_version(facts.version)}, {"kind", "JoinConfiguration"}};
    out["nodeRegistration"] = node_registration(config, facts, config.node.taints);
    out["discovery"] = {{"bootstrapToken",
                         {{"apiServerEndpoint", join.endpoint},
                          {"token", std::string(join.token.reveal())},
                          {"caCertHashes", join.ca_cert_hashes}}},
                        {"tlsBootstrapToken", std::string(join.token.reveal())}};
    // The API server was probed before; what remains to wait for is seconds, and nodeboot's own retry is better
    // informed than kubeadm's.
    if (speaks_v1beta4(facts.version))
        out["timeouts"] = {{"discovery", "1m0s"}, {"tlsBootstrap", "3m0s"}};
    else
        out["discovery"]["timeout"] = "1m0s";
    return Secret(to_yaml(out));
}

}  // namespace nodeboot
