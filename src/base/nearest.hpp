#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nodeboot {

/// The candidate that a person most likely meant by `word`: least Damerau-Levenshtein distance, at most a third of
/// the word's length (at least 1). Empty when none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace nodeboot
