#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <queue>
#include <thread>
#include <vector>

#include "base/clock.hpp"

namespace nodeboot::testing {

/// Many workers in one simulated time: each runs ordinary blocking code on a thread of its own against its Clock, but
/// only one at a time, the one whose sleep ends first; so that a run is fast and, with seeded randomness, repeatable.
class SimulatedTime {
   public:
    /// Worker i starts at `starts[i]`. Returns when all have returned.
    void run(const std::vector<Duration>& starts, const std::function<void(std::size_t, Clock&)>& worker);

    SteadyTime now() const { return now_; }

   private:
    class WorkerClock;
    void sleep_until(std::size_t index, SteadyTime time);
    void hand_over();

    using Turn = std::pair<SteadyTime, std::size_t>;
    static constexpr std::size_t nobody = static_cast<std::size_t>(-1);
    std::mutex mutex_;
    std::vector<std::condition_variable> wake_;
    std::priority_queue<Turn, std::vector<Turn>, std::greater<>> queue_;
    SteadyTime now_{std::chrono::hours(1)};
    std::size_t current_ = nobody;
};

}  // namespace nodeboot::testing
