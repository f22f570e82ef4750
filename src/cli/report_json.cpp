#include "cli/report_json.hpp"

#include <nlohmann/json.hpp>

#include "base/config_schema.hpp"
#include "base/config_secrets.hpp"
#include "engine/record.hpp"
#include "version.hpp"

namespace nodeboot::cli {
namespace {

using Json = nlohmann::ordered_json;

Json document(const std::string& command) { return {{"format", 1}, {"command", command}}; }

std::string text(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

Json mistakes_json(const std::vector<ConfigMistake>& mistakes) {
    Json out = Json::array();
    for (const auto& mistake : mistakes)
        out.push_back({{"source", mistake.origin.source},
                       {"line", mistake.origin.position.line},
                       {"column", mistake.origin.position.column},
                       {"key", mistake.key},
                       {"message", mistake.message}});
    return out;
}

Json value_json(const TomlValue& value) {
    struct Convert {
        Json operator()(bool v) const { return v; }
        Json operator()(std::int64_t v) const { return v; }
        Json operator()(double v) const { return v; }
        Json operator()(const std::string& v) const { return v; }
        Json operator()(const TomlDate& v) const { return v.text; }
        Json operator()(const TomlArray& v) const {
            Json out = Json::array();
            for (const auto& element : v) out.push_back(value_json(element));
            return out;
        }
        Json operator()(const TomlTable& v) const {
            Json out = Json::object();
            for (const auto& entry : v.entries) out[entry.key] = value_json(entry.value);
            return out;
        }
    };
    return std::visit(Convert{}, value.data);
}

}  // namespace

std::string run_json(const std::string& command, const RunReport& report) {
    Json out = document(command);
    out.update(report_json(report));
    return text(out);
}

std::string status_json(const RunReport& report, const NodeFacts& facts) {
    Json out = document("node status");
    out["node"] = facts.name;
    out["ready"] = facts.ready ? Json(*facts.ready) : Json();
    out["ready_message"] = facts.ready_message;
    out["versions"] = Json::object();
    for (const auto& [name, version] : facts.versions) out["versions"][name] = version;
    out["certificates"] = Json::array();
    for (const auto& certificate : facts.certificates)
        out["certificates"].push_back(
            {{"name", certificate.name}, {"not_after", format_rfc3339(certificate.not_after)}});
    out.update(report_json(report));
    return text(out);
}

std::string check_json(const LoadedConfig& loaded) {
    Json out = document("config check");
    out["ok"] = loaded.ok();
    out["mistakes"] = mistakes_json(loaded.mistakes);
    out["warnings"] = mistakes_json(loaded.warnings);
    return text(out);
}

std::string show_json(const LoadedConfig& loaded) {
    Json out = document("config show");
    out["settings"] = Json::object();
    for (const auto& setting : config_settings()) {
        const std::string key(setting.key);
        const auto secret = secret_in(setting, loaded.config);
        Json& entry = out["settings"][key] = {{"value", value_json(setting.get(loaded.config))}};
        if (!secret.empty()) entry = {{"value", nullptr}, {"secret", secret}};
        if (!setting.is_table()) {
            entry["origin"] = loaded.origin_of(key).text();
            continue;
        }
        entry["origins"] = Json::object();
        for (const auto& [origin_key, origin] : loaded.origins)
            if (origin_key.starts_with(key + ".")) entry["origins"][origin_key.substr(key.size() + 1)] = origin.text();
    }
    return text(out);
}

std::string phases_json(const Catalog& catalog) {
    Json out = document("phases");
    out["phases"] = Json::array();
    for (const auto& phase : catalog.phases())
        out["phases"].push_back(
            {{"name", phase.info.name}, {"summary", phase.info.summary}, {"needs", phase.info.needs}});
    return text(out);
}

std::string version_json() {
    Json out = document("version");
    out["version"] = version();
    out["commit"] = git_commit();
    return text(out);
}

std::string bundle_json(const std::string& command, const std::string& path, const BundleManifest& manifest) {
    Json out = document(command);
    out["ok"] = true;
    out["path"] = path;
    out["kubernetes"] = "v" + manifest.kubernetes.text();
    out["arch"] = manifest.arch;
    out["standin"] = manifest.standin;
    out["files"] = Json::array();
    for (const auto& file : manifest.files)
        out["files"].push_back({{"path", file.path},
                                {"kind", to_string(file.kind)},
                                {"sha256", file.sha256},
                                {"size", file.size},
                                {"refs", file.refs}});
    return text(out);
}

std::string cluster_status_json(const RunReport& report, const Config& config, const std::string& region,
                                const std::vector<NodeState>& nodes) {
    Json out = document("cluster status");
    out["cluster"] = config.cluster.name;
    out["region"] = region;
    out["nodes"] = Json::array();
    for (const auto& node : nodes) {
        const auto& console = node.console;
        const bool troubled = !console.error.message.empty();
        out["nodes"].push_back({{"name", node.ref.name},
                                {"instance", node.id},
                                {"type", node.type},
                                {"zone", node.zone},
                                {"private_ip", node.private_ip},
                                {"public_ip", node.public_ip},
                                {"state", node.state},
                                {"console",
                                 {{"state", to_string(console.state)},
                                  {"at", console.at},
                                  {"doing", console.doing},
                                  {"error", troubled ? error_json(console.error) : Json()}}}});
    }
    out.update(report_json(report));
    return text(out);
}

std::string user_data_json(const std::string& user_data) {
    Json out = document("cluster user-data");
    out["user_data"] = user_data;
    return text(out);
}

std::string failure_json(const std::string& command, const Error& error) {
    Json out = document(command);
    out["ok"] = false;
    out["changed"] = false;
    out["phases"] = Json::array();
    out["changes"] = Json::array();
    out["error"] = error_json(error);
    return text(out);
}

}  // namespace nodeboot::cli
