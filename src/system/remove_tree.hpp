#pragma once

#include <string>

#include "base/result.hpp"

namespace nodeboot {

/// Removes `name` in the folder `parent` with all that is in it; absent is success. A symlink goes, what it points to
/// stays. Whatever is mounted on the way (bind mounts included) is a `conflict` and stays as it is: behind it may be a
/// volume with somebody's data. `shown` is the path for messages.
Result<void> remove_tree(int parent, const std::string& name, const std::string& shown);

}  // namespace nodeboot
