#pragma once

#include <functional>
#include <string>

#include "launch/parts.hpp"

namespace nodeboot {

/// What an instance of a role starts from; found out when the phase is planned.
struct StartFrom {
    std::string image;        ///< "ami-…"
    std::string root_device;  ///< of that image: "/dev/sda1"
    std::string user_data;    ///< plain
    std::string key_pair;     ///< "": nobody logs in
    std::string profile;      ///< name of the instance profile
};
struct LaunchSources {
    std::function<Result<StartFrom>(const CloudView&, Role)> start;
    std::function<std::string(Role)> profile;
    /// IAM's id of the profile that has that name now; "" where that is not to be known (given ones, none there).
    std::function<Result<std::string>(const CloudView&, Role)> profile_id;
};

/// The control plane and the workers, a phase each. `needs`: further phases that must have gone before (roles, key, binary).
/// A stopped one is started, a terminated one made anew; metadata options, security groups, profile and tags are put right.
/// Image, type, volume and user-data of one that exists are not looked at: they count when it starts.
void add_instances(CloudPhases& phases, const Config& config, LaunchSources sources,
                   const std::vector<std::string>& needs);

/// Workers beyond instances.workers; phase "surplus-workers".
void add_surplus_workers(CloudPhases& phases, const Config& config);
inline constexpr const char* surplus_workers_phase = "surplus-workers";

/// Every instance's part, the control plane first.
std::vector<Ref> instance_refs(const Config& config);
Role role_of(const Ref& instance);

/// RunInstances for one part: the other subnets when one's zone has no capacity, two minutes for a profile that EC2 does not
/// accept yet, and the same ClientToken for the same instance, so that it is started once. Exposed for its tests.
Result<void> launch_instance(CloudContext& context, const Config& config, const Ref& ref, const StartFrom& start,
                             std::vector<Ref> subnets);

}  // namespace nodeboot
