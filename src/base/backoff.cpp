#include "base/backoff.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <random>

namespace nodeboot {

Random system_random() {
    auto engine = std::make_shared<std::mt19937_64>(std::random_device{}());
    return [engine] { return std::uniform_real_distribution<double>(0.0, 1.0)(*engine); };
}

Duration backoff_delay(const Backoff& backoff, unsigned attempt, double random) {
    Duration limit = backoff.first;
    for (unsigned i = 1; i < attempt && limit < backoff.ceiling; ++i)
        limit = limit > backoff.ceiling / 2 ? backoff.ceiling : limit * 2;
    limit = std::min(limit, backoff.ceiling);
    return backoff.floor + Duration(static_cast<Duration::rep>(random * static_cast<double>(limit.count())));
}

bool is_no_answer(const Error& error) {
    return error.kind == ErrorKind::unavailable || error.kind == ErrorKind::timeout;
}

Result<void> wait_for_retry(const RetryOptions& options, Clock& clock, unsigned attempt, const Error& error) {
    const bool again = options.retryable ? options.retryable(error) : is_no_answer(error);
    if (!again) return fail(error);
    const Duration delay = backoff_delay(options.backoff, attempt, options.random());
    if (options.deadline.remaining(clock) <= delay) {
        Error late = error;
        late.kind = ErrorKind::timeout;
        return fail(std::move(late).with_context(fmt::format("gave up after {} attempts", attempt)));
    }
    return clock.sleep(delay, options.stop);
}

}  // namespace nodeboot
