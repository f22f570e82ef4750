#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nodeboot {

/// IAM policy documents, as values: a policy here only allows, and what it does not name is denied.
struct PolicyStatement {
    struct Condition {
        std::string test;  ///< "StringEquals"
        std::string key;   ///< "aws:ResourceTag/nodeboot.io/cluster"
        std::vector<std::string> values;
        friend bool operator==(const Condition&, const Condition&) = default;
    };
    std::string sid;  ///< letters and digits, or nothing
    std::vector<std::string> actions;
    std::vector<std::string> resources;
    std::vector<Condition> conditions = {};
    friend bool operator==(const PolicyStatement&, const PolicyStatement&) = default;
};
using Policy = std::vector<PolicyStatement>;

/// The document in JSON: on one line, or indented for people.
enum class PolicyText { compact, indented };
std::string policy_json(const Policy& policy, PolicyText form = PolicyText::compact);

/// What IAM counts against its limits: white space is none of it (IAM User Guide, "IAM and AWS STS quotas").
std::size_t counted_size(const Policy& policy);
inline constexpr std::size_t managed_policy_limit = 6144;

/// Who may take on an instance's role: EC2, on behalf of instances.
std::string instance_trust_json(const std::string& partition);

/// Whether two documents say the same: IAM gives them back with other white space, and a single value with or without
/// brackets is the same. False when either is no JSON.
bool same_policy(std::string_view a, std::string_view b);

}  // namespace nodeboot
