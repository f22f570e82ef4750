#include "phases/kubeadm_given.hpp"

#include <fmt/core.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/lines.hpp"
#include "base/version.hpp"
#include "base/yaml.hpp"
#include "phases/kubeadm_config.hpp"
#include "phases/kubelet_flags.hpp"

namespace nodeboot {
namespace {

using Json = nlohmann::ordered_json;
using Documents = std::map<std::string, Json>;  // by kind

// v1beta4 writes arguments as a list of names and values, v1beta3 as an object.
bool is_argument_list(const Json& value) {
    if (!value.is_array() || value.empty()) return false;
    for (const auto& one : value)
        if (!one.is_object() || one.size() != 2 || !one.contains("name") || !one.contains("value")) return false;
    return true;
}

void name_arguments(Json& value) {
    if (is_argument_list(value)) {
        Json named = Json::object();
        for (const auto& one : value) named[one["name"].get<std::string>()] = one["value"];
        value = std::move(named);
    }
    if (value.is_structured())
        for (auto& inner : value) name_arguments(inner);
}

void leave_out(Json& document, std::initializer_list<std::string_view> folder, const char* key) {
    if (Json* in = yaml_at(document, folder); in != nullptr && in->is_object()) in->erase(key);
}

Result<Documents> by_kind(std::vector<Json> raw) {
    Documents documents;
    for (auto& document : raw) {
        const Json* const kind = yaml_at(document, {"kind"});
        if (kind == nullptr || !kind->is_string())
            return fail(ErrorKind::corrupted, "what kubeadm init was given has a document without a kind");
        const auto name = kind->get<std::string>();
        name_arguments(document);
        leave_out(document, {}, "kubernetesVersion");
        leave_out(document, {}, "networking");
        leave_out(document, {}, "clusterCIDR");
        leave_out(document, {"nodeRegistration"}, "name");
        leave_out(document, {"nodeRegistration", "kubeletExtraArgs"}, "resolv-conf");
        leave_out(document, {"nodeRegistration"}, "ignorePreflightErrors");
        documents[name] = std::move(document);
    }
    return documents;
}

std::string text_of(const Json* value) {
    if (value == nullptr) return "not set";
    if (value->is_string()) return value->get<std::string>();
    return value->dump(-1, ' ', false, Json::error_handler_t::replace);  // kubelet's flags may be any bytes
}

void compare(const std::string& where, const Json* then, const Json* now, std::vector<std::string>& out) {
    if (then != nullptr && now != nullptr && *then == *now) return;
    const bool deeper = (then == nullptr || then->is_object()) && (now == nullptr || now->is_object());
    if (!deeper) {
        out.push_back(fmt::format("{}: {}, now {}", where, text_of(then), text_of(now)));
        return;
    }
    std::set<std::string> keys;
    for (const auto* side : {then, now})
        if (side != nullptr)
            for (const auto& [key, value] : side->items()) keys.insert(key);
    for (const auto& key : keys) {
        const auto inner = [&](const Json* side) {
            return side != nullptr && side->contains(key) ? &(*side)[key] : nullptr;
        };
        compare(where + (where.find(' ') == std::string::npos ? " " : ".") + key, inner(then), inner(now), out);
    }
}

using Flags = std::map<std::string, std::string>;

// kubeadm writes the file with Go's %q. A value with a blank is two words to systemd, and one to whoever wrote it.
Flags flags_of(std::string_view arguments) {
    std::string plain;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        if (arguments[i] == '\\' && i + 1 < arguments.size()) ++i;
        plain += arguments[i];
    }
    Flags flags;
    auto last = flags.end();
    for (const auto word : words_of(plain)) {
        if (!word.starts_with("--")) {
            if (last != flags.end()) last->second += fmt::format(" {}", word);
            continue;
        }
        const auto equals = word.find('=');
        const std::string name(word.substr(2, equals == std::string_view::npos ? equals : equals - 2));
        last =
            flags.insert_or_assign(name, equals == std::string_view::npos ? "" : std::string(word.substr(equals + 1)))
                .first;
    }
    return flags;
}

// Their order says nothing.
Json list_of(std::string_view text) {
    const auto parts = parts_of(text, ',');
    return std::set<std::string>(parts.begin(), parts.end());
}

std::string taints_as_flag(const std::vector<Taint>& taints) {  // core/v1 Taint.ToString
    std::string out;
    for (const auto& taint : taints) {
        out += fmt::format("{}{}", out.empty() ? "" : ",", taint.key);
        if (!taint.value.empty()) out += "=" + taint.value;
        if (!taint.value.empty() || !taint.effect.empty()) out += ":" + taint.effect;
    }
    return out;
}

Flags flags_for_join(const Config& config) {
    Flags flags = config.kubelet.extra_args;
    add_node_labels(flags, config);
    if (!config.node.taints.empty()) flags.emplace("register-with-taints", taints_as_flag(config.node.taints));
    return flags;
}

Json registration(const Flags& flags) {
    Json out{{"nodeRegistration", Json::object()}};
    auto& node = out["nodeRegistration"];
    for (const auto& [name, value] : flags) {
        if (name == "register-with-taints")
            node["taints"] = list_of(value);
        else if (name == "node-labels")
            node["kubeletExtraArgs"][name] = list_of(value);
        else
            node["kubeletExtraArgs"][name] = value;
    }
    return out;
}

// buildKubeletArgs in kubeadm's phases/kubelet/flags.go, from 1.22 on.
constexpr const char* kubeadms_own_flags[] = {"container-runtime", "container-runtime-endpoint", "hostname-override",
                                              "network-plugin", "pod-infra-container-image"};

}  // namespace

std::vector<std::string> settings_changed_since_join(std::string_view flags, const Config& config) {
    const auto arguments = kubelet_arguments(flags);
    std::vector<std::string> changed;
    if (arguments.data() == nullptr) return changed;
    Flags then = flags_of(arguments), now = flags_for_join(config);
    for (auto* side : {&then, &now}) side->erase("resolv-conf");
    for (const char* own : kubeadms_own_flags)
        if (!now.contains(own)) then.erase(own);
    const Json before = registration(then), wanted = registration(now);
    compare("JoinConfiguration", &before, &wanted, changed);
    return changed;
}

std::string read_once_text(std::string_view command, const std::vector<std::string>& changed) {
    return fmt::format(
        "changed since kubeadm {}, which reads its settings once, and without effect: {}; to apply them see \"a "
        "setting "
        "of the cluster is changed\" in docs/operations.md",
        command, join(changed, "; "));
}

Result<std::vector<std::string>> settings_changed_since_init(std::string_view given, const Config& config) {
    auto raw = NB_TRY_CONTEXT(parse_yaml(given), "what kubeadm init was given");
    std::string version;
    for (auto& document : raw)
        if (const Json* const said = yaml_at(document, {"kubernetesVersion"}); said != nullptr && said->is_string())
            version = said->get<std::string>();
    const KubeadmFacts facts{NB_TRY_CONTEXT(parse_version(version), "what kubeadm init was given"), "", ""};
    const Documents then = NB_TRY(by_kind(std::move(raw)));
    auto rendered = NB_TRY(parse_yaml(render_kubeadm_init(config, facts)));
    const Documents now = NB_TRY(by_kind(std::move(rendered)));
    std::vector<std::string> changed;
    for (const auto& [kind, document] : now) {
        const auto old = then.find(kind);
        if (old != then.end()) compare(kind, &old->second, &document, changed);
    }
    return changed;
}

}  // namespace nodeboot
