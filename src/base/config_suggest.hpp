#pragma once

#include <string>

namespace nodeboot {

/// What to tell somebody who used a key that does not exist: the nearest one, the one of that name in another
/// section, or what other tools call it. `key` is dotted.
std::string unknown_key_message(const std::string& key);
std::string unknown_section_message(const std::string& section, bool is_table);

}  // namespace nodeboot
