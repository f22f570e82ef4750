#include "launch/policy.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.hpp"

namespace nodeboot {
namespace {

using Json = nlohmann::ordered_json;  // people read it: Version first

Json one_or_many(const std::vector<std::string>& values) { return values.size() == 1 ? Json(values[0]) : Json(values); }

Json document(Json statements) { return {{"Version", "2012-10-17"}, {"Statement", std::move(statements)}}; }

/// Lists sorted, and those of one value replaced by it.
nlohmann::json normal(const nlohmann::json& json) {
    if (json.is_object()) {
        auto out = nlohmann::json::object();
        for (const auto& [key, value] : json.items()) out[key] = normal(value);
        return out;
    }
    if (!json.is_array()) return json;
    auto out = nlohmann::json::array();
    for (const auto& value : json) out.push_back(normal(value));
    std::sort(out.begin(), out.end());
    return out.size() == 1 ? nlohmann::json(out[0]) : out;
}

}  // namespace

std::string policy_json(const Policy& policy, PolicyText form) {
    auto statements = Json::array();
    for (const auto& statement : policy) {
        Json one;
        if (!statement.sid.empty()) one["Sid"] = statement.sid;
        one["Effect"] = "Allow";
        one["Action"] = one_or_many(statement.actions);
        one["Resource"] = one_or_many(statement.resources);
        for (const auto& condition : statement.conditions)
            one["Condition"][condition.test][condition.key] = one_or_many(condition.values);
        statements.push_back(std::move(one));
    }
    return document(std::move(statements)).dump(form == PolicyText::indented ? 2 : -1);
}

std::size_t counted_size(const Policy& policy) {
    const std::string text = policy_json(policy);
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return c != ' ' && c != '\n'; }));
}

std::string instance_trust_json(const std::string& partition) {
    const std::string service = partition == "aws-cn" ? "ec2.amazonaws.com.cn" : "ec2.amazonaws.com";
    return document(Json::array(
                        {{{"Effect", "Allow"}, {"Principal", {{"Service", service}}}, {"Action", "sts:AssumeRole"}}}))
        .dump();
}

bool same_policy(std::string_view a, std::string_view b) {
    const auto first = parse_json(a, "policy"), second = parse_json(b, "policy");
    return first && second && normal(*first) == normal(*second);
}

}  // namespace nodeboot
