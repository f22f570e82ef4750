#pragma once

#include <ctime>

namespace nodeboot {

/// Years that are looked at as they are written. WallTime counts nanoseconds, from 1677 to 2262; nothing that runs now was
/// issued before 1970, and what is said to be later is somebody's "never".
inline constexpr int first_year = 1970, last_year = 2200;

/// `tm_year` counts from 1900.
inline int year_of(const std::tm& parts) { return parts.tm_year + 1900; }

}  // namespace nodeboot
