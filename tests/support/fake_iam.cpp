#include "support/fake_iam.hpp"

#include <fmt/core.h>

#include "base/encoding.hpp"

namespace nodeboot::testing {
namespace {

Xml text(std::string name, std::string value) { return {std::move(name), std::move(value), {}}; }
Xml parent(std::string name, std::vector<Xml> children) { return {std::move(name), "", std::move(children)}; }

AwsFault fault(std::string code, int status = 400) { return {status, std::move(code), "as IAM would say it", "req-1"}; }
AwsFault missing() { return fault("NoSuchEntity", 404); }

Xml tags_of(const FakeIam::Holder& holder) {
    Xml out = parent("Tags", {});
    for (const auto& [key, value] : holder.tags)
        out.children.push_back(parent("member", {text("Key", key), text("Value", value)}));
    return out;
}

Xml list_of(std::string name, const std::vector<Xml>& members) { return parent(std::move(name), members); }

}  // namespace

struct FakeIam::Call {
    const QueryParameters& parameters;
    std::string get(const std::string& name) const {
        for (const auto& [key, value] : parameters)
            if (key == name) return value;
        return {};
    }
    void copy_tags(Holder& into) const {
        for (unsigned n = 1; !get(fmt::format("Tags.member.{}.Key", n)).empty(); ++n)
            into.tags[get(fmt::format("Tags.member.{}.Key", n))] = get(fmt::format("Tags.member.{}.Value", n));
    }
};

FakeIam::Holder* FakeIam::find(std::map<std::string, Holder>& holders, const std::string& name) {
    const auto found = holders.find(name);
    const bool hidden = found != holders.end() && invisible_for > Duration::zero() &&
                        clock_.steady() - found->second.made < invisible_for;
    return found == holders.end() || hidden ? nullptr : &found->second;
}

FakeIam::Answer FakeIam::on_role(const std::string& action, const Call& call, Holder& role) {
    const std::string policy = call.get("PolicyName");
    if (action == "GetRole")
        return parent(
            "GetRoleResult",
            {parent("Role", {text("RoleName", call.get("RoleName")), text("Description", role.description),
                             text("AssumeRolePolicyDocument", percent_encode(role.trust)), tags_of(role),
                             parent("PermissionsBoundary", {text("PermissionsBoundaryArn", role.boundary)})})});
    if (action == "GetRolePolicy") {
        const auto found = role.policies.find(policy);
        if (found == role.policies.end()) return missing();
        return parent("GetRolePolicyResult", {text("PolicyDocument", percent_encode(found->second))});
    }
    if (action == "ListRolePolicies" || action == "ListAttachedRolePolicies") {
        std::vector<Xml> members;
        if (action == "ListRolePolicies")
            for (const auto& [name, document] : role.policies) members.push_back(text("member", name));
        else
            for (const auto& arn : role.attached)
                members.push_back(parent("member", {text("PolicyName", arn), text("PolicyArn", arn)}));
        return parent("R", {list_of(action == "ListRolePolicies" ? "PolicyNames" : "AttachedPolicies", members)});
    }
    log.push_back(action);
    if (action == "PutRolePolicy") role.policies[policy] = call.get("PolicyDocument");
    if (action == "DeleteRolePolicy" && role.policies.erase(policy) == 0) return missing();
    if (action == "DetachRolePolicy" && role.attached.erase(call.get("PolicyArn")) == 0) return missing();
    if (action == "UpdateAssumeRolePolicy") role.trust = call.get("PolicyDocument");
    if (action == "PutRolePermissionsBoundary") role.boundary = call.get("PermissionsBoundary");
    if (action == "TagRole") call.copy_tags(role);
    if (action == "DeleteRole") {
        bool used = !role.policies.empty() || !role.attached.empty();
        for (const auto& [name, profile] : profiles) used = used || profile.roles.contains(call.get("RoleName"));
        if (used) return fault("DeleteConflict", 409);
        roles.erase(call.get("RoleName"));
    }
    return Xml{"R", "", {}};
}

FakeIam::Answer FakeIam::on_profile(const std::string& action, const Call& call, Holder& profile) {
    const std::string role = call.get("RoleName");
    if (action == "GetInstanceProfile") {
        std::vector<Xml> members;
        for (const auto& name : profile.roles) members.push_back(parent("member", {text("RoleName", name)}));
        return parent("R", {parent("InstanceProfile", {text("InstanceProfileName", call.get("InstanceProfileName")),
                                                       text("InstanceProfileId", profile.id), list_of("Roles", members),
                                                       tags_of(profile)})});
    }
    log.push_back(action);
    if (action == "AddRoleToInstanceProfile") {
        if (find(roles, role) == nullptr) return missing();
        if (!profile.roles.empty()) return fault("LimitExceeded", 409);
        profile.roles.insert(role);
    }
    if (action == "RemoveRoleFromInstanceProfile" && profile.roles.erase(role) == 0) return missing();
    if (action == "TagInstanceProfile") call.copy_tags(profile);
    if (action == "DeleteInstanceProfile") {
        if (!profile.roles.empty()) return fault("DeleteConflict", 409);
        profiles.erase(call.get("InstanceProfileName"));
    }
    return Xml{"R", "", {}};
}

FakeIam::Answer FakeIam::carry_out(const std::string& action, const Call& call) {
    if (action == "GetCallerIdentity")
        return parent("R", {text("Account", account), text("Arn", "arn:aws:iam::" + account + ":user/ada")});
    const std::string role = call.get("RoleName"), profile = call.get("InstanceProfileName");
    if (action == "CreateRole" || action == "CreateInstanceProfile") {
        auto& holders = action == "CreateRole" ? roles : profiles;
        auto [at, fresh] = holders.try_emplace(action == "CreateRole" ? role : profile);
        if (!fresh) return fault("EntityAlreadyExists", 409);
        log.push_back(action);
        at->second.made = clock_.steady();
        at->second.id = "AIPA of " + profile;
        at->second.trust = call.get("AssumeRolePolicyDocument");
        at->second.boundary = call.get("PermissionsBoundary");
        at->second.description = call.get("Description");
        call.copy_tags(at->second);
        return Xml{"R", "", {}};
    }
    Holder* holder = profile.empty() ? find(roles, role) : find(profiles, profile);
    if (holder == nullptr) return missing();
    return profile.empty() ? on_role(action, call, *holder) : on_profile(action, call, *holder);
}

Result<FakeIam::Answer> FakeIam::call(const std::string&, const std::string& action, const QueryParameters& parameters,
                                      const QueryOptions&) {
    const std::lock_guard lock(mutex_);
    ++calls;
    if (refuse)
        if (auto refused = refuse(action)) return Answer(*std::move(refused));
    auto answer = carry_out(action, Call{parameters});
    if (lose_answers_of.contains(calls)) return fail(ErrorKind::unavailable, action + ": the answer was lost");
    return answer;
}

}  // namespace nodeboot::testing
