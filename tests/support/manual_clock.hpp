#pragma once

#include <mutex>

#include "base/clock.hpp"

namespace nodeboot::testing {

/// Time moved by hand: sleeping advances it at once, for every thread.
class ManualClock final : public Clock {
   public:
    WallTime wall() const override {
        const std::lock_guard lock(mutex_);
        return wall_;
    }
    SteadyTime steady() const override {
        const std::lock_guard lock(mutex_);
        return steady_;
    }
    Result<void> sleep(Duration duration, std::stop_token stop = {}) override {
        if (stop.stop_requested()) return fail(ErrorKind::cancelled, "stopped while waiting");
        advance(duration);
        return {};
    }
    void advance(Duration duration) {
        const std::lock_guard lock(mutex_);
        wall_ += duration;
        steady_ += duration;
    }
    void set_wall(WallTime time) {
        const std::lock_guard lock(mutex_);
        wall_ = time;
    }

   private:
    mutable std::mutex mutex_;
    WallTime wall_{std::chrono::sys_days{std::chrono::year{2026} / 11 / 23}};
    SteadyTime steady_{std::chrono::hours(1)};
};

}  // namespace nodeboot::testing
