#include "launch/removal.hpp"

#include <algorithm>

#include "launch/in_the_way.hpp"
#include "launch/lock.hpp"
#include "launch/names.hpp"

namespace nodeboot {
namespace {

std::string subject(const Resource& resource) {
    return fmt::format("{} {}", to_string(Ref{resource.kind, resource.name()}), resource.id);
}

ApiCall deletion(const Resource& resource, std::string action, Parameters more = {}) {
    Parameters parameters{{std::string(info_of(resource.kind).id_param), resource.id}};
    for (auto& parameter : more) parameters.push_back(std::move(parameter));
    return {.action = std::move(action),
            .parameters = std::move(parameters),
            .deletes = resource.id,
            .topics = {topic_of(resource.kind)}};
}

constexpr auto deleted_again_after = std::chrono::seconds(5);

/// Until none of `kind` is listed that is not `state` yet. What is still listed as living is deleted again: EC2 may list what
/// is young and answer its deletion with NotFound, which then "does not mean that the instance is or will be terminated"
/// ("Eventual consistency in the Amazon EC2 API"), nor any other of the same call.
Result<void> wait_for_end(CloudContext& context, Kind kind, const std::string& state) {
    auto& clock = context.step.clock;
    auto again = Deadline::after(clock, deleted_again_after);
    return wait_until(context.step, fmt::format("every {} to go", info_of(kind).word), [&]() -> Result<bool> {
        context.cloud.forget(kind);
        auto left = NB_TRY(context.cloud.listed(kind));
        std::erase_if(left, [&](const Found& resource) { return resource->state() == state; });
        if (left.empty()) return true;
        if (!again.passed(clock)) return false;
        for (const auto& change : NB_TRY(removal_of(context.cloud, left)))
            NB_CHECK(context.cloud.perform(change.action, context.step));
        again = Deadline::after(clock, deleted_again_after);
        return false;
    });
}

CloudChange waiting(Kind kind, const std::string& state) {
    return {fmt::format("{}s", info_of(kind).word), "going", "gone",
            CloudProcedure{fmt::format("wait until every {} is {}", info_of(kind).word, state),
                           {},
                           [kind, state](CloudContext& context) { return wait_for_end(context, kind, state); }}};
}

void remove_instances(CloudChanges& changes, const std::vector<Found>& instances) {
    ApiCall call{.action = "TerminateInstances", .deletes = "instances", .topics = {topic_of(Kind::instance)}};
    std::string names;
    for (const auto& instance : instances) {
        if (instance->gone()) continue;
        names += fmt::format("{}{} {}", names.empty() ? "" : ", ", instance->name(), instance->id);
        call.parameters.emplace_back(fmt::format("InstanceId.{}", call.parameters.size() + 1), instance->id);
    }
    if (!call.parameters.empty()) changes.push_back({"instances", names, "terminated", std::move(call)});
}

struct Direction {
    const char *word, *path, *revoke;
};
const Direction directions[] = {{"inbound", "ipPermissions/item", "RevokeSecurityGroupIngress"},
                                {"outbound", "ipPermissionsEgress/item", "RevokeSecurityGroupEgress"}};

/// Groups that name each other, in either direction, cannot be deleted before they no longer do.
void remove_references(CloudChanges& changes, const Resource& group, const Direction& direction) {
    Parameters parameters{{"GroupId", group.id}};
    unsigned n = 0;
    for (const Xml* permission : group.item.all(direction.path))
        for (const Xml* source : permission->all("groups/item")) {
            const std::string prefix = fmt::format("IpPermissions.{}.", ++n);
            parameters.emplace_back(prefix + "IpProtocol", permission->text_at("ipProtocol"));
            for (const auto& [name, path] : {std::pair("FromPort", "fromPort"), std::pair("ToPort", "toPort")})
                if (const auto port = permission->text_at(path); !port.empty())
                    parameters.emplace_back(prefix + name, port);
            parameters.emplace_back(prefix + "Groups.1.GroupId", source->text_at("groupId"));
        }
    if (n == 0) return;
    changes.push_back({fmt::format("{} {}", subject(group), direction.word), "allows groups", "allows none",
                       ApiCall{.action = direction.revoke,
                               .parameters = std::move(parameters),
                               .deletes = fmt::format("{} {} rules", group.id, direction.word),
                               .topics = {topic_of(Kind::security_group)}}});
}

void remove_one(CloudChanges& changes, const Resource& resource) {
    std::string action;
    switch (resource.kind) {
        case Kind::vpc: action = "DeleteVpc"; break;
        case Kind::subnet: action = "DeleteSubnet"; break;
        case Kind::internet_gateway:
            for (const Xml* attachment : resource.item.all("attachmentSet/item"))
                changes.push_back({subject(resource), "attached", "detached",
                                   telling_deletion(resource, deletion(resource, "DetachInternetGateway",
                                                                       {{"VpcId", attachment->text_at("vpcId")}}))});
            action = "DeleteInternetGateway";
            break;
        case Kind::elastic_ip: action = "ReleaseAddress"; break;
        case Kind::nat_gateway: action = "DeleteNatGateway"; break;
        case Kind::route_table: action = "DeleteRouteTable"; break;  // its associations went with their subnets
        case Kind::security_group: action = "DeleteSecurityGroup"; break;
        case Kind::key_pair: action = "DeleteKeyPair"; break;
        case Kind::volume: action = "DeleteVolume"; break;
        case Kind::network_interface: action = "DeleteNetworkInterface"; break;
        case Kind::instance: return;
    }
    const std::string state = resource.state();
    changes.push_back({subject(resource), state.empty() ? "present" : state, "gone",
                       telling_deletion(resource, deletion(resource, action))});
}

/// Volumes and interfaces that go with their instance are not mentioned.
bool stays_behind(const Resource& resource) {
    const Xml* attachment = resource.item.find(resource.kind == Kind::volume ? "attachmentSet/item" : "attachment");
    return attachment == nullptr || attachment->text_at("deleteOnTermination") == "false";
}

bool removed_alone(const Resource& resource) {
    const bool attached = resource.kind == Kind::volume || resource.kind == Kind::network_interface;
    return !resource.gone() && (!attached || stays_behind(resource));
}

/// First they get the cluster's tag back: a policy allows to delete what bears it.
CloudChanges tags_of_strays(const std::vector<Found>& strays, const std::string& cluster) {
    CloudChanges changes;
    for (const auto& stray : strays)
        want_tags(changes, *stray, fmt::format("{} {}", info_of(stray->kind).word, stray->id),
                  {{"nodeboot.io/cluster", cluster}});
    return changes;
}

Result<CloudChanges> plan_removal(const CloudView& view, Kind kind) {
    auto resources = NB_TRY(view.listed(kind));
    auto strays = NB_TRY(view.strays(kind));
    std::erase_if(strays, [](const Found& stray) { return !removed_alone(*stray); });
    resources.insert(resources.end(), strays.begin(), strays.end());
    CloudChanges changes = tags_of_strays(strays, view.scope().cluster);
    for (auto& change : NB_TRY(removal_of(view, resources))) changes.push_back(std::move(change));
    const char* end = kind == Kind::instance ? "terminated" : kind == Kind::nat_gateway ? "deleted" : nullptr;
    if (end != nullptr && std::any_of(resources.begin(), resources.end(),
                                      [&](const Found& resource) { return resource->state() != end; }))
        changes.push_back(waiting(kind, end));
    return changes;
}

}  // namespace

Result<CloudChanges> removal_of(const CloudView&, const std::vector<Found>& resources) {
    CloudChanges changes;
    std::vector<Found> instances;
    for (const auto& resource : resources) {
        if (resource->kind == Kind::instance) instances.push_back(resource);
        if (resource->kind == Kind::security_group)
            for (const auto& direction : directions) remove_references(changes, *resource, direction);
    }
    remove_instances(changes, instances);
    for (const auto& resource : resources)
        if (removed_alone(*resource)) remove_one(changes, *resource);
    return changes;
}

void add_parameter_removal(CloudPhases& phases, const Config& config, ParameterStore& store) {
    phases.push_back(make_cloud_phase(
        {"parameters", "what the nodes published in SSM", {"instances"}},
        [&config, &store](const CloudView&) -> Result<CloudChanges> {
            CloudChanges changes;
            for (const auto& name : NB_TRY(store.below(parameter_name(config.cluster.name, ""))))
                if (name != LaunchLock::parameter(config.cluster.name))
                    changes.push_back({"parameter " + name, "present", "gone",
                                       CloudProcedure{"delete parameter", {name}, [&store, name](CloudContext&) {
                                                          return store.remove(name);
                                                      }}});
            return changes;
        }));
}

void add_removals(CloudPhases& phases, const Config&) {
    struct Step {
        const char* name;
        Kind kind;
        std::vector<std::string> needs;
    };
    // Terminating an instance takes up to a minute or two, a NAT gateway about one.
    for (const auto& [name, kind, needs] :
         std::vector<Step>{{"instances", Kind::instance, {}},
                           {"nat-gateway", Kind::nat_gateway, {}},
                           {"elastic-ip", Kind::elastic_ip, {"nat-gateway"}},
                           {"volumes", Kind::volume, {"instances"}},
                           {"network-interfaces", Kind::network_interface, {"instances"}},
                           {"security-groups", Kind::security_group, {"instances", "network-interfaces"}},
                           {"internet-gateway", Kind::internet_gateway, {"instances", "nat-gateway", "elastic-ip"}},
                           {"subnets", Kind::subnet, {"instances", "nat-gateway", "network-interfaces"}},
                           {"route-tables", Kind::route_table, {"subnets"}},
                           {"key-pair", Kind::key_pair, {"instances"}},
                           {"vpc", Kind::vpc, {"security-groups", "internet-gateway", "subnets", "route-tables"}}})
        phases.push_back(make_cloud_phase(
            {name, fmt::format("every {} of the cluster", info_of(kind).word), needs, std::chrono::minutes(15)},
            [kind = kind](const CloudView& view) { return plan_removal(view, kind); }));
}

}  // namespace nodeboot
