// A cluster made in an EC2 of memory.
#pragma once

#include "launch/catalog.hpp"
#include "support/fake_access.hpp"
#include "support/fake_ec2.hpp"
#include "support/golden.hpp"
#include "support/manual_clock.hpp"

namespace nodeboot::testing {

struct Launch {
    Launch() { config.cluster = {"demo", "eu-central-1"}; }

    /// Each command is a process of its own: it knows nothing of the one before.
    template <class F>
    RunReport run(F command) {
        Cloud cloud(aws, clock, cloud_scope(config));
        return command(LaunchServices{config, cloud, access});
    }
    RunReport plan() {
        return run([&](const LaunchServices& s) { return plan_all(*make_cluster_catalog(s), options()); });
    }
    RunReport up() {
        return run([&](const LaunchServices& s) { return converge(*make_cluster_catalog(s), options()); });
    }
    RunReport down() {
        return run([&](const LaunchServices& s) { return converge(*make_removal_catalog(s), options()); });
    }
    RunOptions options() { return {.clock = clock, .log = log, .stop = {}, .selection = {}, .parallel = parallel}; }

    Config config;
    ManualClock clock;
    Log log{{}};
    FakeEc2 aws{clock};
    FakeParameters parameters;
    FakeAccess access{aws, parameters};
    unsigned parallel = 1;  ///< one after the other: each run is the same
};

}  // namespace nodeboot::testing
