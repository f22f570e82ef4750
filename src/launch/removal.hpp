#pragma once

#include "launch/access.hpp"
#include "launch/parts.hpp"

namespace nodeboot {

/// Appends the phases of `cluster down`.
void add_removals(CloudPhases& phases, const Config& config);

/// What the nodes and their control plane published: everything below /nodeboot/<cluster>/ but the launcher's own lock.
void add_parameter_removal(CloudPhases& phases, const Config& config, ParameterStore& store);

/// What takes these away, in the order in which they are given; without waiting for more than AWS asks for.
Result<CloudChanges> removal_of(const CloudView& view, const std::vector<Found>& resources);

}  // namespace nodeboot
