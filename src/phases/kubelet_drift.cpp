#include "phases/kubelet_drift.hpp"

#include <fmt/core.h>

#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/json.hpp"
#include "base/lines.hpp"
#include "base/yaml.hpp"
#include "phases/kubeadm.hpp"
#include "phases/kubelet_flags.hpp"

namespace nodeboot {
namespace {

using Json = nlohmann::ordered_json;
using Values = std::map<std::string, Json>;  // by dotted name

// kubeadm sets both to what it finds on the machine (componentconfigs/kubelet_unix.go; NodeLocalCRISocket).
constexpr const char* nodes_own[] = {"resolvConf", "containerRuntimeEndpoint"};

/// Seconds of a Go duration ("1h0m0s", "1.5h", "300ms"); nothing where `text` is none.
std::optional<double> seconds_of(std::string_view text) {
    static const std::map<std::string_view, double> units{{"h", 3600},  {"m", 60},    {"s", 1},    {"ms", 1e-3},
                                                          {"us", 1e-6}, {"µs", 1e-6}, {"ns", 1e-9}};
    if (text.empty()) return std::nullopt;
    double total = 0;
    while (!text.empty()) {
        double number = 0;
        const auto read = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
        if (read.ec != std::errc() || number < 0) return std::nullopt;
        text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
        const auto unit = units.find(text.substr(0, text.find_first_of("0123456789.")));
        if (unit == units.end()) return std::nullopt;
        text.remove_prefix(unit->first.size());
        total += number * unit->second;
    }
    return total;
}

bool says_nothing(const Json& value) {
    if (value.is_null() || value == Json(false)) return true;
    if (value.is_number()) return value == Json(0);
    if (value.is_string()) {
        const auto& text = value.get_ref<const std::string&>();
        return text.empty() || text == "0" || seconds_of(text) == 0.0;
    }
    return value.is_structured() && value.empty();
}

void flatten(const std::string& name, const Json& value, Values& out) {
    if (value.is_object()) {
        for (const auto& [key, inner] : value.items()) flatten(name.empty() ? key : name + "." + key, inner, out);
    } else if (!says_nothing(value)) {
        out[name] = value;
    }
}

Result<Values> values_in(std::string_view text, const std::string& what) {
    const auto documents = NB_TRY_CONTEXT(parse_yaml(text), what);
    Values out;
    for (const auto& document : documents) flatten("", document, out);
    return out;
}

bool same(const Json& a, const Json& b) {
    if (a == b) return true;
    if (!a.is_string() || !b.is_string()) return false;
    const auto first = seconds_of(a.get_ref<const std::string&>()),
               second = seconds_of(b.get_ref<const std::string&>());
    return first && second && *first == *second;
}

std::string text_of(const Values& values, const std::string& name) {
    const auto it = values.find(name);
    if (it == values.end()) return "not set";
    return it->second.is_string() ? it->second.get<std::string>() : it->second.dump();
}

// Its name held the version until 1.23 (UnversionedKubeletConfigMap).
std::string config_map_of(const Version& version) {
    return version.at_least(1, 24) ? "kubelet-config"
                                   : fmt::format("kubelet-config-{}.{}", version.major, version.minor);
}

}  // namespace

Result<std::vector<std::string>> kubelet_config_differences(std::string_view cluster, std::string_view here,
                                                            std::string_view instance) {
    Values wanted = NB_TRY(values_in(cluster, "the cluster's ConfigMap")), is = NB_TRY(values_in(here, kubelet_config));
    std::set<std::string> own(std::begin(nodes_own), std::end(nodes_own));
    for (const auto& [name, value] : NB_TRY(values_in(instance, kubelet_instance_config)))
        if (name != "apiVersion" && name != "kind") own.insert(name);
    for (const auto& name : own) {
        wanted.erase(name);
        is.erase(name);
    }
    std::set<std::string> names;
    for (const auto* side : {&wanted, &is})
        for (const auto& [name, value] : *side) names.insert(name);
    std::vector<std::string> out;
    for (const auto& name : names)
        if (!wanted.contains(name) || !is.contains(name) || !same(wanted[name], is[name]))
            out.push_back(fmt::format("{}: {}, here {}", name, text_of(wanted, name), text_of(is, name)));
    return out;
}

void warn_of_kubelet_drift(const HostView& view, const KubeReader& api, const Config& config, const Log& log) {
    const auto here = view.read(kubelet_config), instance = view.read(kubelet_instance_config);
    if (!here || !*here || !instance) return;
    const std::string name = config_map_of(config.kubernetes.version);
    const auto map = api.get("/api/v1/namespaces/kube-system/configmaps/" + name);
    if (!map) return log.debug(fmt::format("ConfigMap {} cannot be seen: {}", name, map.error().text()));
    const auto cluster = *map ? json_string(**map, {"data", "kubelet"}) : std::nullopt;
    if (!cluster) return;  // a cluster that somebody else made
    const auto differences = kubelet_config_differences(*cluster, **here, instance->value_or(""));
    if (!differences)
        return log.warning(fmt::format("cannot tell whether {} is as the cluster's ConfigMap {}: {}", kubelet_config,
                                       name, differences.error().text()));
    if (!differences->empty())
        log.warning(fmt::format(
            "{} differs from the cluster's ConfigMap {}: {}; where that is not meant, `kubeadm upgrade node phase "
            "kubelet-config` and then `systemctl restart kubelet` make it the same",
            kubelet_config, name, join(*differences, "; ")));
}

}  // namespace nodeboot
