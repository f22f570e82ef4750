// Which nodeboot this is. Written by the build (cmake/version.cmake), so that only one file is compiled again
// when the commit changes.
#pragma once

#include <string_view>

namespace nodeboot {

/// The release, "0.1.0".
std::string_view version();

/// The commit it was built from, 12 hex digits, "-dirty" appended where the tree had changes; "dev" in builds
/// that are not shipped, "unknown" when built outside a git checkout.
std::string_view git_commit();

}  // namespace nodeboot
