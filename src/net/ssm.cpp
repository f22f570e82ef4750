#include "net/ssm.hpp"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/json.hpp"

namespace nodeboot {
namespace {

using Json = nlohmann::json;

AwsCall ssm_call(const std::string& action, const std::string& name, Json body) {
    body["Name"] = name;
    AwsCall call = json_call("ssm", "AmazonSSM", action, body);
    call.what = fmt::format("SSM {} {}", action, name);
    return call;
}

Error with_permission_hint(Error error, const std::string& action) {
    if (error.kind == ErrorKind::permission && error.hint.empty())
        error.hint = fmt::format("the role needs ssm:{} on this parameter", action);
    return error;
}

}  // namespace

Result<std::optional<std::string>> Ssm::value_of(const std::string& name, const Options& options, bool decrypt) const {
    AwsCall call = ssm_call("GetParameter", name, {{"WithDecryption", decrypt}});
    call.retry = options.retry;
    call.stop = options.stop;
    const auto answer = NB_TRY(client_.send(call));
    if (const auto* fault = std::get_if<AwsFault>(&answer)) {
        if (fault->code == "ParameterNotFound") return std::optional<std::string>{};
        return fail(with_permission_hint(fault_error(call.what, *fault), "GetParameter"));
    }
    const auto json = NB_TRY(parse_json(std::get<HttpResponse>(answer).body, call.what + ": the answer"));
    auto value = json_string(json, {"Parameter", "Value"});
    if (!value) return fail(ErrorKind::corrupted, call.what + ": the answer holds no value");
    return value;
}

Result<std::optional<Secret>> Ssm::get(const std::string& name, const Options& options) const {
    auto value = NB_TRY(value_of(name, options, true));
    if (!value) return std::optional<Secret>{};
    return std::optional(Secret(*std::move(value)));
}

Result<std::optional<std::string>> Ssm::get_plain(const std::string& name, const Options& options) const {
    return value_of(name, options, false);
}

Result<bool> Ssm::put(const std::string& name, const Secret& value, Type type, Overwrite overwrite) {
    Json body{{"Value", std::string(value.reveal())},
              {"Type", type == Type::secure_string ? "SecureString" : "String"},
              {"Overwrite", overwrite == Overwrite::yes}};
    // The standard tier, which costs nothing, holds 4 KB; longer values go to the advanced one, if AWS has to.
    if (value.reveal().size() > 4096) body["Tier"] = "Intelligent-Tiering";
    const AwsCall call = ssm_call("PutParameter", name, std::move(body));
    const auto answer = NB_TRY(client_.send(call));
    const auto* fault = std::get_if<AwsFault>(&answer);
    if (fault == nullptr) return true;
    if (fault->code == "ParameterAlreadyExists" && overwrite == Overwrite::no) return false;
    return fail(with_permission_hint(fault_error(call.what, *fault), "PutParameter"));
}

Result<void> Ssm::remove(const std::string& name) {
    const AwsCall call = ssm_call("DeleteParameter", name, Json::object());
    const auto answer = NB_TRY(client_.send(call));
    const auto* fault = std::get_if<AwsFault>(&answer);
    if (fault == nullptr || fault->code == "ParameterNotFound") return {};
    return fail(with_permission_hint(fault_error(call.what, *fault), "DeleteParameter"));
}

Result<std::vector<std::string>> Ssm::names_below(const std::string& path) const {
    std::vector<std::string> names;
    for (std::string next;;) {
        Json body{{"Path", path}, {"Recursive", true}, {"WithDecryption", false}};
        if (!next.empty()) body["NextToken"] = next;
        AwsCall call = json_call("ssm", "AmazonSSM", "GetParametersByPath", body);
        call.what = "SSM GetParametersByPath " + path;
        const auto answer = NB_TRY(client_.send(call));
        if (const auto* fault = std::get_if<AwsFault>(&answer))
            return fail(with_permission_hint(fault_error(call.what, *fault), "GetParametersByPath"));
        const auto json = NB_TRY(parse_json(std::get<HttpResponse>(answer).body, call.what + ": the answer"));
        const Json* parameters = json_at(json, {"Parameters"});
        if (parameters == nullptr) return fail(ErrorKind::corrupted, call.what + ": the answer holds no list");
        for (const auto& parameter : *parameters)
            if (auto name = json_string(parameter, {"Name"})) names.push_back(*std::move(name));
        auto following = json_string(json, {"NextToken"}).value_or("");
        if (following.empty()) return names;
        if (following == next)
            return fail(ErrorKind::corrupted, call.what + ": the answer leads to the same page again");
        next = std::move(following);
    }
}

}  // namespace nodeboot
