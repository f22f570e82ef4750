#include "launch/iam.hpp"

#include <algorithm>

#include "base/encoding.hpp"
#include "base/lines.hpp"
#include "launch/names.hpp"
#include "launch/policy.hpp"
#include "net/aws_endpoint.hpp"

namespace nodeboot {
namespace {

constexpr auto one_minute = std::chrono::minutes(1);

std::string word_of(Role role) { return role == Role::worker ? "worker" : "control-plane"; }

/// IAM as the plan below sees it. Roles and profiles of one name share a topic: a change to either is looked at whole.
class RoleView {
   public:
    RoleView(const CloudView& view, std::string name) : view_(view), name_(std::move(name)) {}

    static Question question(const std::string& action, QueryParameters parameters, const std::string& items,
                             const std::string& name) {
        return {.service = "iam",
                .action = action,
                .parameters = std::move(parameters),
                .items = items,
                .topic = topic(name)};
    }
    static std::string topic(const std::string& name) { return "role " + name; }

    Result<std::optional<Xml>> role() const { return one("GetRole", {{"RoleName", name_}}, "Role"); }
    Result<std::optional<Xml>> profile() const {
        return one("GetInstanceProfile", {{"InstanceProfileName", name_}}, "InstanceProfile");
    }
    /// The document, nothing when there is no such policy.
    Result<std::optional<std::string>> policy() const {
        const auto answer = NB_TRY(one("GetRolePolicy", {{"RoleName", name_}, {"PolicyName", role_policy_name}}, ""));
        if (!answer) return std::optional<std::string>{};
        return std::optional(percent_decode(answer->text_at("PolicyDocument")));
    }
    Result<CloudView::Answer> list(const std::string& action, const std::string& items) const {
        return view_.ask(question(action, {{"RoleName", name_}}, items, name_));
    }

   private:
    Result<std::optional<Xml>> one(const std::string& action, QueryParameters parameters,
                                   const std::string& items) const {
        const auto answer = NB_TRY(view_.ask(question(action, std::move(parameters), items, name_)));
        if (answer->empty()) return std::optional<Xml>{};
        return std::optional(answer->front());
    }

    const CloudView& view_;
    std::string name_;
};

/// All that RoleView is asked for when a role is planned.
std::vector<Question> questions_of(const std::string& name) {
    return {RoleView::question("GetRole", {{"RoleName", name}}, "Role", name),
            RoleView::question("GetInstanceProfile", {{"InstanceProfileName", name}}, "InstanceProfile", name),
            RoleView::question("GetRolePolicy", {{"RoleName", name}, {"PolicyName", role_policy_name}}, "", name)};
}

Tags tags_on(const Xml& item) {
    Tags tags;
    for (const Xml* tag : item.all("Tags/member")) tags[tag->text_at("Key")] = tag->text_at("Value");
    return tags;
}

/// Written when a role is made, and never changed.
std::string description(const Config& config, const std::string& region, Role role) {
    return fmt::format("nodeboot: {} of cluster {} in {}", word_of(role), config.cluster.name, region);
}

/// By its tag; one that has lost it by its description.
bool is_ours(const Xml& role, const Config& config, const std::string& region, Role of) {
    const auto tags = tags_on(role);
    const auto found = tags.find("nodeboot.io/cluster");
    if (found != tags.end()) return found->second == config.cluster.name;
    return role.text_at("Description") == description(config, region, of);
}

/// By its tag; one that has lost it by the role in it, which is ours.
bool is_ours(const Xml& profile, const Config& config, bool role_is_ours) {
    const auto tags = tags_on(profile);
    const auto found = tags.find("nodeboot.io/cluster");
    if (found != tags.end()) return found->second == config.cluster.name;
    return role_is_ours && profile.text_at("Roles/member/RoleName") == profile.text_at("InstanceProfileName");
}

void add_tags(Parameters& parameters, const Tags& tags) {
    unsigned n = 0;
    for (const auto& [key, value] : tags) {
        parameters.emplace_back(fmt::format("Tags.member.{}.Key", ++n), key);
        parameters.emplace_back(fmt::format("Tags.member.{}.Value", n), value);
    }
}

/// Plans one role with all that belongs to it.
class RolePlan {
   public:
    RolePlan(const CloudView& view, const Config& config, const std::string& region, Role role)
        : view_(view),
          config_(config),
          region_(region),
          role_(role),
          name_(role_name(config.cluster.name, region, role)),
          iam_(view, name_),
          tags_(tags_of(config, word_of(role), word_of(role))) {}

