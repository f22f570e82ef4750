#pragma once

#include <chrono>
#include <mutex>
#include <stop_token>
#include <string>

#include "base/result.hpp"

namespace nodeboot {

using Duration = std::chrono::nanoseconds;
using WallTime = std::chrono::sys_time<Duration>;
using SteadyTime = std::chrono::time_point<std::chrono::steady_clock, Duration>;

/// Time as a dependency, so that a test moves it by hand. Wall time is for people and certificates,
/// steady time for deadlines: the wall clock jumps at first boot when time synchronisation arrives.
class Clock {
   public:
    virtual ~Clock() = default;
    virtual WallTime wall() const = 0;
    virtual SteadyTime steady() const = 0;
    /// Sleeps, or returns `cancelled` at once when `stop` is requested.
    virtual Result<void> sleep(Duration duration, std::stop_token stop = {}) = 0;
};

class SystemClock final : public Clock {
   public:
    WallTime wall() const override;
    SteadyTime steady() const override;
    Result<void> sleep(Duration duration, std::stop_token stop = {}) override;
};

/// A point in steady time after which waiting is given up.
struct Deadline {
    SteadyTime at = SteadyTime::max();

    static Deadline after(const Clock& clock, Duration duration) { return {clock.steady() + duration}; }
    bool passed(const Clock& clock) const { return clock.steady() >= at; }
    Duration remaining(const Clock& clock) const;  ///< never negative
    Deadline sooner_of(Deadline other) const { return at < other.at ? *this : other; }
};

/// "2026-11-23T05:00:00Z" and back (RFC 3339). Offsets and fractions are read, too. `corrupted`: `text` is no such time.
std::string format_rfc3339(WallTime time);
Result<WallTime> parse_rfc3339(std::string_view text);

/// "850ms", "4.2s", "3m10s", "1h5m": for people.
std::string format_duration(Duration duration);

}  // namespace nodeboot
