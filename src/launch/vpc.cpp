#include <algorithm>

#include "base/lines.hpp"
#include "launch/parts.hpp"

namespace nodeboot {
namespace {

Result<CloudChanges> plan_vpc(const CloudView& view, const Config& config) {
    CloudChanges changes;
    const std::string range = to_string(config.network.vpc_cidr);
    const Tags tags = tags_of(config, "vpc", "network");
    const auto vpc = NB_TRY(view.find(parts::vpc));
    if (!vpc) {
        changes.push_back({"VPC", "absent", range, creation(parts::vpc, "CreateVpc", {{"CidrBlock", range}}, tags)});
        return changes;
    }
    if (const auto found = vpc->text("cidrBlock"); found != range)
        return fail(ErrorKind::conflict,
                    fmt::format("{} of cluster {} has the range {}, network.vpc_cidr is {}", vpc->id,
                                config.cluster.name, found, range),
                    "a VPC's range cannot be changed: put the old one into the configuration, or `cluster down` first");
    want_tags(changes, *vpc, "VPC", tags);
    return changes;
}

struct Attribute {
    std::string name;   ///< "enableDnsHostnames", in answers; requests begin with a capital
    std::string fresh;  ///< what a new VPC has
};

Result<CloudChanges> plan_dns(const CloudView& view) {
    CloudChanges changes;
    const auto vpc = NB_TRY(view.known(parts::vpc));
    for (const auto& [name, fresh] :
         {Attribute{"enableDnsSupport", "true"}, Attribute{"enableDnsHostnames", "false"}}) {
        std::string value = fresh;
        if (vpc) {
            const auto answer = NB_TRY(view.ask({.action = "DescribeVpcAttribute",
                                                 .parameters = {{"VpcId", vpc->id}, {"Attribute", name}},
                                                 .items = "",
                                                 .topic = "vpc-attributes"}));
            if (!answer->empty()) value = answer->front().text_at(name + "/value");
        }
        if (value == "true") continue;
        std::string parameter = name + ".Value";
        parameter[0] = 'E';
        changes.push_back({"VPC " + name, value, "true",
                           ApiCall{.action = "ModifyVpcAttribute",
                                   .parameters = {{"VpcId", parts::vpc}, {parameter, "true"}},
                                   .topics = {"vpc-attributes"}}});
    }
    return changes;
}

std::vector<std::string> ranges_of(const Resource& vpc) {
    std::vector<std::string> ranges{vpc.text("cidrBlock")};
    for (const Xml* more : vpc.item.all("cidrBlockAssociationSet/item")) {
        const std::string state = more->text_at("cidrBlockState/state"), range = more->text_at("cidrBlock");
        const bool gone = state == "disassociated" || state == "failed";
        if (!gone && std::find(ranges.begin(), ranges.end(), range) == ranges.end()) ranges.push_back(range);
    }
    return ranges;
}

/// What the configuration's own checks cannot know: the ranges that the VPC really has.
Result<void> check_ranges(const Resource& vpc, const Config& config) {
    const auto& network = config.network;
    const auto ranges = ranges_of(vpc);
    bool named = false;
    for (const auto& text : ranges) {
        const Cidr range = NB_TRY_CONTEXT(parse_cidr(text), "the range of " + vpc.id);
        named = named || range == network.vpc_cidr;
        for (const auto& [key, own] :
             {std::pair("network.pod_cidr", network.pod_cidr), std::pair("network.service_cidr", network.service_cidr)})
            if (range.overlaps(own))
                return fail(ErrorKind::conflict,
                            fmt::format("{} has the range {}, and {} is {}: nodes could not reach machines whose "
                                        "addresses are in both",
                                        vpc.id, text, key, to_string(own)),
                            fmt::format("choose another {}, outside of {}", key, join(ranges, ", ")));
    }
    if (named) return {};
    return fail(ErrorKind::conflict,
                fmt::format("{} has the range {}, network.vpc_cidr is {}", vpc.id, join(ranges, ", "),
                            to_string(network.vpc_cidr)),
                fmt::format("set network.vpc_cidr = \"{}\": nodes ask the VPC's name server for names of its addresses",
                            ranges.front()));
}

/// Nodes and pods ask the VPC's own name server.
Result<void> check_dns(const CloudView& view, const std::string& vpc) {
    const auto answer = NB_TRY(view.ask({.action = "DescribeVpcAttribute",
                                         .parameters = {{"VpcId", vpc}, {"Attribute", "enableDnsSupport"}},
                                         .items = "",
                                         .topic = "vpc-attributes"}));
    if (answer->empty() || answer->front().text_at("enableDnsSupport/value") != "false") return {};
    return fail(ErrorKind::conflict,
                fmt::format("{} has no name server: its enableDnsSupport is off, and nodes find AWS's API, packages "
                            "and images by name",
                            vpc),
                fmt::format("aws ec2 modify-vpc-attribute --vpc-id {} --enable-dns-support '{{\"Value\":true}}'", vpc));
}

/// What was given has to be there, to belong together, and to fit.
Result<CloudChanges> check_given(const CloudView& view, const Config& config) {
    const auto vpc = NB_TRY(view.known(parts::vpc));
    auto subnets = private_subnet_refs(config);
    subnets.push_back(parts::public_subnet);
    for (const auto& ref : subnets)
        if (const auto subnet = NB_TRY(view.known(ref)); subnet->text("vpcId") != vpc->id)
            return fail(ErrorKind::invalid_input,
                        fmt::format("{} is in {}, vpc.id is {}", subnet->id, subnet->text("vpcId"), vpc->id),
                        "all of the subnets that [vpc] names must be in that VPC");
    NB_CHECK(check_ranges(*vpc, config));
    NB_CHECK(check_dns(view, vpc->id));
    return CloudChanges{};
}

}  // namespace

void add_given_network(CloudPhases& phases, const Config& config) {
    phases.push_back(make_cloud_phase({"network", "the VPC and the subnets that were given", {}},
                                      [&config](const CloudView& view) { return check_given(view, config); }));
}

void add_vpc(CloudPhases& phases, const Config& config) {
    phases.push_back(
        make_cloud_phase({"vpc", "the VPC", {}}, [&config](const CloudView& view) { return plan_vpc(view, config); }));
    phases.push_back(make_cloud_phase({"vpc-dns", "names for the machines in the VPC", {"vpc"}}, plan_dns));
}

}  // namespace nodeboot
