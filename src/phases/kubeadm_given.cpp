#include "phases/kubeadm_given.hpp"

#include <fmt/core.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/version.hpp"
#include "base/yaml.hpp"
#include "phases/kubeadm_config.hpp"

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

Json* member(Json& document, std::initializer_list<const char*> path) {
    Json* at = &document;
    for (const char* key : path) {
        if (!at->is_object() || !at->contains(key)) return nullptr;
        at = &(*at)[key];
    }
    return at;
}

void leave_out(Json& document, std::initializer_list<const char*> folder, const char* key) {
    if (Json* in = member(document, folder); in != nullptr && in->is_object()) in->erase(key);
}

Result<Documents> by_kind(std::vector<Json> raw) {
    Documents documents;
    for (auto& document : raw) {
        const Json* const kind = member(document, {"kind"});
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
    return value->is_string() ? value->get<std::string>() : value->dump();
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

}  // namespace

Result<std::vector<std::string>> settings_changed_since_init(std::string_view given, const Config& config) {
    auto raw = NB_TRY_CONTEXT(parse_yaml(given), "what kubeadm init was given");
    std::string version;
    for (auto& document : raw)
        if (const Json* const said = member(document, {"kubernetesVersion"}); said != nullptr && said->is_string())
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
