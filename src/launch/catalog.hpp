#pragma once

#include <vector>

#include "base/config.hpp"
#include "engine/runner.hpp"
#include "launch/access.hpp"
#include "launch/cloud.hpp"
#include "launch/key_pair.hpp"

namespace nodeboot {

/// What the phases of the cluster are made from. All outlive the catalog.
struct LaunchServices {
    const Config& config;
    Cloud& cloud;
    AwsAccess& aws;
    KeyFiles files;           ///< of the operator
    std::string own_program;  ///< path: what is uploaded for the nodes unless binary.file says otherwise
    AtOnce at_once = AtOnce::many;
    std::shared_ptr<class Binary> binary = nullptr;  ///< what catalogs and looks share; each makes its own without it
};

/// Which resources are the user's own: vpc.id and the subnets' ids.
CloudScope cloud_scope(const Config& config);

/// What AWS must hold. Every resource is a phase of its own, so that what does not need another is made side by side.
Result<Catalog> make_cluster_catalog(const LaunchServices& services);

/// Everything that bears the cluster's tag, removed in the order in which AWS lets it go.
Result<Catalog> make_removal_catalog(const LaunchServices& services);

/// What planning will ask, asked side by side: a plan then costs about two round trips.
enum class Purpose { make, remove };
Result<void> look_ahead(const LaunchServices& services, Purpose purpose);

}  // namespace nodeboot
