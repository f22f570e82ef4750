#pragma once

#include <optional>

#include "launch/node_policy.hpp"
#include "launch/parts.hpp"

namespace nodeboot {

/// What a node's role may be given beyond its parameter: found out when the phase is planned.
using BinaryObject = std::function<Result<std::optional<std::string>>(const CloudView&)>;

/// A role, its one inline policy and its instance profile, for each kind of node whose profile is not given. They bear the
/// cluster's tag and get it back where they lost it; whatever else has their name is somebody else's and is refused.
void add_roles(CloudPhases& phases, const Config& config, const std::string& region, BinaryObject binary_object);
/// Removes them, with whatever else was put into the roles; also when profiles were given since they were made.
void add_role_removal(CloudPhases& phases, const Config& config, const std::string& region);
std::vector<Question> role_questions(const Config& config, const std::string& region);

/// The name of the instance profile for RunInstances: the given one, or that of add_roles.
/// IAM's id of a profile that is made here, "" for a given one and while there is none.
Result<std::string> profile_id(const CloudView& view, const Config& config, const std::string& region, Role role);
std::string profile_name(const Config& config, const std::string& region, Role role);

/// The account that the credentials belong to.
Result<std::string> account_of(const CloudView& view);

}  // namespace nodeboot
