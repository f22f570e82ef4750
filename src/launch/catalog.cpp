#include "launch/catalog.hpp"

#include <thread>

#include "launch/binary.hpp"
#include "launch/iam.hpp"
#include "launch/node_wait.hpp"
#include "launch/parts.hpp"
#include "launch/removal.hpp"
#include "launch/start.hpp"

namespace nodeboot {
namespace {

Result<Catalog> runnable(CloudPhases phases, const LaunchServices& services) {
    std::vector<Runnable> out;
    for (auto& phase : phases) out.push_back(make_runnable(std::move(phase), services.cloud, services.at_once));
    return Catalog::make(std::move(out));
}

/// What an instance needs besides its network, as far as it is made here.
std::vector<std::string> instance_needs(const CloudPhases& phases) {
    std::vector<std::string> needs;
    for (const auto& phase : phases)
        for (const char* name : {"control-plane-role", "worker-role", "key-pair", "binary"})
            if (phase->info().name == name) needs.emplace_back(name);
    return needs;
}

}  // namespace

CloudScope cloud_scope(const Config& config) {
    CloudScope scope{.cluster = config.cluster.name, .given = {}, .stop = {}};
    if (!config.vpc.given()) return scope;
    scope.given[parts::vpc] = config.vpc.id;
    scope.given[parts::public_subnet] = config.vpc.public_subnet_id;
    std::size_t n = 0;
    for (const auto& id : config.vpc.private_subnet_ids) scope.given[parts::private_subnet(++n)] = id;
    return scope;
}

Result<Catalog> make_cluster_catalog(const LaunchServices& services) {
    const Config& config = services.config;
    CloudPhases phases;
    if (!config.vpc.given()) {
        add_vpc(phases, config);
        add_subnets(phases, config);
        add_gateways(phases, config);
        add_routes(phases, config);
    } else {
        add_given_network(phases, config);
    }
    add_security_groups(phases, config);
    const auto binary = binary_of(services);
    add_roles(phases, config, services.aws.region(), [binary](const CloudView& view) { return binary->object(view); });
    add_key_pair(phases, config, services.files);
    add_binary(phases, config, binary);
    add_instances(phases, config, launch_sources(services, binary), instance_needs(phases));
    add_surplus_workers(phases, config);
    if (!config.vpc.given()) add_nat_wait(phases, config);
    add_node_waits(phases, config);
    return runnable(std::move(phases), services);
}

Result<Catalog> make_removal_catalog(const LaunchServices& services) {
    CloudPhases phases;
    add_removals(phases, services.config);
    add_role_removal(phases, services.config, services.aws.region());
    add_binary_removal(phases, binary_of(services));
    add_parameter_removal(phases, services.config, services.aws.parameters());
    return runnable(std::move(phases), services);
}

Result<void> look_ahead(const LaunchServices& services, Purpose purpose) {
    // First what more than one round trip hangs on. An error of theirs is told by the plan that cannot do without them.
    std::vector<std::jthread> chains;
    if (purpose == Purpose::make) {
        chains.emplace_back([&] { static_cast<void>(binary_of(services)->look_ahead(services.cloud)); });
        chains.emplace_back([&] { static_cast<void>(image_of(services, services.cloud)); });
    }
    std::vector<Question> questions = role_questions(services.config, services.aws.region());
    for (const Kind kind :
         {Kind::vpc, Kind::subnet, Kind::internet_gateway, Kind::elastic_ip, Kind::nat_gateway, Kind::route_table,
          Kind::security_group, Kind::key_pair, Kind::instance, Kind::volume, Kind::network_interface}) {
        questions.push_back(services.cloud.listing(kind));
        questions.push_back(services.cloud.stray_listing(kind));
    }
    if (purpose == Purpose::make) questions.push_back(key_pair_question(services.config));
    if (!services.config.vpc.given())  // who was given subnets chooses no zones, and need not be allowed to ask
        for (auto& question : zone_questions(services.config)) questions.push_back(std::move(question));
    return services.cloud.ask_ahead(questions);
}

}  // namespace nodeboot
