#include "launch/instances.hpp"

#include <algorithm>

namespace nodeboot {
namespace {

/// Which subnets may hold it, the first choice first: workers are dealt out in turn.
std::vector<Ref> subnets_for(const Config& config, const Ref& ref, std::size_t number) {
    if (ref == parts::control_plane) return {parts::public_subnet};
    auto subnets = private_subnet_refs(config);
    if (subnets.empty()) return subnets;
    std::rotate(subnets.begin(), subnets.begin() + static_cast<std::ptrdiff_t>(number % subnets.size()), subnets.end());
    return subnets;
}

const Ref& group_of(const Ref& ref) {
    return ref == parts::control_plane ? parts::control_plane_group : parts::worker_group;
}

const std::string& type_of(const Config& config, const Ref& ref) {
    return ref == parts::control_plane ? config.instances.control_plane_type : config.instances.worker_type;
}

Tags instance_tags(const Config& config, const Ref& ref) {
    return tags_of(config, ref.name, ref == parts::control_plane ? "control-plane" : "worker");
}

void want_metadata_options(CloudChanges& changes, const Resource& instance, const std::string& subject) {
    struct Option {
        const char *path, *parameter, *wanted;
    };
    constexpr Option options[] = {{"httpEndpoint", "HttpEndpoint", "enabled"},
                                  {"httpTokens", "HttpTokens", "required"},
                                  {"httpPutResponseHopLimit", "HttpPutResponseHopLimit", "1"}};
    std::string from, to;
    Parameters parameters{{"InstanceId", instance.id}};
    for (const auto& [path, parameter, wanted] : options) {
        const auto is = instance.text(std::string("metadataOptions/") + path);
        parameters.emplace_back(parameter, wanted);
        if (is == wanted) continue;
        from += fmt::format("{}{} {}", from.empty() ? "" : ", ", path, is);
        to += fmt::format("{}{} {}", to.empty() ? "" : ", ", path, wanted);
    }
    if (to.empty()) return;
    changes.push_back({subject + " metadata options", from, to,
                       ApiCall{.action = "ModifyInstanceMetadataOptions",
                               .parameters = std::move(parameters),
                               .topics = {topic_of(Kind::instance)}}});
}

Result<void> want_group(CloudChanges& changes, const CloudView& view, const Resource& instance, const Ref& ref) {
    const auto group = NB_TRY(view.known(group_of(ref)));
    std::string from;
    bool right = false;
    const auto groups = instance.item.all("groupSet/item");
    for (const Xml* item : groups) {
        from += (from.empty() ? "" : ", ") + item->text_at("groupId");
        right = group && groups.size() == 1 && item->text_at("groupId") == group->id;
    }
    if (!right)
        changes.push_back({to_string(ref) + " security groups", from, group_of(ref).name,
                           ApiCall{.action = "ModifyInstanceAttribute",
                                   .parameters = {{"InstanceId", instance.id}, {"GroupId.1", group_of(ref)}},
                                   .topics = {topic_of(Kind::instance)}}});
    return {};
}

/// One that was deleted and made again has the same name and ARN, and gives instances of the old one no credentials: its id
/// tells ("Unique identifiers" in IAM's user guide).
Result<void> want_profile(CloudChanges& changes, const CloudView& view, const Resource& instance,
                          const std::string& subject, const LaunchSources& sources, Role role) {
    const std::string profile = sources.profile(role);
    const std::string arn = instance.text("iamInstanceProfile/arn"), id = instance.text("iamInstanceProfile/id");
    std::string name = arn.substr(arn.rfind('/') + 1);
    if (name == profile) {
        const auto wanted = NB_TRY(sources.profile_id(view, role));
        if (id.empty() || wanted.empty() || id == wanted) return {};
        name = "a deleted one of that name";
    }
    ApiCall call{.action = "AssociateIamInstanceProfile",
                 .parameters = {{"IamInstanceProfile.Name", profile}, {"InstanceId", instance.id}},
                 .topics = {topic_of(Kind::instance)}};
    if (!name.empty()) {
        const auto answer = NB_TRY(view.ask({.action = "DescribeIamInstanceProfileAssociations",
                                             .parameters = {{"Filter.1.Name", "instance-id"},
                                                            {"Filter.1.Value.1", instance.id},
                                                            {"Filter.2.Name", "state"},
                                                            {"Filter.2.Value.1", "associated"}},
                                             .items = "iamInstanceProfileAssociationSet/item",
                                             .topic = topic_of(Kind::instance)}));
        if (!answer->empty()) {
            call.action = "ReplaceIamInstanceProfileAssociation";
            call.parameters[1] = {"AssociationId", answer->front().text_at("associationId")};
        }
    }
    changes.push_back({subject + " profile", name.empty() ? "none" : name, profile, std::move(call)});
    return {};
}

/// What the instance was started with bears its tags, too. A volume that is not listed has lost the cluster's.
Result<void> want_tags_below(CloudChanges& changes, const CloudView& view, const Resource& instance,
                             const std::string& subject, const Tags& tags) {
    if (view.made_here(instance.id)) return {};
    for (const auto& [kind, path] :
         {std::pair(Kind::volume, "blockDeviceMapping/item/ebs/volumeId"),
          std::pair(Kind::network_interface, "networkInterfaceSet/item/networkInterfaceId")}) {
        const auto ours = NB_TRY(view.all(kind));
        for (const Xml* id : instance.item.all(path)) {
            const auto it =
                std::find_if(ours.begin(), ours.end(), [&](const Found& found) { return found->id == id->text; });
            Resource bare{kind, id->text, {}, {}};
            want_tags(changes, it == ours.end() ? bare : **it, fmt::format("{} {}", subject, info_of(kind).word), tags);
        }
    }
    return {};
}

CloudChange start_again(const Resource& instance, const std::string& subject) {
    return {subject, instance.state(), "running",
            CloudProcedure{"start instance", {instance.id}, [id = instance.id](CloudContext& context) -> Result<void> {
                               const auto stopped = [&]() -> Result<bool> {
                                   context.cloud.forget(Kind::instance);
                                   for (const auto& found : NB_TRY(context.cloud.listed(Kind::instance)))
                                       if (found->id == id) return found->state() != "stopping";
                                   return true;
                               };
                               NB_CHECK(wait_until(context.step, "it to have stopped", stopped));
                               return context.cloud.perform(ApiCall{.action = "StartInstances",
                                                                    .parameters = {{"InstanceId.1", id}},
                                                                    .topics = {topic_of(Kind::instance)}},
                                                            context.step);
                           }}};
}

class Plan {
   public:
    Plan(const CloudView& view, const Config& config, const LaunchSources& sources, Ref ref, std::size_t number)
        : view_(view), config_(config), sources_(sources), ref_(std::move(ref)), number_(number) {}

