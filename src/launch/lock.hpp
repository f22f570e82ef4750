#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/clock.hpp"
#include "launch/access.hpp"

namespace nodeboot {

/// One changing launcher at a time for a cluster, wherever the operators sit: the parameter /nodeboot/<cluster>/launch,
/// written by the first (Overwrite=false). Its holder writes it again every 15 seconds; whoever waits takes it over
/// when it has not changed for a minute of its own clock, so no two clocks are compared. Nothing stays behind: it is
/// deleted at the end. docs/decisions/0009-one-launcher-at-a-time.md
struct LockOwner {
    std::string id;    ///< random, of this process
    std::string who;   ///< for people: "ada@laptop, cluster up"
    std::string mark;  ///< where and what the process is, so that its own machine knows when it is gone
};

Duration since_boot();

class LaunchLock {
   public:
    struct Options {
        std::string cluster;
        LockOwner owner;
        Duration timeout = std::chrono::minutes(15);
        std::chrono::milliseconds renewed_every = std::chrono::seconds(15);  ///< real time; tests cannot wait so long
        /// Counts on while the machine sleeps.
        std::function<Duration()> uptime = since_boot;
        std::stop_token stop = {};
        /// True when a process with this mark was on this machine and is no longer: then nobody waits a minute.
        std::function<bool(const std::string& mark)> is_gone = [](const std::string&) { return false; };
        std::function<void(const std::string& who)> on_wait = [](const std::string&) {};
        std::function<void()> on_lost = [] {};  ///< somebody took it over while we held it: stop
    };
    /// `conflict` names the holder when the time is up.
    static Result<std::unique_ptr<LaunchLock>> take(ParameterStore& store, Clock& clock, Options options);
    ~LaunchLock();
    /// Lets go of it: what the destructor does too, which cannot say that it failed.
    Result<void> release();

    static std::string parameter(const std::string& cluster);
    /// It was free at once; then what was seen just before is still so.
    bool was_free() const { return was_free_; }

   private:
    LaunchLock(ParameterStore& store, Clock& clock, Options options);
    Result<void> acquire();
    Result<bool> take_over();
    Secret document() const;
    enum class Write { new_one, over };
    Result<bool> write(Write how);
    void keep(std::stop_token stop);
    bool renew();

    ParameterStore& store_;
    Clock& clock_;
    Options options_;
    bool was_free_ = true;
    unsigned long beat_ = 0;
    Duration written_{};  ///< when it was written last, in uptime
    std::jthread keeper_;
};

}  // namespace nodeboot