    Result<CloudChanges> plan(const BinaryObject& binary_object) {
        static_cast<void>(view_.ask_ahead(questions_of(name_)));  // whose answer is missing tells why
        const auto role = NB_TRY(iam_.role());
        const auto profile = NB_TRY(iam_.profile());
        const bool role_is_ours = role && is_ours(*role, config_, region_, role_);
        if (role && !role_is_ours) return somebody_elses("role");
        if (profile && !is_ours(*profile, config_, role_is_ours)) return somebody_elses("instance profile");
        NB_CHECK(plan_role(role));
        plan_profile(profile);
        const std::size_t before = changes_.size();
        NB_CHECK(plan_policy(role.has_value(), binary_object));
        const bool changes_policy = changes_.size() > before;
        plan_role_inside(profile);
        // The policy is the role's alone.
        if (changes_policy && changes_.size() > before + 1) call_of(changes_[before + 1]).beside = true;
        return std::move(changes_);
    }

   private:
    std::string subject(const char* part = "") const { return fmt::format("{} role{}", word_of(role_), part); }

    tl::unexpected<Error> somebody_elses(const char* what) const {
        return fail(ErrorKind::conflict,
                    fmt::format("the {} {} exists and does not bear this cluster's tag", what, name_),
                    "it may belong to somebody else: delete it, rename the cluster, or give profiles of your own with "
                    "instances.control_plane_profile and instances.worker_profile");
    }

    void change(std::string subject, std::string from, std::string to, std::string action, Parameters parameters) {
        changes_.push_back({std::move(subject), std::move(from), std::move(to),
                            ApiCall{.service = "iam",
                                    .action = std::move(action),
                                    .parameters = std::move(parameters),
                                    .topics = {RoleView::topic(name_)}}});
    }

    static ApiCall& call_of(CloudChange& change) { return std::get<ApiCall>(change.action); }

    Result<void> plan_role(const std::optional<Xml>& role) {
        const std::string trust = instance_trust_json(aws_partition(region_));
        const std::string& boundary = config_.instances.permissions_boundary;
        if (!role) {
            Parameters parameters{{"RoleName", name_},
                                  {"Description", description(config_, region_, role_)},
                                  {"AssumeRolePolicyDocument", trust}};
            if (!boundary.empty()) parameters.emplace_back("PermissionsBoundary", boundary);
            add_tags(parameters, tags_);
            change(subject(), "absent", name_, "CreateRole", std::move(parameters));
            return {};
        }
        if (!same_policy(percent_decode(role->text_at("AssumeRolePolicyDocument")), trust))
            change(subject(" trust"), "another", "EC2 instances", "UpdateAssumeRolePolicy",
                   {{"RoleName", name_}, {"PolicyDocument", trust}});
        const auto bounded = role->text_at("PermissionsBoundary/PermissionsBoundaryArn");
        if (!boundary.empty() && bounded != boundary)
            change(subject(" boundary"), bounded.empty() ? "none" : bounded, boundary, "PutRolePermissionsBoundary",
                   {{"RoleName", name_}, {"PermissionsBoundary", boundary}});
        plan_tags(*role, subject(" tags"), "TagRole", "RoleName");
        return {};
    }

