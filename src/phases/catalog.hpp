#pragma once

#include "engine/runner.hpp"
#include "phases/repair.hpp"
#include "phases/services.hpp"

namespace nodeboot {

using NodePhases = std::vector<std::shared_ptr<const NodePhase>>;

/// The phases themselves, in the same order.
NodePhases make_node_phases(const NodeServices& services);

/// The one list of what a node must be, in order; `nodeboot phases`, --only and --skip read it. `services` must
/// outlive the catalog.
Result<Catalog> make_node_catalog(const NodeServices& services);

/// The same with the repair phase in front of the join.
Result<Catalog> make_repair_catalog(const NodeServices& services, RepairOptions options);

/// What `node bake` runs: all of a node that does not depend on its cluster, then the cleaning. An error where
/// check_bakeable() refuses.
Result<Catalog> make_bake_catalog(const NodeServices& services);

/// What `node reset` runs: the way back of each phase of the node, last first.
Result<Catalog> make_reset_catalog(const NodeServices& services);

/// What `node rotate-token` runs.
Result<Catalog> make_rotate_catalog(const NodeServices& services);

}  // namespace nodeboot
