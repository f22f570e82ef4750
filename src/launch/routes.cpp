#include "launch/parts.hpp"

namespace nodeboot {
namespace {

constexpr const char* everywhere = "0.0.0.0/0";

struct Table {
    Ref ref;
    Ref way_out;            ///< where 0.0.0.0/0 goes
    std::string parameter;  ///< "GatewayId", "NatGatewayId"
    std::vector<Ref> subnets;
};

Table public_table() { return {parts::public_routes, parts::internet_gateway, "GatewayId", {parts::public_subnet}}; }
Table private_table(const Config& config) {
    return {parts::private_routes, parts::nat_gateway, "NatGatewayId", private_subnet_refs(config)};
}

/// What a route leads to, whichever kind it is of (EC2's Route type).
std::string target_of(const Xml& route) {
    for (const char* name : {"gatewayId", "natGatewayId", "instanceId", "transitGatewayId", "vpcPeeringConnectionId",
                             "egressOnlyInternetGatewayId", "networkInterfaceId"})
        if (auto text = route.text_at(name); !text.empty()) return text;
    return "nothing";
}

/// A NAT gateway that failed is made anew, once in a run.
Result<void> replace_failed_nat(CloudContext& context, const Config& config) {
    context.cloud.forget(Kind::nat_gateway);
    const auto nat = NB_TRY(context.cloud.find(parts::nat_gateway));
    if (nat && nat->state() != "failed") return {};
    if (nat)
        context.step.progress(
            fmt::format("the NAT gateway failed ({}); making another one", nat->text("failureMessage")));
    for (const auto& change : NB_TRY(plan_nat_gateway(context.cloud, config)))
        NB_CHECK(context.cloud.perform(change.action, context.step));
    return {};
}

/// While it is asked for, the NAT gateway may fail: EC2 then knows it no more, and no patience helps.
CloudProcedure route_to_nat(const Config& config, ApiCall call) {
    std::string name = describe(call);
    return {std::move(name), {}, [&config, call = std::move(call)](CloudContext& context) {
                return context.cloud.perform(call, context.step, [&] { return replace_failed_nat(context, config); });
            }};
}

Result<void> want_route(CloudChanges& changes, const CloudView& view, const Config& config, const Table& table,
                        const Found& found) {
    const auto way_out = NB_TRY(view.known(table.way_out));
    const Xml* route = nullptr;
    if (found)
        for (const Xml* candidate : found->item.all("routeSet/item"))
            if (candidate->text_at("destinationCidrBlock") == everywhere) route = candidate;
    std::string from = "absent";
    if (route != nullptr) {
        const bool works = route->text_at("state") != "blackhole";
        if (works && way_out && target_of(*route) == way_out->id) return {};
        from = target_of(*route) + (works ? "" : " (blackhole)");
    }
    ApiCall call{.action = route == nullptr ? "CreateRoute" : "ReplaceRoute",
                 .parameters = {{"RouteTableId", table.ref},
                                {"DestinationCidrBlock", everywhere},
                                {table.parameter, table.way_out}},
                 .topics = {topic_of(Kind::route_table)}};
    const bool to_nat = table.way_out.kind == Kind::nat_gateway;
    changes.push_back({fmt::format("{} {}", to_string(table.ref), everywhere), from, to_string(table.way_out),
                       to_nat ? CloudAction(route_to_nat(config, std::move(call))) : CloudAction(std::move(call))});
    return {};
}

/// The association that a subnet has with a table of somebody else; a subnet of this run has none.
Result<const Xml*> other_association(const CloudView& view, const Found& subnet, CloudView::Answer& keep) {
    if (!subnet || view.made_here(subnet->id)) return nullptr;
    keep =
        NB_TRY(view.ask({.action = "DescribeRouteTables",
                         .parameters = {{"Filter.1.Name", "association.subnet-id"}, {"Filter.1.Value.1", subnet->id}},
                         .items = "routeTableSet/item",
                         .topic = topic_of(Kind::route_table)}));
    for (const Xml& table : *keep)
        for (const Xml* association : table.all("associationSet/item"))
            if (association->text_at("subnetId") == subnet->id) return association;
    return nullptr;
}

Result<void> want_association(CloudChanges& changes, const CloudView& view, const Table& table, const Found& found,
                              const Ref& ref) {
    const auto subnet = NB_TRY(view.known(ref));
    if (found && subnet)
        for (const Xml* association : found->item.all("associationSet/item"))
            if (association->text_at("subnetId") == subnet->id) return {};
    CloudView::Answer keep;
    const Xml* other = NB_TRY(other_association(view, subnet, keep));
    ApiCall call{.action = "AssociateRouteTable",
                 .parameters = {{"RouteTableId", table.ref}, {"SubnetId", ref}},
                 .topics = {topic_of(Kind::route_table)},
                 .beside = true};  // the route, or another subnet
    if (other != nullptr) {
        call.action = "ReplaceRouteTableAssociation";
        call.parameters[1] = {"AssociationId", other->text_at("routeTableAssociationId")};
    }
    changes.push_back({to_string(ref) + " routes", other != nullptr ? other->text_at("routeTableId") : "the VPC's own",
                       to_string(table.ref), std::move(call)});
    return {};
}

Result<CloudChanges> plan_table(const CloudView& view, const Config& config, const Table& table) {
    CloudChanges changes;
    const Tags tags = tags_of(config, table.ref.name, "network");
    const auto found = NB_TRY(view.find(table.ref));
    if (found)
        want_tags(changes, *found, to_string(table.ref), tags);
    else
        changes.push_back({to_string(table.ref), "absent", "present",
                           creation(table.ref, "CreateRouteTable", {{"VpcId", parts::vpc}}, tags)});
    NB_CHECK(want_route(changes, view, config, table, found));
    for (const auto& subnet : table.subnets) NB_CHECK(want_association(changes, view, table, found, subnet));
    return changes;
}

}  // namespace

void add_routes(CloudPhases& phases, const Config& config) {
    phases.push_back(make_cloud_phase(
        {"routes-public", "the public subnet's routes", {"internet-gateway-attachment", "subnet-public"}},
        [&config](const CloudView& view) { return plan_table(view, config, public_table()); }));
    PhaseInfo info{"routes-private", "the private subnets' routes", {"nat-gateway"}};
    for (const auto& ref : private_subnet_refs(config)) info.needs.push_back("subnet-" + ref.name);
    phases.push_back(make_cloud_phase(
        std::move(info), [&config](const CloudView& view) { return plan_table(view, config, private_table(config)); }));
}

namespace {

Result<Found> nat_when_settled(CloudContext& context) {
    NB_CHECK(wait_until(context.step, "the NAT gateway", [&]() -> Result<bool> {
        context.cloud.forget(Kind::nat_gateway);
        const auto nat = NB_TRY(context.cloud.find(parts::nat_gateway));
        return !nat || nat->state() != "pending";
    }));
    return context.cloud.find(parts::nat_gateway);
}

/// One that turns out to have failed is made anew, with the route to it.
Result<void> wait_for_nat(CloudContext& context, const Config& config) {
    auto nat = NB_TRY(nat_when_settled(context));
    if (nat && nat->state() == "failed") {
        NB_CHECK(replace_failed_nat(context, config));
        for (const auto& change : NB_TRY(plan_table(context.cloud, config, private_table(config))))
            NB_CHECK(context.cloud.perform(change.action, context.step));
        nat = NB_TRY(nat_when_settled(context));
    }
    return nat && nat->state() == "failed" ? fail(failed_nat(*nat)) : Result<void>{};
}

}  // namespace

void add_nat_wait(CloudPhases& phases, const Config& config) {
    phases.push_back(make_cloud_phase(
        {"nat-gateway-ready", "the NAT gateway works", {"routes-private"}, std::chrono::minutes(15)},
        [&config](const CloudView& view) -> Result<CloudChanges> {
            CloudChanges changes;
            const auto nat = NB_TRY(view.find(parts::nat_gateway));
            if (!nat || nat->state() != "available")
                changes.push_back({"NAT gateway state", nat ? nat->state() : "absent", "available",
                                   CloudProcedure{"wait for the NAT gateway", {}, [&config](CloudContext& context) {
                                                      return wait_for_nat(context, config);
                                                  }}});
            return changes;
        }));
}

}  // namespace nodeboot
