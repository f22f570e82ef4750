#pragma once

#include <functional>

#include "base/clock.hpp"

namespace nodeboot {

/// Exponential backoff with full jitter: delay n (from 1) = random[0,1) · min(first · 2^(n−1), ceiling)
/// (AWS Architecture Blog, "Exponential Backoff And Jitter"; the AWS SDKs' standard mode uses 1 s and 20 s).
struct Backoff {
    Duration first = std::chrono::seconds(1);
    Duration ceiling = std::chrono::seconds(20);
    Duration floor = Duration::zero();  ///< added under the jitter: never poll faster than this
};

/// A random source in [0, 1).
using Random = std::function<double()>;
Random system_random();

/// `attempt` counts from 1. A pure function of its arguments.
Duration backoff_delay(const Backoff& backoff, unsigned attempt, double random);

/// `unavailable` or `timeout`: says nothing of what was asked for. Whoever has time left may ask again, where that is safe.
bool is_no_answer(const Error& error);

struct RetryOptions {
    Backoff backoff;
    Deadline deadline;
    std::stop_token stop;
    Random random = system_random();
    /// Which errors are worth another try; by default is_no_answer().
    std::function<bool(const Error&)> retryable;
    /// Called when the error's text differs from the one before, so that a log shows changes and not every poll.
    std::function<void(const Error&, unsigned attempt)> on_new_error;
};

/// Waits before attempt+1. Gives back `error` (with what was waited for) when it is not retryable, the deadline
/// would pass, or `stop` was requested.
Result<void> wait_for_retry(const RetryOptions& options, Clock& clock, unsigned attempt, const Error& error);

/// Calls `attempt()` until it succeeds, fails for good, or the deadline passes.
template <class F>
auto retry(const RetryOptions& options, Clock& clock, F&& attempt) -> decltype(attempt()) {
    std::string last;
    for (unsigned n = 1;; ++n) {
        auto result = attempt();
        if (result) return result;
        if (options.on_new_error && result.error().text() != last) {
            last = result.error().text();
            options.on_new_error(result.error(), n);
        }
        if (auto waited = wait_for_retry(options, clock, n, result.error()); !waited)
            return fail(std::move(waited).error());
    }
}

}  // namespace nodeboot
