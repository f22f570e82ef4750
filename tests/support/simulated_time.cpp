#include "support/simulated_time.hpp"

namespace nodeboot::testing {

class SimulatedTime::WorkerClock final : public Clock {
   public:
    WorkerClock(SimulatedTime& time, std::size_t index) : time_(time), index_(index) {}
    WallTime wall() const override {
        return WallTime(std::chrono::sys_days{std::chrono::year{2026} / 11 / 23}) + time_.now().time_since_epoch();
    }
    SteadyTime steady() const override { return time_.now(); }
    Result<void> sleep(Duration duration, std::stop_token) override {
        time_.sleep_until(index_, time_.now() + duration);
        return {};
    }

   private:
    SimulatedTime& time_;
    std::size_t index_;
};

/// mutex_ is held, and nobody runs.
void SimulatedTime::hand_over() {
    current_ = nobody;
    if (queue_.empty()) return;
    now_ = std::max(now_, queue_.top().first);
    current_ = queue_.top().second;
    queue_.pop();
    wake_[current_].notify_one();
}

void SimulatedTime::sleep_until(std::size_t index, SteadyTime time) {
    std::unique_lock lock(mutex_);
    queue_.emplace(time, index);
    hand_over();
    wake_[index].wait(lock, [&] { return current_ == index; });
}

void SimulatedTime::run(const std::vector<Duration>& starts, const std::function<void(std::size_t, Clock&)>& worker) {
    wake_ = std::vector<std::condition_variable>(starts.size());
    for (std::size_t i = 0; i < starts.size(); ++i) queue_.emplace(now_ + starts[i], i);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < starts.size(); ++i)
        threads.emplace_back([&, i] {
            {
                std::unique_lock lock(mutex_);
                wake_[i].wait(lock, [&] { return current_ == i; });
            }
            WorkerClock clock(*this, i);
            worker(i, clock);
            const std::lock_guard lock(mutex_);
            hand_over();
        });
    {
        const std::lock_guard lock(mutex_);
        hand_over();
    }
    for (auto& thread : threads) thread.join();
}

}  // namespace nodeboot::testing
