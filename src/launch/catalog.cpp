#include "launch/catalog.hpp"

#include "launch/parts.hpp"
#include "launch/removal.hpp"

namespace nodeboot {
namespace {

Result<Catalog> runnable(CloudPhases phases, Cloud& cloud) {
    std::vector<Runnable> out;
    for (auto& phase : phases) out.push_back(make_runnable(std::move(phase), cloud));
    return Catalog::make(std::move(out));
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
    }
    add_security_groups(phases, config);
    if (!config.vpc.given()) add_nat_wait(phases, config);
    return runnable(std::move(phases), services.cloud);
}

Result<Catalog> make_removal_catalog(const LaunchServices& services) {
    CloudPhases phases;
    add_removals(phases, services.config);
    return runnable(std::move(phases), services.cloud);
}

Result<void> look_ahead(const LaunchServices& services) {
    std::vector<Question> questions;
    for (const Kind kind : {Kind::vpc, Kind::subnet, Kind::internet_gateway, Kind::elastic_ip, Kind::nat_gateway,
                            Kind::route_table, Kind::security_group})
        questions.push_back(services.cloud.listing(kind));
    for (auto& question : zone_questions(services.config)) questions.push_back(std::move(question));
    return services.cloud.ask_ahead(questions);
}

}  // namespace nodeboot
