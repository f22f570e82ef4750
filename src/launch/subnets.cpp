#include <algorithm>

#include "launch/in_the_way.hpp"
#include "launch/parts.hpp"

namespace nodeboot {
namespace {

struct Subnet {
    Ref ref;
    Cidr range;
    std::size_t number;  ///< deals out the zones: 0 is the public one and the first private one
};

/// One that lost all of its tags is nobody's to take, and AWS would only say that the range is in use.
Result<void> range_is_free(const CloudView& view, const Ref& ref, const std::string& range) {
    const auto vpc = NB_TRY(view.known(parts::vpc));
    if (!vpc || view.made_here(vpc->id)) return {};
    const auto answer = NB_TRY(view.ask({.action = "DescribeSubnets",
                                         .parameters = {{"Filter.1.Name", "vpc-id"}, {"Filter.1.Value.1", vpc->id}},
                                         .items = "subnetSet/item",
                                         .topic = topic_of(Kind::subnet)}));
    for (const Xml& item : *answer) {
        const Resource other = parse_resource(Kind::subnet, item);
        if (other.text("cidrBlock") == range && other.tag("nodeboot.io/cluster") != view.scope().cluster)
            return fail(ErrorKind::conflict,
                        fmt::format("{} of {} has the range of {}, {}, and not its tags", told_apart(other), vpc->id,
                                    to_string(ref), range),
                        tag_by_hand(view.scope().cluster, ref, other.id));
    }
    return {};
}

Result<CloudChanges> plan_subnet(const CloudView& view, const Config& config, const Subnet& subnet) {
    CloudChanges changes;
    const std::string range = to_string(subnet.range);
    const Tags tags = tags_of(config, subnet.ref.name, "network");
    const auto found = NB_TRY(view.find(subnet.ref));
    if (!found) {
        NB_CHECK(range_is_free(view, subnet.ref, range));
        const auto zones = NB_TRY(zones_of(view, config));
        const auto& zone = zones[subnet.number % zones.size()];
        changes.push_back({to_string(subnet.ref), "absent", fmt::format("{} in {}", range, zone),
                           creation(subnet.ref, "CreateSubnet",
                                    {{"VpcId", parts::vpc}, {"CidrBlock", range}, {"AvailabilityZone", zone}}, tags)});
        return changes;
    }
    if (const auto is = found->text("cidrBlock"); is != range)
        return fail(ErrorKind::conflict,
                    fmt::format("{} ({}) has the range {}, the configuration says {}", to_string(subnet.ref), found->id,
                                is, range),
                    "a subnet's range cannot be changed: put the old one into the configuration, or `cluster down`");
    want_tags(changes, *found, to_string(subnet.ref), tags);
    return changes;
}

/// Public addresses for what starts in the public subnet, and only there.
Result<CloudChanges> plan_addresses(const CloudView& view, const Config& config) {
    CloudChanges changes;
    auto subnets = private_subnet_refs(config);
    subnets.insert(subnets.begin(), parts::public_subnet);
    for (const auto& ref : subnets) {
        const std::string wanted = ref == parts::public_subnet ? "true" : "false";
        const auto found = NB_TRY(view.find(ref));
        const std::string is = found ? found->text("mapPublicIpOnLaunch") : "false";
        if (is != wanted)
            changes.push_back({to_string(ref) + " gives public addresses", is, wanted,
                               ApiCall{.action = "ModifySubnetAttribute",
                                       .parameters = {{"SubnetId", ref}, {"MapPublicIpOnLaunch.Value", wanted}},
                                       .topics = {topic_of(Kind::subnet)}}});
    }
    return changes;
}

std::vector<std::string> instance_types(const Config& config) {
    std::vector<std::string> types{config.instances.control_plane_type};
    if (config.instances.worker_type != types[0]) types.push_back(config.instances.worker_type);
    return types;
}

}  // namespace

std::vector<Ref> private_subnet_refs(const Config& config) {
    const auto count = config.vpc.given() ? config.vpc.private_subnet_ids.size() : private_subnets(config).size();
    std::vector<Ref> refs;
    for (std::size_t n = 1; n <= count; ++n) refs.push_back(parts::private_subnet(n));
    return refs;
}

std::vector<Question> zone_questions(const Config& config) {
    if (!config.vpc.zones.empty()) return {};
    Question offerings{.action = "DescribeInstanceTypeOfferings",
                       .parameters = {{"LocationType", "availability-zone"}, {"Filter.1.Name", "instance-type"}},
                       .items = "instanceTypeOfferingSet/item",
                       .topic = "zones"};
    unsigned n = 0;
    for (const auto& type : instance_types(config))
        offerings.parameters.emplace_back(fmt::format("Filter.1.Value.{}", ++n), type);
    return {{.action = "DescribeAvailabilityZones",
             .parameters = {{"Filter.1.Name", "zone-type"},
                            {"Filter.1.Value.1", "availability-zone"},
                            {"Filter.2.Name", "state"},
                            {"Filter.2.Value.1", "available"}},
             .items = "availabilityZoneInfo/item",
             .topic = "zones"},
            offerings};
}

Result<std::vector<std::string>> zones_of(const CloudView& view, const Config& config) {
    if (!config.vpc.zones.empty()) return config.vpc.zones;
    const auto questions = zone_questions(config);
    const auto zones = NB_TRY(view.ask(questions[0]));
    const auto offers = NB_TRY(view.ask(questions[1]));
    std::vector<std::string> out;
    for (const Xml& zone : *zones) out.push_back(zone.text_at("zoneName"));
    std::sort(out.begin(), out.end());
    for (const auto& type : instance_types(config)) {
        std::erase_if(out, [&](const std::string& zone) {
            return std::none_of(offers->begin(), offers->end(), [&](const Xml& offer) {
                return offer.text_at("instanceType") == type && offer.text_at("location") == zone;
            });
        });
        if (out.empty())
            return fail(ErrorKind::invalid_input, fmt::format("no availability zone of this region offers {}", type),
                        "choose another instances.control_plane_type or instances.worker_type, or another region");
    }
    return out;
}

void add_subnets(CloudPhases& phases, const Config& config) {
    std::vector<Subnet> subnets{{parts::public_subnet, public_subnet(config), 0}};
    std::size_t n = 0;
    for (const auto& range : private_subnets(config)) {
        subnets.push_back({parts::private_subnet(n + 1), range, n});
        ++n;
    }
    std::vector<std::string> names;
    for (const auto& subnet : subnets) {
        names.push_back("subnet-" + subnet.ref.name);
        phases.push_back(
            make_cloud_phase({names.back(), fmt::format("the {} subnet", subnet.ref.name), {"vpc"}},
                             [&config, subnet](const CloudView& view) { return plan_subnet(view, config, subnet); }));
    }
    phases.push_back(make_cloud_phase({"public-addresses", "which subnet gives its machines public addresses", names},
                                      [&config](const CloudView& view) { return plan_addresses(view, config); }));
}

}  // namespace nodeboot
