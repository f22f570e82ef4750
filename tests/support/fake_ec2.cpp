#include "support/fake_ec2.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "base/encoding.hpp"
#include "net/sha256.hpp"

namespace nodeboot::testing {
namespace {

constexpr Kind all_kinds[] = {Kind::vpc,         Kind::subnet,      Kind::internet_gateway, Kind::elastic_ip,
                              Kind::nat_gateway, Kind::route_table, Kind::security_group,   Kind::key_pair,
                              Kind::instance,    Kind::volume,      Kind::network_interface};

AwsFault fault(std::string code, std::string message = "as EC2 would say it") {
    return {400, std::move(code), std::move(message), "req-1"};
}

std::string tag_of(const Xml& item, const std::string& key) {
    for (const Xml* tag : item.all("tagSet/item"))
        if (tag->text_at("key") == key) return tag->text_at("value");
    return {};
}

}  // namespace

Xml element(std::string name, std::string text) { return {std::move(name), std::move(text), {}}; }
Xml element(std::string name, std::vector<Xml> children) { return {std::move(name), "", std::move(children)}; }

Xml& child(Xml& item, const std::string& name) {
    for (auto& c : item.children)
        if (c.name == name) return c;
    return item.children.emplace_back(Xml{name, "", {}});
}

void set(Xml& item, std::string_view path, const std::string& text) {
    const auto slash = path.find('/');
    Xml& next = child(item, std::string(path.substr(0, slash)));
    if (slash == std::string_view::npos)
        next.text = text;
    else
        set(next, path.substr(slash + 1), text);
}

void remove_tag(Xml& item, const std::string& key) {
    std::erase_if(child(item, "tagSet").children, [&](const Xml& tag) { return tag.text_at("key") == key; });
}

void set_tag(Xml& item, const std::string& key, const std::string& value) {
    remove_tag(item, key);
    child(item, "tagSet").children.push_back(element("item", {element("key", key), element("value", value)}));
}

struct FakeEc2::Call {
    const QueryParameters& parameters;
    std::string get(const std::string& name) const {
        for (const auto& [key, value] : parameters)
            if (key == name) return value;
        return {};
    }
    std::vector<std::string> list(const std::string& prefix) const {
        std::vector<std::string> out;
        for (unsigned n = 1;; ++n) {
            const auto value = get(fmt::format("{}.{}", prefix, n));
            if (value.empty()) return out;
            out.push_back(value);
        }
    }
    /// Of TagSpecification.N for one type.
    void copy_tags(Xml& item, std::string_view type) const {
        for (unsigned n = 1; !get(fmt::format("TagSpecification.{}.ResourceType", n)).empty(); ++n) {
            if (get(fmt::format("TagSpecification.{}.ResourceType", n)) != type) continue;
            for (unsigned m = 1; !get(fmt::format("TagSpecification.{}.Tag.{}.Key", n, m)).empty(); ++m)
                set_tag(item, get(fmt::format("TagSpecification.{}.Tag.{}.Key", n, m)),
                        get(fmt::format("TagSpecification.{}.Tag.{}.Value", n, m)));
        }
    }
};

Result<FakeEc2::Answer> FakeEc2::call(const std::string& service, const std::string& action,
                                      const QueryParameters& parameters, const QueryOptions& options) {
    const std::lock_guard lock(mutex_);
    if (options.stop.stop_requested()) return nodeboot::fail(ErrorKind::cancelled, "stopped");
    if (before) before(action);
    if (killed_after != 0 && calls >= killed_after) return nodeboot::fail(ErrorKind::cancelled, "killed");
    ++calls;
    if (unanswered && unanswered(action)) return nodeboot::fail(ErrorKind::unavailable, action + ": no connection");
    if (service != "ec2" && others != nullptr) return others->call(service, action, parameters, options);
    if (service != "ec2") return Answer(fault("UnknownService", service));
    if (refuse)
        if (auto refused = refuse(action, parameters)) return Answer(*std::move(refused));
    let_time_pass();
    Answer answer = carry_out(action, {parameters});
    if (std::holds_alternative<Xml>(answer)) log.push_back(action);
    if (lose_answers_of.contains(calls)) {
        if (!options.repeatable) return nodeboot::fail(ErrorKind::unavailable, action + ": the connection broke");
        return call(service, action, parameters, options);  // as the client does
    }
    return answer;
}

bool FakeEc2::alive(const Thing& thing) const {
    const std::string state = thing.item.text_at(info_of(thing.kind).state);
    return state != "deleted" && state != "terminated";
}

FakeEc2::Thing* FakeEc2::visible(const std::string& id) {
    const auto it = things.find(id);
    if (it == things.end() || clock_.steady() - it->second.made < invisible_for) return nullptr;
    return &it->second;
}

void FakeEc2::let_time_pass() {
    const auto now = clock_.steady();
    for (auto& [id, thing] : things) {
        const bool dying = thing.dying != SteadyTime{};
        if (thing.kind == Kind::nat_gateway) {
            const std::string state = thing.item.text_at("state");
            if (dying && now - thing.dying >= nat_pending_for / 2) set(thing.item, "state", "deleted");
            if (state == "pending" && now - thing.made >= nat_pending_for) {
                const bool fails = nat_failures > 0;
                if (fails) --nat_failures;
                set(thing.item, "state", fails ? "failed" : "available");
                if (fails) set(thing.item, "failureCode", "InternalError");
                if (fails) set(thing.item, "failureMessage", "Network interface could not be made");
            }
        }
        if (thing.kind == Kind::instance) {
            const std::string state = thing.item.text_at("instanceState/name");
            if (dying && now - thing.dying >= instance_pending_for) set(thing.item, "instanceState/name", "terminated");
            if (state == "pending" && now - thing.made >= instance_pending_for)
                set(thing.item, "instanceState/name", "running");
        }
    }
    // What an instance takes with it.
    std::erase_if(things, [&](const auto& entry) {
        const Thing& thing = entry.second;
        if (thing.kind != Kind::volume && thing.kind != Kind::network_interface) return false;
        const auto path = thing.kind == Kind::volume ? "attachmentSet/item/instanceId" : "attachment/instanceId";
        const auto host = things.find(thing.item.text_at(path));
        return host != things.end() && !alive(host->second);
    });
}

std::string FakeEc2::next_id(Kind kind) {
    static const std::map<Kind, std::string> prefixes{{Kind::vpc, "vpc"},
                                                      {Kind::subnet, "subnet"},
                                                      {Kind::internet_gateway, "igw"},
                                                      {Kind::elastic_ip, "eipalloc"},
                                                      {Kind::nat_gateway, "nat"},
                                                      {Kind::route_table, "rtb"},
                                                      {Kind::security_group, "sg"},
                                                      {Kind::key_pair, "key"},
                                                      {Kind::instance, "i"},
                                                      {Kind::volume, "vol"},
                                                      {Kind::network_interface, "eni"}};
    return fmt::format("{}-{:017x}", prefixes.at(kind), ++next_);
}

std::string FakeEc2::add(Kind kind, Xml item) {
    const std::lock_guard lock(mutex_);
    const std::string id = next_id(kind);
    set(item, info_of(kind).id, id);
    things[id] = {kind, std::move(item), clock_.steady(), {}};
    return id;
}

bool FakeEc2::matches(const Thing& thing, const std::string& filter, const std::vector<std::string>& values) const {
    static const std::map<std::string, std::string> paths{
        {"vpc-id", "vpcId"},
        {"association.subnet-id", "associationSet/item/subnetId"},
        {"attachment.vpc-id", "attachmentSet/item/vpcId"},
        {"cidr-block", "cidrBlock"},
        {"group-name", "groupName"},
        {"instance.group-id", "groupSet/item/groupId"},
        {"group-id", "groupSet/item/groupId"},
        {"subnet-id", "subnetId"},
        {"ip-permission.group-id", "ipPermissions/item/groups/item/groupId"},
        {"egress.ip-permission.group-id", "ipPermissionsEgress/item/groups/item/groupId"},
    };
    if (filter.starts_with("tag:")) {
        const std::string tag = tag_of(thing.item, filter.substr(4));
        return std::any_of(values.begin(), values.end(), [&](std::string value) {
            if (!value.ends_with('*')) return tag == value;
            value.pop_back();
            return tag.starts_with(value);
        });
    }
    for (const Xml* found : thing.item.all(paths.at(filter)))
        if (std::find(values.begin(), values.end(), found->text) != values.end()) return true;
    return false;
}

FakeEc2::Answer FakeEc2::describe(Kind kind, const Call& call) {
    const auto& info = info_of(kind);
    Xml answer;
    const auto wanted = call.list(std::string(info.id_param));
    for (const auto& id : wanted)
        if (visible(id) == nullptr) return fault("Invalid" + std::string(info.id_param) + ".NotFound");
    for (auto& [id, thing] : things) {
        const bool young = visible(id) == nullptr;
        if (thing.kind != kind || (young && (!glimpsed || thing.shown))) continue;
        bool fits = wanted.empty() || std::find(wanted.begin(), wanted.end(), id) != wanted.end();
        for (unsigned n = 1; !call.get(fmt::format("Filter.{}.Name", n)).empty(); ++n)
            fits = fits && matches(thing, call.get(fmt::format("Filter.{}.Name", n)),
                                   call.list(fmt::format("Filter.{}.Value", n)));
        for (const auto& name : call.list("KeyName")) fits = fits && thing.item.text_at("keyName") == name;
        if (!fits) continue;
        thing.shown = true;
        Xml* place = &answer;
        for (std::string_view path = info.items; !path.empty();) {
            const auto slash = path.find('/');
            const std::string name(path.substr(0, slash));
            place = name == "item" ? &place->children.emplace_back(element("item", "")) : &child(*place, name);
            path = slash == std::string_view::npos ? "" : path.substr(slash + 1);
        }
        place->children = thing.item.children;
    }
    return answer;
}

FakeEc2::Answer FakeEc2::carry_out(const std::string& action, const Call& call) {
    for (const Kind kind : all_kinds)
        if (info_of(kind).describe == action) return describe(kind, call);
    if (action == "DescribeImages") {
        Xml answer;
        for (const auto& image : images)
            if (image.text_at("imageId") == call.get("ImageId.1")) child(answer, "imagesSet").children.push_back(image);
        return answer.children.empty() ? Answer(fault("InvalidAMIID.NotFound")) : Answer(answer);
    }
    if (action == "DescribeIamInstanceProfileAssociations")
        return element(
            "answer", {element("iamInstanceProfileAssociationSet",
                               {element("item", {element("associationId", "of " + call.list("Filter.1.Value")[0])})})});
    if (action == "DescribeAvailabilityZones" || action == "DescribeInstanceTypeOfferings") {
        Xml answer;
        const bool offers = action == "DescribeInstanceTypeOfferings";
        auto& set = child(answer, offers ? "instanceTypeOfferingSet" : "availabilityZoneInfo");
        for (const auto& zone : zones) {
            if (!offers) set.children.push_back(element("item", {element("zoneName", zone)}));
            if (offers)
                for (const auto& type : call.list("Filter.1.Value"))
                    set.children.push_back(element("item", {element("instanceType", type), element("location", zone)}));
        }
        return answer;
    }
    if (action == "DescribeVpcAttribute") {
        if (visible(call.get("VpcId")) == nullptr) return fault("InvalidVpcID.NotFound");
        const std::string name = call.get("Attribute");
        const auto it = vpc_attributes_.find(call.get("VpcId") + name);
        const std::string value = it != vpc_attributes_.end()  ? it->second
                                  : name == "enableDnsSupport" ? "true"
                                                               : "false";
        return element("answer", {element(name, {element("value", value)})});
    }
    if (action == "CreateTags" || action == "DeleteTags") return tags(call, action == "CreateTags");
    if (action == "RunInstances") return run_instances(call);
    if (action.find("SecurityGroupIngress") != std::string::npos ||
        action.find("SecurityGroupEgress") != std::string::npos)
        return rules(action, call);
    if (action == "CreateRoute" || action == "ReplaceRoute" || action.ends_with("RouteTable") ||
        action == "ReplaceRouteTableAssociation") {
        if (action != "CreateRouteTable" && action != "DeleteRouteTable") return routes(action, call);
    }
    if (action.starts_with("Create") || action == "AllocateAddress" || action == "ImportKeyPair")
        return create(action, call);
    if (action.starts_with("Delete") || action == "ReleaseAddress" || action == "TerminateInstances")
        return remove(action, call);
    return change(action, call);
}

FakeEc2::Answer FakeEc2::tags(const Call& call, bool add) {
    for (const auto& id : call.list("ResourceId")) {
        Thing* thing = visible(id);
        if (thing == nullptr) return fault("InvalidID.NotFound" /* EC2's word depends on the kind */);
        for (unsigned n = 1; !call.get(fmt::format("Tag.{}.Key", n)).empty(); ++n) {
            const auto key = call.get(fmt::format("Tag.{}.Key", n));
            add ? set_tag(thing->item, key, call.get(fmt::format("Tag.{}.Value", n))) : remove_tag(thing->item, key);
        }
    }
    return element("answer", {element("return", "true")});
}

FakeEc2::Answer FakeEc2::create(const std::string& action, const Call& call) {
    static const std::map<std::string, Kind> kinds{{"CreateVpc", Kind::vpc},
                                                   {"CreateSubnet", Kind::subnet},
                                                   {"CreateInternetGateway", Kind::internet_gateway},
                                                   {"AllocateAddress", Kind::elastic_ip},
                                                   {"CreateNatGateway", Kind::nat_gateway},
                                                   {"CreateRouteTable", Kind::route_table},
                                                   {"CreateSecurityGroup", Kind::security_group},
                                                   {"ImportKeyPair", Kind::key_pair}};
    const auto it = kinds.find(action);
    if (it == kinds.end()) return fault("InvalidAction", action);
    const Kind kind = it->second;
    const auto& info = info_of(kind);
    const std::string token = call.get("ClientToken");
    if (!token.empty() && tokens_.contains(token))
        return element("answer", {element(std::string(info.created), things.at(tokens_.at(token)).item.children)});
    const std::string vpc = call.get("VpcId");
    if (!vpc.empty() && visible(vpc) == nullptr) return fault("InvalidVpcID.NotFound");

    Xml item;
    call.copy_tags(item, info.type);
    if (!vpc.empty()) set(item, "vpcId", vpc);
    switch (kind) {
        case Kind::vpc:
            set(item, "cidrBlock", call.get("CidrBlock"));
            set(item, "state", "available");
            break;
        case Kind::subnet:
            for (const auto& [id, other] : things)
                if (other.kind == kind && other.item.text_at("vpcId") == vpc &&
                    other.item.text_at("cidrBlock") == call.get("CidrBlock"))
                    return fault("InvalidSubnet.Conflict");
            set(item, "cidrBlock", call.get("CidrBlock"));
            set(item, "availabilityZone", call.get("AvailabilityZone"));
            set(item, "mapPublicIpOnLaunch", "false");
            set(item, "state", "available");
            break;
        case Kind::key_pair:
            for (const auto& [id, other] : things)
                if (other.kind == kind && other.item.text_at("keyName") == call.get("KeyName"))
                    return fault("InvalidKeyPair.Duplicate");
            set(item, "keyName", call.get("KeyName"));
            set(item, "material", call.get("PublicKeyMaterial"));
            break;
        case Kind::elastic_ip: set(item, "publicIp", fmt::format("198.51.100.{}", ++next_)); break;
        case Kind::nat_gateway: {
            const Thing* subnet = visible(call.get("SubnetId"));
            if (subnet == nullptr) return fault("InvalidSubnetID.NotFound");
            if (visible(call.get("AllocationId")) == nullptr) return fault("InvalidAllocationID.NotFound");
            const std::string home = subnet->item.text_at("vpcId");
            set(item, "vpcId", home);
            set(item, "subnetId", call.get("SubnetId"));
            const bool attached = std::any_of(things.begin(), things.end(), [&](const auto& entry) {
                return entry.second.item.text_at("attachmentSet/item/vpcId") == home;
            });
            set(item, "state", attached ? "pending" : "failed");
            if (!attached) set(item, "failureCode", "Gateway.NotAttached");
            child(item, "natGatewayAddressSet")
                .children.push_back(element("item", {element("allocationId", call.get("AllocationId"))}));
            break;
        }
        case Kind::security_group:
            for (const auto& [id, other] : things)
                if (other.kind == kind && other.item.text_at("vpcId") == vpc &&
                    other.item.text_at("groupName") == call.get("GroupName"))
                    return fault("InvalidGroup.Duplicate");
            set(item, "groupName", call.get("GroupName"));
            child(item, "ipPermissionsEgress")
                .children.push_back(
                    element("item", {element("ipProtocol", "-1"),
                                     element("ipRanges", {element("item", {element("cidrIp", "0.0.0.0/0")})})}));
            break;
        default: break;
    }
    const std::string id = add(kind, item);
    if (!token.empty()) tokens_[token] = id;
    Xml whole = things.at(id).item;
    if (kind == Kind::elastic_ip) std::erase_if(whole.children, [](const Xml& c) { return c.name == "tagSet"; });
    if (kind == Kind::security_group)
        std::erase_if(whole.children, [](const Xml& c) { return c.name != "tagSet" && c.name != "groupId"; });
    if (info.created.empty()) return element("answer", whole.children);
    return element("answer", {element(std::string(info.created), whole.children)});
}

FakeEc2::Answer FakeEc2::change(const std::string& action, const Call& call) {
    const Answer done = element("answer", {element("return", "true")});
    if (action == "ModifyVpcAttribute") {
        if (visible(call.get("VpcId")) == nullptr) return fault("InvalidVpcID.NotFound");
        for (const char* name : {"EnableDnsSupport", "EnableDnsHostnames"})
            if (const auto value = call.get(std::string(name) + ".Value"); !value.empty())
                vpc_attributes_[call.get("VpcId") + "e" + std::string(name).substr(1)] = value;
        return done;
    }
    if (action == "ModifySubnetAttribute") {
        Thing* subnet = visible(call.get("SubnetId"));
        if (subnet == nullptr) return fault("InvalidSubnetID.NotFound");
        set(subnet->item, "mapPublicIpOnLaunch", call.get("MapPublicIpOnLaunch.Value"));
        return done;
    }
    if (action == "AttachInternetGateway" || action == "DetachInternetGateway") {
        Thing* gateway = visible(call.get("InternetGatewayId"));
        if (gateway == nullptr) return fault("InvalidInternetGatewayID.NotFound");
        if (visible(call.get("VpcId")) == nullptr) return fault("InvalidVpcID.NotFound");
        auto& attachments = child(gateway->item, "attachmentSet").children;
        if (action == "DetachInternetGateway") {
            for (const auto& [id, thing] : things)
                if (thing.kind == Kind::nat_gateway && alive(thing) && thing.item.text_at("vpcId") == call.get("VpcId"))
                    return fault("DependencyViolation");
            if (attachments.empty()) return fault("Gateway.NotAttached");
            attachments.clear();
            return done;
        }
        if (!attachments.empty()) return fault("Resource.AlreadyAssociated");
        attachments.push_back(element("item", {element("vpcId", call.get("VpcId")), element("state", "available")}));
        return done;
    }
    if (action == "AssociateIamInstanceProfile" || action == "ReplaceIamInstanceProfileAssociation") {
        const std::string name = call.get("IamInstanceProfile.Name");
        const bool replaces = action.starts_with("Replace");
        Xml& item = things.at(replaces ? call.get("AssociationId").substr(3) : call.get("InstanceId")).item;
        set(item, "iamInstanceProfile/arn", "arn:aws:iam::123456789012:instance-profile/nodeboot/" + name);
        set(item, "iamInstanceProfile/id", profile_id(name));
        return done;
    }
    if (action == "StartInstances") {
        for (const auto& id : call.list("InstanceId")) {
            if (things.at(id).item.text_at("instanceState/name") != "stopped") return fault("IncorrectInstanceState");
            set(things.at(id).item, "instanceState/name", "running");
        }
        return done;
    }
    if (action == "ModifyInstanceMetadataOptions") {
        Thing* instance = visible(call.get("InstanceId"));
        if (instance == nullptr) return fault("InvalidInstanceID.NotFound");
        set(instance->item, "metadataOptions/httpTokens", call.get("HttpTokens"));
        set(instance->item, "metadataOptions/httpPutResponseHopLimit", call.get("HttpPutResponseHopLimit"));
        set(instance->item, "metadataOptions/httpEndpoint", call.get("HttpEndpoint"));
        return done;
    }
    if (action == "ModifyInstanceAttribute") {
        Thing* instance = visible(call.get("InstanceId"));
        if (instance == nullptr) return fault("InvalidInstanceID.NotFound");
        auto& groups = child(instance->item, "groupSet").children;
        groups.clear();
        for (const auto& id : call.list("GroupId")) groups.push_back(element("item", {element("groupId", id)}));
        return done;
    }
    if (action == "GetConsoleOutput") {
        const Thing* instance = visible(call.get("InstanceId"));
        if (instance == nullptr) return fault("InvalidInstanceID.NotFound");
        return element("answer",
                       {element("output", base64_encode(console(tag_of(instance->item, "nodeboot.io/name"))))});
    }
    return fault("InvalidAction", action);
}

FakeEc2::Answer FakeEc2::routes(const std::string& action, const Call& call) {
    const Answer done = element("answer", {element("return", "true")});
    const auto association_holder = [&](const std::string& id) -> Thing* {
        for (auto& [_, thing] : things)
            if (thing.kind == Kind::route_table)
                for (const Xml* a : thing.item.all("associationSet/item"))
                    if (a->text_at("routeTableAssociationId") == id) return &thing;
        return nullptr;
    };
    const auto drop = [&](Thing& table, const std::string& id) {
        std::string subnet;
        std::erase_if(child(table.item, "associationSet").children, [&](const Xml& a) {
            if (a.text_at("routeTableAssociationId") != id) return false;
            subnet = a.text_at("subnetId");
            return true;
        });
        return subnet;
    };
    if (action == "DisassociateRouteTable") {
        Thing* holder = association_holder(call.get("AssociationId"));
        if (holder == nullptr) return fault("InvalidAssociationID.NotFound");
        drop(*holder, call.get("AssociationId"));
        return done;
    }
    Thing* table = visible(call.get("RouteTableId"));
    if (table == nullptr) return fault("InvalidRouteTableID.NotFound");
    if (action == "CreateRoute" || action == "ReplaceRoute") {
        Xml* route = nullptr;
        for (Xml& r : child(table->item, "routeSet").children)
            if (r.text_at("destinationCidrBlock") == call.get("DestinationCidrBlock")) route = &r;
        if (action == "CreateRoute" && route != nullptr) return fault("RouteAlreadyExists");
        if (action == "ReplaceRoute" && route == nullptr) return fault("InvalidRoute.NotFound");
        Xml fresh = element("item", {element("destinationCidrBlock", call.get("DestinationCidrBlock"))});
        for (const auto& [parameter, name] :
             {std::pair("GatewayId", "gatewayId"), std::pair("NatGatewayId", "natGatewayId")})
            if (const auto id = call.get(parameter); !id.empty()) {
                if (visible(id) == nullptr) return fault("Invalid" + std::string(parameter) + ".NotFound");
                set(fresh, name, id);
            }
        set(fresh, "state", "active");
        if (route == nullptr) route = &child(table->item, "routeSet").children.emplace_back();
        *route = fresh;
        return done;
    }
    const bool replaces = action == "ReplaceRouteTableAssociation";
    std::string subnet = call.get("SubnetId");
    if (replaces) {
        Thing* holder = association_holder(call.get("AssociationId"));
        if (holder == nullptr) return fault("InvalidAssociationID.NotFound");
        subnet = drop(*holder, call.get("AssociationId"));
    } else {
        if (visible(subnet) == nullptr) return fault("InvalidSubnetID.NotFound");
        for (const auto& [_, thing] : things)
            for (const Xml* a : thing.item.all("associationSet/item"))
                if (a->text_at("subnetId") == subnet) return fault("Resource.AlreadyAssociated");
    }
    child(table->item, "associationSet")
        .children.push_back(
            element("item", {element("routeTableAssociationId", fmt::format("rtbassoc-{}", ++next_)),
                             element("routeTableId", call.get("RouteTableId")), element("subnetId", subnet)}));
    return done;
}

FakeEc2::Answer FakeEc2::rules(const std::string& action, const Call& call) {
    Thing* group = visible(call.get("GroupId"));
    if (group == nullptr) return fault("InvalidGroup.NotFound");
    auto& permissions =
        child(group->item, action.ends_with("Egress") ? "ipPermissionsEgress" : "ipPermissions").children;
    const bool add = action.starts_with("Authorize");
    std::vector<Xml> named;
    for (unsigned n = 1; !call.get(fmt::format("IpPermissions.{}.IpProtocol", n)).empty(); ++n) {
        const std::string prefix = fmt::format("IpPermissions.{}.", n);
        Xml permission = element("item", {element("ipProtocol", call.get(prefix + "IpProtocol"))});
        for (const auto& [parameter, path] : {std::pair("FromPort", "fromPort"), std::pair("ToPort", "toPort")})
            if (const auto port = call.get(prefix + parameter); !port.empty()) set(permission, path, port);
        if (const auto id = call.get(prefix + "Groups.1.GroupId"); !id.empty()) {
            if (visible(id) == nullptr) return fault("InvalidGroup.NotFound");
            permission.children.push_back(element("groups", {element("item", {element("groupId", id)})}));
        } else {
            permission.children.push_back(
                element("ipRanges", {element("item", {element("cidrIp", call.get(prefix + "IpRanges.1.CidrIp"))})}));
        }
        named.push_back(permission);
    }
    const auto same = [](const Xml& a, const Xml& b) {
        for (const char* path : {"ipProtocol", "fromPort", "toPort", "groups/item/groupId", "ipRanges/item/cidrIp"})
            if (a.text_at(path) != b.text_at(path)) return false;
        return true;
    };
    const auto place = [&](const Xml& p) {
        return std::find_if(permissions.begin(), permissions.end(), [&](const Xml& q) { return same(p, q); });
    };
    for (const auto& permission : named) {
        if (add && place(permission) != permissions.end()) return fault("InvalidPermission.Duplicate");
        if (!add && place(permission) == permissions.end()) return fault("InvalidPermission.NotFound");
    }
    for (const auto& permission : named)
        if (add)
            permissions.push_back(permission);
        else
            permissions.erase(place(permission));
    return element("answer", {element("return", "true")});
}

std::optional<AwsFault> FakeEc2::dependency_of(const Thing& thing, const std::string& id) const {
    for (const auto& [other_id, other] : things) {
        if (!alive(other) || other_id == id) continue;
        const auto& item = other.item;
        const bool in_vpc = item.text_at("vpcId") == id || item.text_at("attachmentSet/item/vpcId") == id;
        bool uses = false;
        switch (thing.kind) {
            case Kind::vpc: uses = in_vpc; break;
            case Kind::subnet: uses = item.text_at("subnetId") == id; break;
            case Kind::internet_gateway: break;
            case Kind::elastic_ip: uses = item.text_at("natGatewayAddressSet/item/allocationId") == id; break;
            case Kind::security_group:
                for (const char* path : {"groupSet/item/groupId", "ipPermissions/item/groups/item/groupId",
                                         "ipPermissionsEgress/item/groups/item/groupId"})
                    for (const Xml* match : item.all(path)) uses |= match->text == id;
                break;
            default: break;
        }
        if (uses)
            return thing.kind == Kind::elastic_ip ? fault("InvalidIPAddress.InUse")
                                                  : fault("DependencyViolation", other_id);
    }
    if (thing.kind == Kind::internet_gateway && thing.item.find("attachmentSet/item") != nullptr)
        return fault("DependencyViolation");
    if (thing.kind == Kind::route_table && thing.item.find("associationSet/item") != nullptr)
        return fault("DependencyViolation");
    return std::nullopt;
}

FakeEc2::Answer FakeEc2::remove(const std::string& action, const Call& call) {
    std::vector<std::string> ids;
    for (const Kind kind : all_kinds)
        if (const auto id = call.get(std::string(info_of(kind).id_param));
            !id.empty() && action != "TerminateInstances")
            ids = {id};
    if (action == "TerminateInstances") ids = call.list("InstanceId");
    for (const auto& id : ids) {
        Thing* thing = visible(id);
        if (thing == nullptr) return fault("InvalidID.NotFound");
        if (auto refused = dependency_of(*thing, id)) return *refused;
    }
    for (const auto& id : ids) {
        Thing& thing = things.at(id);
        const bool slow = thing.kind == Kind::nat_gateway || thing.kind == Kind::instance;
        if (slow && thing.dying == SteadyTime{}) {
            thing.dying = clock_.steady();
            set(thing.item, info_of(thing.kind).state, thing.kind == Kind::instance ? "shutting-down" : "deleting");
        }
        if (thing.kind == Kind::subnet)
            for (auto& [_, other] : things)
                std::erase_if(child(other.item, "associationSet").children,
                              [&id = id](const Xml& a) { return a.text_at("subnetId") == id; });
        if (!slow) things.erase(id);
    }
    return element("answer", {element("return", "true")});
}

FakeEc2::Answer FakeEc2::run_instances(const Call& call) {
    const std::string token = call.get("ClientToken");
    const auto answer = [&](const std::string& id) {
        return element("answer", {element("instancesSet", {element("item", things.at(id).item.children)})});
    };
    if (!token.empty() && tokens_.contains(token)) {
        if (!alive(things.at(tokens_.at(token)))) return fault("IdempotentInstanceTerminated");
        return answer(tokens_.at(token));
    }
    const std::string in_metadata = call.get("MetadataOptions.InstanceMetadataTags");
    if (in_metadata.empty() ? tags_in_metadata : in_metadata == "enabled") {
        Xml tagged;
        call.copy_tags(tagged, "instance");
        for (const Xml* key : tagged.all("tagSet/item/key"))
            if (key->text.find_first_of("/ ") != std::string::npos)
                return fault("InvalidParameterValue", "'" + key->text + "' is not a valid tag key");
    }
    const std::string subnet_id = call.get("NetworkInterface.1.SubnetId");
    const Thing* subnet = visible(subnet_id);
    if (subnet == nullptr) return fault("InvalidSubnetID.NotFound");
    const std::string profile = call.get("IamInstanceProfile.Name");
    if (!profile_exists(profile))
        return fault("InvalidParameterValue", "Value (" + profile +
                                                  ") for parameter iamInstanceProfile.name is invalid. "
                                                  "Invalid IAM Instance Profile name");
    Xml item;
    call.copy_tags(item, "instance");
    set(item, "iamInstanceProfile/arn", "arn:aws:iam::123456789012:instance-profile/nodeboot/" + profile);
    set(item, "iamInstanceProfile/id", profile_id(profile));
    set(item, "vpcId", subnet->item.text_at("vpcId"));
    set(item, "subnetId", subnet_id);
    set(item, "placement/availabilityZone", subnet->item.text_at("availabilityZone"));
    set(item, "imageId", call.get("ImageId"));
    set(item, "instanceType", call.get("InstanceType"));
    set(item, "instanceState/name", "pending");
    set(item, "privateIpAddress", fmt::format("10.0.9.{}", next_ + 1));
    set(item, "launchTime", format_rfc3339(clock_.wall()));
    for (const auto& [parameter, path] :
         {std::pair("HttpTokens", "httpTokens"), std::pair("HttpPutResponseHopLimit", "httpPutResponseHopLimit"),
          std::pair("HttpEndpoint", "httpEndpoint")})
        set(item, std::string("metadataOptions/") + path, call.get(std::string("MetadataOptions.") + parameter));
    for (const auto& id : call.list("NetworkInterface.1.SecurityGroupId")) {
        if (visible(id) == nullptr) return fault("InvalidGroup.NotFound");
        child(item, "groupSet").children.push_back(element("item", {element("groupId", id)}));
    }
    const std::string id = add(Kind::instance, item);
    for (const auto& [kind, type] :
         {std::pair(Kind::volume, "volume"), std::pair(Kind::network_interface, "network-interface")}) {
        Xml part;
        call.copy_tags(part, type);
        const std::string attachment = kind == Kind::volume ? "attachmentSet/item/" : "attachment/";
        set(part, attachment + "instanceId", id);
        set(part, attachment + "deleteOnTermination", "true");
        if (kind == Kind::network_interface) set(part, "subnetId", subnet_id);
        const std::string part_id = add(kind, part);
        if (kind == Kind::volume)
            set(things.at(id).item, "blockDeviceMapping/item/ebs/volumeId", part_id);
        else
            set(things.at(id).item, "networkInterfaceSet/item/networkInterfaceId", part_id);
    }
    if (!token.empty()) tokens_[token] = id;
    return answer(id);
}

std::vector<std::string> FakeEc2::ids(Kind kind, const std::string& name) const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> out;
    for (const auto& [id, thing] : things)
        if (thing.kind == kind && alive(thing) && (name.empty() || tag_of(thing.item, "nodeboot.io/name") == name))
            out.push_back(id);
    return out;
}

