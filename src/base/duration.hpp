#pragma once

#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace nodeboot {

/// Spans of time as people write them in a config: "90s", "1h30m", "250ms", "30d". Units in falling order, each at
/// most once, a whole number before each; no sign, no blanks, never a bare number (90 what?).
Result<Duration> parse_duration(std::string_view text);

/// The shortest text that parse_duration reads back to the same value: "1h30m", "0s". Below a millisecond is dropped.
std::string duration_text(Duration duration);

}  // namespace nodeboot
