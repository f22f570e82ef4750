#pragma once

#include <functional>
#include <string>

#include "base/clock.hpp"
#include "system/fd.hpp"

namespace nodeboot::cli {

/// One changing nodeboot at a time on a machine: flock(2) on a file that names its holder, for root alone to open.
/// The kernel lets go of it when the holder ends, however it ends.
class RunLock {
   public:
    struct Options {
        std::string path = "/run/nodeboot.lock";
        std::string command;  ///< "node up", for whoever waits
        Duration timeout = std::chrono::minutes(15);
        std::stop_token stop = {};
        std::function<void(const std::string& holder)> on_wait;  ///< once, before waiting
    };
    /// `conflict` names the holder when the time is up, `permission` says to be root.
    static Result<RunLock> take(const Options& options, Clock& clock);

    RunLock(RunLock&&) = default;
    RunLock& operator=(RunLock&&) = delete;
    ~RunLock();

   private:
    explicit RunLock(Fd file) : file_(std::move(file)) {}
    Fd file_;
};

}  // namespace nodeboot::cli