std::string FakeEc2::id(Kind kind, const std::string& name) const {
    const auto found = ids(kind, name);
    return found.size() == 1 ? found[0] : std::string();
}

std::size_t FakeEc2::count(const std::string& action) const {
    return static_cast<std::size_t>(std::count(log.begin(), log.end(), action));
}

namespace {

void lines_of(const Xml& item, const std::string& path, std::vector<std::string>& out) {
    for (const auto& c : item.children) {
        const std::string here = path + "/" + c.name;
        if (c.children.empty() && !c.text.empty()) out.push_back(here + "=" + c.text);
        lines_of(c, here, out);
    }
}

}  // namespace

std::string FakeEc2::inventory() const {
    const std::lock_guard lock(mutex_);
    std::map<std::string, std::string> names;
    std::vector<std::string> blocks;
    for (const auto& [id, thing] : things)
        names[id] = fmt::format("<{} {}>", info_of(thing.kind).word, tag_of(thing.item, "nodeboot.io/name"));
    for (const auto& [id, thing] : things) {
        if (!alive(thing)) continue;
        std::vector<std::string> lines;
        lines_of(thing.item, "", lines);
        for (const auto& [key, value] : vpc_attributes_)
            if (key.starts_with(id)) lines.push_back(key.substr(id.size()) + "=" + value);
        for (auto& line : lines) {
            for (const auto& [other, name] : names)
                if (const auto at = line.find(other); at != std::string::npos) line.replace(at, other.size(), name);
            for (const char* volatile_part : {"/publicIp=", "/privateIpAddress=", "/launchTime=", "AssociationId="})
                if (line.find(volatile_part) != std::string::npos) line.clear();
        }
        std::erase(lines, std::string());
        std::sort(lines.begin(), lines.end());
        std::string block = names[id] + "\n";
        for (const auto& line : lines) block += "  " + line + "\n";
        blocks.push_back(block);
    }
    std::sort(blocks.begin(), blocks.end());
    std::string out;
    for (const auto& block : blocks) out += block;
    return out;
}

}  // namespace nodeboot::testing
