#pragma once

#include <signal.h>

#include <functional>
#include <stop_token>
#include <thread>

#include "system/fd.hpp"

namespace nodeboot::cli {

/// While it lives, SIGINT, SIGTERM and SIGHUP become a stop request: what is under way ends, nothing new begins. A second
/// SIGINT or SIGTERM ends the process at once (exit 130). SIGHUP stays ignored where it was (nohup). `on_stop` is called on
/// a thread of its own. Make it before any other thread, which then inherits its mask.
class StopOnSignal {
   public:
    StopOnSignal(std::stop_source source, std::function<void()> on_stop);
    StopOnSignal(const StopOnSignal&) = delete;
    StopOnSignal& operator=(const StopOnSignal&) = delete;
    ~StopOnSignal();

   private:
    void watch(std::stop_source source) const;
    std::function<void()> on_stop_;
    sigset_t set_;
    Fd signals_, wake_;
    std::thread thread_;
};

}  // namespace nodeboot::cli
