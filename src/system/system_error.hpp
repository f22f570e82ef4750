#pragma once

#include <string>

#include "base/error.hpp"

namespace nodeboot {

/// errno as an Error: "`what`: No such file or directory", with the kind that callers act on and a hint where there
/// is one (disk full, read-only file system).
Error system_error(int number, std::string what);

}  // namespace nodeboot
