#include "phases/flannel_manifest.hpp"

#include <fmt/core.h>

namespace nodeboot {
namespace {

using Json = nlohmann::json;

constexpr const char* space = "kube-flannel";

Json metadata(const std::string& name, bool namespaced, Json labels = {{"k8s-app", "flannel"}}) {
    Json out{{"name", name}, {"labels", std::move(labels)}};
    if (namespaced) out["namespace"] = space;
    return out;
}

KubeObject namespace_object() {
    // flannel needs host network and NET_ADMIN; where Pod Security admission enforces a default, it says so here.
    return {std::string("/api/v1/namespaces/") + space,
            "Namespace kube-flannel",
            {{"apiVersion", "v1"},
             {"kind", "Namespace"},
             {"metadata",
              metadata(space, false, {{"k8s-app", "flannel"}, {"pod-security.kubernetes.io/enforce", "privileged"}})}}};
}

KubeObject cluster_role() {
    const Json rules = Json::array({
        {{"apiGroups", {""}}, {"resources", {"pods"}}, {"verbs", {"get"}}},
        {{"apiGroups", {""}}, {"resources", {"nodes"}}, {"verbs", {"get", "list", "watch"}}},
        {{"apiGroups", {""}}, {"resources", {"nodes/status"}}, {"verbs", {"patch"}}},
    });
    return {"/apis/rbac.authorization.k8s.io/v1/clusterroles/flannel",
            "ClusterRole flannel",
            {{"apiVersion", "rbac.authorization.k8s.io/v1"},
             {"kind", "ClusterRole"},
             {"metadata", metadata("flannel", false)},
             {"rules", rules}}};
}

KubeObject cluster_role_binding() {
    return {"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/flannel",
            "ClusterRoleBinding flannel",
            {{"apiVersion", "rbac.authorization.k8s.io/v1"},
             {"kind", "ClusterRoleBinding"},
             {"metadata", metadata("flannel", false)},
             {"roleRef", {{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "ClusterRole"}, {"name", "flannel"}}},
             {"subjects", Json::array({{{"kind", "ServiceAccount"}, {"name", "flannel"}, {"namespace", space}}})}}};
}

KubeObject service_account() {
    return {fmt::format("/api/v1/namespaces/{}/serviceaccounts/flannel", space),
            "ServiceAccount kube-flannel/flannel",
            {{"apiVersion", "v1"}, {"kind", "ServiceAccount"}, {"metadata", metadata("flannel", true)}}};
}

// Strings as flanneld and the CNI runtime read them. Indented, because people read them with kubectl.
std::string cni_conf() {
    const nlohmann::ordered_json conf{
        {"name", "cbr0"},
        {"cniVersion", "0.3.1"},
        {"plugins",
         {{{"type", "flannel"}, {"delegate", {{"hairpinMode", true}, {"isDefaultGateway", true}}}},
          {{"type", "portmap"}, {"capabilities", {{"portMappings", true}}}}}},
    };
    return conf.dump(2) + "\n";
}

std::string net_conf(const Config& config) {
    const nlohmann::ordered_json conf{
        {"Network", to_string(config.network.pod_cidr)},
        {"EnableNFTables", false},
        {"Backend", {{"Type", "vxlan"}, {"Port", config.network.vxlan_port}}},
    };
    return conf.dump(2) + "\n";
}

KubeObject config_map(const Config& config) {
    return {fmt::format("/api/v1/namespaces/{}/configmaps/kube-flannel-cfg", space),
            "ConfigMap kube-flannel/kube-flannel-cfg",
            {{"apiVersion", "v1"},
             {"kind", "ConfigMap"},
             {"metadata",
              metadata("kube-flannel-cfg", true, {{"app", "flannel"}, {"k8s-app", "flannel"}, {"tier", "node"}})},
             {"data", {{"cni-conf.json", cni_conf()}, {"net-conf.json", net_conf(config)}}}}};
}

Json mount(const char* name, const char* path) { return {{"name", name}, {"mountPath", path}}; }

Json copy_container(const char* name, const std::string& image, Json args, Json mounts) {
    return {{"name", name},
            {"image", image},
            {"command", {"cp"}},
            {"args", std::move(args)},
            {"volumeMounts", std::move(mounts)}};
}

Json environment(const char* name, const char* field) {
    return {{"name", name}, {"valueFrom", {{"fieldRef", {{"fieldPath", field}}}}}};
}

Json flannel_container(const Config& config) {
    return {
        {"name", "kube-flannel"},
        {"image", config.flannel.image},
        {"command", {"/opt/bin/flanneld"}},
        {"args", {"--ip-masq", "--kube-subnet-mgr"}},
        {"resources", {{"requests", {{"cpu", "100m"}, {"memory", "50Mi"}}}}},
        {"securityContext", {{"privileged", false}, {"capabilities", {{"add", {"NET_ADMIN", "NET_RAW"}}}}}},
        {"env", Json::array({environment("POD_NAME", "metadata.name"),
                             environment("POD_NAMESPACE", "metadata.namespace"),
                             {{"name", "EVENT_QUEUE_DEPTH"}, {"value", "5000"}},
                             {{"name", "CONT_WHEN_CACHE_NOT_READY"}, {"value", "false"}}})},
        {"volumeMounts", Json::array({mount("run", "/run/flannel"), mount("flannel-cfg", "/etc/kube-flannel/"),
                                      mount("xtables-lock", "/run/xtables.lock")})},
    };
}

Json host_path(const char* name, const char* path, const char* type = nullptr) {
    Json source{{"path", path}};
    if (type != nullptr) source["type"] = type;
    return {{"name", name}, {"hostPath", source}};
}

Json pod_spec(const Config& config) {
    const Json linux_only =
        Json::array({{{"matchExpressions",
                       Json::array({{{"key", "kubernetes.io/os"}, {"operator", "In"}, {"values", {"linux"}}}})}}});
    Json spec;
    spec["affinity"] = {
        {"nodeAffinity", {{"requiredDuringSchedulingIgnoredDuringExecution", {{"nodeSelectorTerms", linux_only}}}}}};
    spec["hostNetwork"] = true;
    spec["priorityClassName"] = "system-node-critical";
    spec["tolerations"] = Json::array({{{"operator", "Exists"}, {"effect", "NoSchedule"}}});
    spec["serviceAccountName"] = "flannel";
    spec["initContainers"] = Json::array({
        copy_container("install-cni-plugin", config.flannel.cni_image, {"-f", "/flannel", "/opt/cni/bin/flannel"},
                       Json::array({mount("cni-plugin", "/opt/cni/bin")})),
        copy_container("install-cni", config.flannel.image,
                       {"-f", "/etc/kube-flannel/cni-conf.json", "/etc/cni/net.d/10-flannel.conflist"},
                       Json::array({mount("cni", "/etc/cni/net.d"), mount("flannel-cfg", "/etc/kube-flannel/")})),
    });
    spec["containers"] = Json::array({flannel_container(config)});
    spec["volumes"] = Json::array({
        host_path("run", "/run/flannel"),
        host_path("cni-plugin", "/opt/cni/bin"),
        host_path("cni", "/etc/cni/net.d"),
        {{"name", "flannel-cfg"}, {"configMap", {{"name", "kube-flannel-cfg"}}}},
        host_path("xtables-lock", "/run/xtables.lock", "FileOrCreate"),
    });
    return spec;
}

KubeObject daemon_set(const Config& config) {
    const Json labels{{"app", "flannel"}, {"tier", "node"}};
    return {fmt::format("/apis/apps/v1/namespaces/{}/daemonsets/kube-flannel-ds", space),
            "DaemonSet kube-flannel/kube-flannel-ds",
            {{"apiVersion", "apps/v1"},
             {"kind", "DaemonSet"},
             {"metadata",
              metadata("kube-flannel-ds", true, {{"app", "flannel"}, {"k8s-app", "flannel"}, {"tier", "node"}})},
             {"spec",
              {{"selector", {{"matchLabels", {{"app", "flannel"}}}}},
               {"template", {{"metadata", {{"labels", labels}}}, {"spec", pod_spec(config)}}}}}}};
}

std::string shortened(const Json& value) {
    std::string text = value.dump();
    return text.size() <= 60 ? text : text.substr(0, 57) + "...";
}

std::string difference_at(const std::string& path, const Json& wanted, const Json& live) {
    if (wanted.is_object() && live.is_object()) {
        for (const auto& [key, value] : wanted.items()) {
            if (!live.contains(key)) return path + "/" + key + " is absent";
            if (auto found = difference_at(path + "/" + key, value, live.at(key)); !found.empty()) return found;
        }
        return {};
    }
    if (wanted.is_array() && live.is_array()) {
        if (wanted.size() != live.size()) return fmt::format("{} has {} entries", path, live.size());
        for (std::size_t i = 0; i < wanted.size(); ++i)
            if (auto found = difference_at(fmt::format("{}/{}", path, i), wanted[i], live[i]); !found.empty())
                return found;
        return {};
    }
    return wanted == live ? std::string() : fmt::format("{} is {}", path, shortened(live));
}

}  // namespace

std::vector<KubeObject> flannel_manifest(const Config& config) {
    return {namespace_object(),     service_account(),  cluster_role(),
            cluster_role_binding(), config_map(config), daemon_set(config)};
}

std::string first_difference(const nlohmann::json& wanted, const nlohmann::json& live) {
    // The server echoes neither field when it answers a list; both are part of the path anyway.
    nlohmann::json body = wanted;
    body.erase("apiVersion");
    body.erase("kind");
    return difference_at("", body, live);
}

}  // namespace nodeboot
