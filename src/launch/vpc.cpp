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

/// What was given has to be there, and to belong together.
Result<CloudChanges> check_given(const CloudView& view, const Config& config) {
    const auto vpc = NB_TRY(view.known(parts::vpc));
    auto subnets = private_subnet_refs(config);
    subnets.push_back(parts::public_subnet);
    for (const auto& ref : subnets)
        if (const auto subnet = NB_TRY(view.known(ref)); subnet->text("vpcId") != vpc->id)
            return fail(ErrorKind::invalid_input,
                        fmt::format("{} is in {}, vpc.id is {}", subnet->id, subnet->text("vpcId"), vpc->id),
                        "all of the subnets that [vpc] names must be in that VPC");
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
