#pragma once

#include <memory>
#include <string>

#include "net/join_store.hpp"

namespace nodeboot {

/// A JoinStore in a folder that all nodes see: <folder>/<cluster>/join, 0600 in 0700. Readers see the old
/// or the new secret, never a part of one; a crash leaves at most a temporary file that the next publication removes.
std::unique_ptr<JoinStore> make_folder_join_store(const std::string& folder, const std::string& cluster);

}  // namespace nodeboot