    Result<CloudChanges> make() {
        const auto found = NB_TRY(view_.find(ref_));
        if (!found) {
            NB_CHECK(launch());
            return std::move(changes_);
        }
        const std::string subject = to_string(ref_);
        if (found->state() == "stopped" || found->state() == "stopping")
            changes_.push_back(start_again(*found, subject));
        const Tags tags = instance_tags(config_, ref_);
        want_tags(changes_, *found, subject, tags);
        NB_CHECK(want_tags_below(changes_, view_, *found, subject, tags));
        want_metadata_options(changes_, *found, subject);
        NB_CHECK(want_group(changes_, view_, *found, ref_));
        NB_CHECK(want_profile(changes_, view_, *found, subject, sources_, role_of(ref_)));
        return std::move(changes_);
    }

   private:
    Result<void> launch() {
        auto start = NB_TRY(sources_.start(view_, role_of(ref_)));
        auto subnets = subnets_for(config_, ref_, number_);
        changes_.push_back(
            {to_string(ref_), "absent",
             fmt::format("{} from {} in {}", type_of(config_, ref_), start.image, to_string(subnets.front())),
             CloudProcedure{"launch instance",
                            {ref_.name, type_of(config_, ref_), start.image, start.profile},
                            [config = &config_, ref = ref_, start, subnets](CloudContext& context) {
                                return launch_instance(context, *config, ref, start, subnets);
                            }}});
        return {};
    }

    const CloudView& view_;
    const Config& config_;
    const LaunchSources& sources_;
    Ref ref_;
    std::size_t number_;
    CloudChanges changes_;
};

/// "worker-12" → 12; 0 for anything else.
std::size_t worker_number(const std::string& name) {
    constexpr std::string_view prefix = "worker-";
    if (!name.starts_with(prefix) || name.size() > prefix.size() + 6) return 0;
    std::size_t number = 0;
    for (const char c : name.substr(prefix.size())) {
        if (c < '0' || c > '9') return 0;
        number = number * 10 + static_cast<std::size_t>(c - '0');
    }
    return number;
}

}  // namespace

Role role_of(const Ref& instance) { return instance == parts::control_plane ? Role::control_plane : Role::worker; }

std::vector<Ref> instance_refs(const Config& config) {
    std::vector<Ref> refs{parts::control_plane};
    for (std::size_t n = 1; n <= config.instances.workers; ++n) refs.push_back(parts::worker(n));
    return refs;
}

void add_instances(CloudPhases& phases, const Config& config, LaunchSources sources,
                   const std::vector<std::string>& needs) {
    std::size_t number = 0;  // of workers, from 0
    for (const auto& ref : instance_refs(config)) {
        const bool worker = ref != parts::control_plane;
        PhaseInfo info{ref.name, worker ? "a worker's instance" : "the control plane's instance", needs};
        info.needs.push_back("security-group-" + group_of(ref).name);
        if (!config.vpc.given())
            for (const auto& subnet : subnets_for(config, ref, number)) info.needs.push_back("subnet-" + subnet.name);
        phases.push_back(make_cloud_phase(std::move(info), [&config, sources, ref, number](const CloudView& view) {
            return Plan(view, config, sources, ref, number).make();
        }));
        if (worker) ++number;
    }
}

void add_surplus_workers(CloudPhases& phases, const Config& config) {
    phases.push_back(make_cloud_phase(
        {surplus_workers_phase, "no more workers than the configuration has", {}},
        [&config](const CloudView& view) -> Result<CloudChanges> {
            CloudChanges changes;
            for (const auto& instance : NB_TRY(view.all(Kind::instance)))
                if (worker_number(instance->name()) > config.instances.workers)
                    changes.push_back({to_string(Ref{Kind::instance, instance->name()}), instance->id, "terminated",
                                       ApiCall{.action = "TerminateInstances",
                                               .parameters = {{"InstanceId.1", instance->id}},
                                               .deletes = instance->id,
                                               .topics = {topic_of(Kind::instance)}}});
            return changes;
        }));
}

}  // namespace nodeboot