    void plan_tags(const Xml& item, std::string subject, std::string action, std::string parameter) {
        const Tags present = tags_on(item);
        Tags missing;
        for (const auto& [key, value] : tags_)
            if (const auto found = present.find(key); found == present.end() || found->second != value)
                missing[key] = value;
        if (missing.empty()) return;
        std::string to;
        for (const auto& [key, value] : missing) to += fmt::format("{}{}={}", to.empty() ? "" : ", ", key, value);
        Parameters parameters{{std::move(parameter), name_}};
        add_tags(parameters, missing);
        change(std::move(subject), "missing", to, std::move(action), std::move(parameters));
    }

    Result<void> plan_policy(bool role_exists, const BinaryObject& binary_object) {
        const Policy wanted = node_policy({.cluster = config_.cluster.name,
                                           .region = region_,
                                           .account = NB_TRY(account_of(view_)),
                                           .binary_object = NB_TRY(binary_object(view_)),
                                           .publish_kubeconfig = config_.control_plane.publish_kubeconfig},
                                          role_);
        const std::string text = policy_json(wanted);
        const auto present = role_exists ? NB_TRY(iam_.policy()) : std::nullopt;
        if (present && same_policy(*present, text)) return {};
        std::vector<std::string> allows;
        for (const auto& statement : wanted)
            for (const auto& action : statement.actions)
                if (std::find(allows.begin(), allows.end(), action) == allows.end()) allows.push_back(action);
        change(subject(" policy"), present ? "another" : "absent", join(allows, ", "), "PutRolePolicy",
               {{"RoleName", name_}, {"PolicyName", role_policy_name}, {"PolicyDocument", text}});
        return {};
    }

    void plan_profile(const std::optional<Xml>& profile) {
        const std::string subject = fmt::format("{} instance profile", word_of(role_));
        if (!profile) {
            Parameters parameters{{"InstanceProfileName", name_}};
            add_tags(parameters, tags_);
            change(subject, "absent", name_, "CreateInstanceProfile", std::move(parameters));
            call_of(changes_.back()).beside = true;
        } else {
            plan_tags(*profile, subject + " tags", "TagInstanceProfile", "InstanceProfileName");
        }
    }

    void plan_role_inside(const std::optional<Xml>& profile) {
        const std::string subject = fmt::format("{} instance profile", word_of(role_));
        const std::string inside = profile ? profile->text_at("Roles/member/RoleName") : std::string();
        if (inside == name_) return;
        if (!inside.empty())
            change(subject, inside, "empty", "RemoveRoleFromInstanceProfile",
                   {{"InstanceProfileName", name_}, {"RoleName", inside}});
        change(subject, "empty", "holds the role", "AddRoleToInstanceProfile",
               {{"InstanceProfileName", name_}, {"RoleName", name_}});
    }

