// Where the tests find their files, from whatever folder they are started.
#pragma once

#include <filesystem>

namespace nodeboot::testing {

/// The folder tests/ of the source tree; golden files are in its golden/.
std::filesystem::path tests_folder();

}  // namespace nodeboot::testing
