#pragma once

#include <fmt/core.h>

#include <memory>
#include <vector>

#include "launch/cloud.hpp"
#include "launch/tags.hpp"

namespace nodeboot {

/// The parts of the reference architecture, by the names in their tags.
namespace parts {
inline const Ref vpc{Kind::vpc, "vpc"};
inline const Ref internet_gateway{Kind::internet_gateway, "internet-gateway"};
inline const Ref public_subnet{Kind::subnet, "public"};
inline const Ref nat_address{Kind::elastic_ip, "nat"};
inline const Ref nat_gateway{Kind::nat_gateway, "nat"};
inline const Ref public_routes{Kind::route_table, "public"};
inline const Ref private_routes{Kind::route_table, "private"};
inline const Ref control_plane_group{Kind::security_group, "control-plane"};
inline const Ref worker_group{Kind::security_group, "worker"};
inline const Ref control_plane{Kind::instance, "control-plane"};
inline Ref private_subnet(std::size_t n) { return {Kind::subnet, fmt::format("private-{}", n)}; }  ///< from 1
inline Ref worker(std::size_t n) { return {Kind::instance, fmt::format("worker-{}", n)}; }         ///< from 1
}  // namespace parts

using CloudPhases = std::vector<std::shared_ptr<const CloudPhase>>;

// Each appends its phases; the catalog keeps the order.
void add_vpc(CloudPhases& phases, const Config& config);
void add_given_network(CloudPhases& phases, const Config& config);
void add_subnets(CloudPhases& phases, const Config& config);
void add_gateways(CloudPhases& phases, const Config& config);
void add_routes(CloudPhases& phases, const Config& config);
/// The NAT gateway takes up to two minutes; nothing but `up` itself waits for it.
void add_nat_wait(CloudPhases& phases, const Config& config);
void add_security_groups(CloudPhases& phases, const Config& config);

// Parts of the plans above that others are made of.
Result<CloudChanges> plan_nat_gateway(const CloudView& view, const Config& config);
Error failed_nat(const Resource& nat);

/// The private subnets' parts, as many as the configuration has or was given.
std::vector<Ref> private_subnet_refs(const Config& config);

/// Where subnets are made: vpc.zones, or the zones of the region that offer both instance types, by name.
/// `invalid_input` when no zone does.
Result<std::vector<std::string>> zones_of(const CloudView& view, const Config& config);
std::vector<Question> zone_questions(const Config& config);

}  // namespace nodeboot