    const CloudView& view_;
    const Config& config_;
    std::string region_;
    Role role_;
    std::string name_;
    RoleView iam_;
    Tags tags_;
    CloudChanges changes_;
};

const std::string& given_profile(const Config& config, Role role) {
    return role == Role::worker ? config.instances.worker_profile : config.instances.control_plane_profile;
}

CloudChange removal(const std::string& name, const std::string& subject, std::string action, Parameters parameters) {
    return {subject, "present", "gone",
            ApiCall{.service = "iam",
                    .action = std::move(action),
                    .parameters = std::move(parameters),
                    .deletes = subject,
                    .topics = {RoleView::topic(name)}}};
}

/// IAM deletes only what is empty.
Result<CloudChanges> plan_role_removal(const CloudView& view, const Config& config, const std::string& region,
                                       Role of) {
    const std::string name = role_name(config.cluster.name, region, of), word = word_of(of);
    const RoleView iam(view, name);
    CloudChanges changes;
    const auto role = NB_TRY(iam.role());
    const bool role_is_ours = role && is_ours(*role, config, region, of);
    if (const auto profile = NB_TRY(iam.profile()); profile && is_ours(*profile, config, role_is_ours)) {
        for (const Xml* held : profile->all("Roles/member/RoleName"))
            changes.push_back(removal(name, fmt::format("{} in the {} instance profile", held->text, word),
                                      "RemoveRoleFromInstanceProfile",
                                      {{"InstanceProfileName", name}, {"RoleName", held->text}}));
        changes.push_back(removal(name, fmt::format("{} instance profile {}", word, name), "DeleteInstanceProfile",
                                  {{"InstanceProfileName", name}}));
    }
    if (!role_is_ours) return changes;
    const auto inlined = NB_TRY(iam.list("ListRolePolicies", "PolicyNames/member"));
    for (const Xml& policy : *inlined)
        changes.push_back(removal(name, fmt::format("{} role policy {}", word, policy.text), "DeleteRolePolicy",
                                  {{"RoleName", name}, {"PolicyName", policy.text}}));
    const auto attached = NB_TRY(iam.list("ListAttachedRolePolicies", "AttachedPolicies/member"));
    for (const Xml& policy : *attached)
        changes.push_back(removal(name, fmt::format("{} role policy {}", word, policy.text_at("PolicyName")),
                                  "DetachRolePolicy",
                                  {{"RoleName", name}, {"PolicyArn", policy.text_at("PolicyArn")}}));
    changes.push_back(removal(name, fmt::format("{} role {}", word, name), "DeleteRole", {{"RoleName", name}}));
    return changes;
}

constexpr Role both[] = {Role::control_plane, Role::worker};

Question account_question() {
    return {.service = "sts", .action = "GetCallerIdentity", .parameters = {}, .items = {}, .topic = "caller"};
}

}  // namespace

void add_roles(CloudPhases& phases, const Config& config, const std::string& region, BinaryObject binary_object) {
    for (const Role role : both) {
        if (!given_profile(config, role).empty()) continue;
        phases.push_back(
            make_cloud_phase({word_of(role) + "-role",
                              fmt::format("what a {} may do: role, policy, instance profile", word_of(role)),
                              {},
                              one_minute},
                             [&config, region, role, binary_object](const CloudView& view) {
                                 return RolePlan(view, config, region, role).plan(binary_object);
                             }));
    }
}

void add_role_removal(CloudPhases& phases, const Config& config, const std::string& region) {
    for (const Role role : both)
        phases.push_back(make_cloud_phase({word_of(role) + "-role",
                                           fmt::format("role and instance profile of the {}", word_of(role)),
                                           {"instances"},
                                           one_minute},
                                          [&config, region, role](const CloudView& view) -> Result<CloudChanges> {
                                              auto changes = plan_role_removal(view, config, region, role);
                                              // Who gives profiles may have made roles before, and need not be allowed to look.
                                              const bool expected = given_profile(config, role).empty();
                                              if (!changes && !expected &&
                                                  changes.error().kind == ErrorKind::permission)
                                                  return CloudChanges{};
                                              return changes;
                                          }));
}

std::vector<Question> role_questions(const Config& config, const std::string& region) {
    std::vector<Question> questions{account_question()};
    for (const Role role : both) {
        if (!given_profile(config, role).empty()) continue;
        for (auto& question : questions_of(role_name(config.cluster.name, region, role)))
            questions.push_back(std::move(question));
    }
    return questions;
}

std::string profile_name(const Config& config, const std::string& region, Role role) {
    const std::string& given = given_profile(config, role);
    return given.empty() ? role_name(config.cluster.name, region, role) : given;
}

Result<std::string> profile_id(const CloudView& view, const Config& config, const std::string& region, Role role) {
    if (!given_profile(config, role).empty()) return std::string();
    const auto profile = NB_TRY(RoleView(view, role_name(config.cluster.name, region, role)).profile());
    return profile ? profile->text_at("InstanceProfileId") : std::string();
}

Result<std::string> account_of(const CloudView& view) {
    const auto answer = NB_TRY(view.ask(account_question()));
    auto account = answer->empty() ? std::string() : answer->front().text_at("Account");
    if (account.empty()) return fail(ErrorKind::corrupted, "sts GetCallerIdentity: the answer names no account");
    return account;
}

}  // namespace nodeboot
