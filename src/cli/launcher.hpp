#pragma once

#include <optional>
#include <set>

#include "cli/session.hpp"
#include "cli/signals.hpp"
#include "launch/catalog.hpp"
#include "launch/lock.hpp"

namespace nodeboot::cli {

/// One command of `nodeboot cluster`, from the configuration to the last line.
class Launcher {
   public:
    explicit Launcher(Session& session) : session_(session), around_(session.surroundings()) {}

    /// Reads the configuration and finds AWS; asks it nothing yet.
    Result<void> open();
    /// Asks what planning will need, side by side.
    Result<void> look(Purpose purpose = Purpose::make);

    const LaunchServices& services() const { return *services_; }
    const Config& config() const { return config_; }
    RunOptions options() const;

    /// Whether some launcher holds the cluster's lock, or died holding it.
    Result<bool> somebody_holds_lock();
    /// Waits for whoever holds it. Looks again, unless it was free and what was seen is fresh.
    Result<std::unique_ptr<LaunchLock>> take_lock();

    /// Applies the catalog. The lock is let go of afterwards; there is none where there is nothing to change.
    Result<RunReport> apply(const Catalog& catalog, std::unique_ptr<LaunchLock> lock);

    /// The report and its last line. `fine`: what it means that nothing was to be done.
    ExitCode end(const RunReport& report, std::string_view fine);

   private:
    Session& session_;
    Surroundings& around_;
    std::optional<StopOnSignal> signals_;
    Config config_;
    std::unique_ptr<AwsAccess> aws_;
    std::optional<Cloud> cloud_;
    std::optional<LaunchServices> services_;
    Purpose purpose_ = Purpose::make;
    SteadyTime looked_at_{};
    std::set<std::string> told_;  ///< doubles
};

}  // namespace nodeboot::cli
