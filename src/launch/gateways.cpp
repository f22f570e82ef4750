#include <algorithm>

#include "launch/parts.hpp"

namespace nodeboot {
namespace {

Result<CloudChanges> plan_internet_gateway(const CloudView& view, const Config& config) {
    CloudChanges changes;
    const Tags tags = tags_of(config, parts::internet_gateway.name, "network");
    const auto found = NB_TRY(view.find(parts::internet_gateway));
    if (found)
        want_tags(changes, *found, "internet gateway", tags);
    else
        changes.push_back({"internet gateway", "absent", "present",
                           creation(parts::internet_gateway, "CreateInternetGateway", {}, tags)});
    return changes;
}

Result<CloudChanges> plan_attachment(const CloudView& view) {
    CloudChanges changes;
    const auto gateway = NB_TRY(view.find(parts::internet_gateway));
    const auto vpc = NB_TRY(view.known(parts::vpc));
    const std::string at = gateway ? gateway->text("attachmentSet/item/vpcId") : std::string();
    if (vpc && at == vpc->id) return changes;
    if (!at.empty())
        changes.push_back({"internet gateway attachment", at, "detached",
                           ApiCall{.action = "DetachInternetGateway",
                                   .parameters = {{"InternetGatewayId", gateway->id}, {"VpcId", at}},
                                   .deletes = gateway->id,
                                   .topics = {topic_of(Kind::internet_gateway)}}});
    changes.push_back({"internet gateway attachment", at.empty() ? "absent" : "detached", "the cluster's VPC",
                       ApiCall{.action = "AttachInternetGateway",
                               .parameters = {{"InternetGatewayId", parts::internet_gateway}, {"VpcId", parts::vpc}},
                               .topics = {topic_of(Kind::internet_gateway)}}});
    return changes;
}

Result<CloudChanges> plan_address(const CloudView& view, const Config& config) {
    CloudChanges changes;
    const Tags tags = tags_of(config, parts::nat_address.name, "network");
    const auto found = NB_TRY(view.find(parts::nat_address));
    if (found)
        want_tags(changes, *found, "elastic IP", tags);
    else
        changes.push_back({"elastic IP", "absent", "for the NAT gateway",
                           creation(parts::nat_address, "AllocateAddress", {{"Domain", "vpc"}}, tags)});
    return changes;
}

}  // namespace

/// One that failed is made anew once in a run: a second failure is told.
Result<CloudChanges> plan_nat_gateway(const CloudView& view, const Config& config) {
    CloudChanges changes;
    const Tags tags = tags_of(config, parts::nat_gateway.name, "network");
    const auto found = NB_TRY(view.find(parts::nat_gateway));
    if (found && found->state() != "failed") {
        want_tags(changes, *found, "NAT gateway", tags);
        return changes;
    }
    std::string generation;  // of the token: those before it
    std::size_t failed_here = 0;
    for (const auto& old : NB_TRY(view.listed(Kind::nat_gateway))) {
        generation += old->id + " ";
        if (!old->text("failureCode").empty() && view.made_here(old->id)) ++failed_here;
        if (old->state() != "failed") continue;
        changes.push_back({"NAT gateway " + old->id,
                           fmt::format("failed: {} ({})", old->text("failureMessage"), old->text("failureCode")),
                           "gone",
                           ApiCall{.action = "DeleteNatGateway",
                                   .parameters = {{"NatGatewayId", old->id}},
                                   .deletes = old->id,
                                   .topics = {topic_of(Kind::nat_gateway)}}});
    }
    if (found && failed_here > 1) return fail(failed_nat(*found));
    auto create = creation(parts::nat_gateway, "CreateNatGateway",
                           {{"SubnetId", parts::public_subnet}, {"AllocationId", parts::nat_address}}, tags);
    create.generation = generation;
    changes.push_back({"NAT gateway", "absent", "in subnet public", std::move(create)});
    return changes;
}

Error failed_nat(const Resource& nat) {
    return {ErrorKind::conflict,
            fmt::format("NAT gateway {} failed, and so did the one before it: {} ({})", nat.id,
                        nat.text("failureMessage"), nat.text("failureCode")),
            "what AWS says of it names the cause; then run this command again",
            {}};
}

void add_gateways(CloudPhases& phases, const Config& config) {
    phases.push_back(
        make_cloud_phase({"internet-gateway", "the internet gateway", {}},
                         [&config](const CloudView& view) { return plan_internet_gateway(view, config); }));
    phases.push_back(make_cloud_phase(
        {"internet-gateway-attachment", "the internet gateway in the VPC", {"vpc", "internet-gateway"}},
        plan_attachment));
    phases.push_back(make_cloud_phase({"elastic-ip", "the NAT gateway's address", {}},
                                      [&config](const CloudView& view) { return plan_address(view, config); }));
    // Without an internet gateway in the VPC a NAT gateway ends as failed (Gateway.NotAttached).
    phases.push_back(make_cloud_phase(
        {"nat-gateway", "the private subnets' way out", {"internet-gateway-attachment", "elastic-ip", "subnet-public"}},
        [&config](const CloudView& view) { return plan_nat_gateway(view, config); }));
}

}  // namespace nodeboot
