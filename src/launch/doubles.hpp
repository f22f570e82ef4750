#pragma once

#include <string>
#include <vector>

#include "launch/cloud_view.hpp"

namespace nodeboot {

/// What bears the tags of a part of the cluster that another resource plays already, a sentence each: left by a creation
/// whose answer was lost while AWS's listings were late. They play no part, `down` deletes them, and until then some of them
/// cost. Asks nothing that planning does not ask.
Result<std::vector<std::string>> doubles(const CloudView& view);

}  // namespace nodeboot
