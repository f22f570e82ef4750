// A cluster made in an AWS of memory.
#pragma once

#include "launch/catalog.hpp"
#include "support/fake_access.hpp"
#include "support/golden.hpp"
#include "support/manual_clock.hpp"
#include "support/temporary_folder.hpp"

namespace nodeboot::testing {

struct Launch {
    Launch() { config.cluster = {"demo", "eu-central-1"}; }

    /// Each command is a process of its own: it knows nothing of the one before.
    template <class F>
    RunReport run(F command) {
        Cloud cloud(aws.query, clock, cloud_scope(config));
        FakeAccess access(aws);
        static const TemporaryFolder folder;
        static const std::string program = static_executable(folder.path());
        return command(LaunchServices{config, cloud, access, files, program, AtOnce::one});
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
    std::vector<std::string> warnings;
    Log log{[this](LogLevel level, std::string_view line) {
        if (level == LogLevel::warning) warnings.emplace_back(line);
    }};
    FakeAws aws{clock};
    KeyFiles files{[](const std::string&) { return Result<std::optional<std::string>>{}; }, ""};
    unsigned parallel = 1;  ///< one after the other: each run is the same
};

/// What a plan shows, "subject: from -> to".
inline std::vector<std::string> changes_in(const RunReport& report) {
    std::vector<std::string> out;
    for (const auto& phase : report.phases)
        for (const auto& change : phase.changes)
            out.push_back(change.subject + ": " + change.from + " -> " + change.to);
    return out;
}

inline std::string problem(const RunReport& report) {
    return report.first_error() != nullptr ? report.first_error()->text() : std::string();
}

}  // namespace nodeboot::testing
