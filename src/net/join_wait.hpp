#pragma once

#include <optional>
#include <stop_token>

#include "base/backoff.hpp"
#include "base/log.hpp"
#include "net/join_store.hpp"

namespace nodeboot {

struct JoinWaitOptions {
    unsigned expected_nodes = 10;  ///< how many may be polling at once
    Deadline deadline;
    /// A fresh role's permissions take a while to reach every server of AWS: for so long a refusal is not believed.
    Duration permission_patience = std::chrono::minutes(2);
    std::stop_token stop;
    Random random = system_random();
};

/// When a worker looks for the join secret: a pure state machine, so that a thousand of them can be tried against a
/// clock moved by hand. SSM allows 40 reads a second for the whole account; N workers together aim at 20:
/// - the first look is spread over N/20 s;
/// - while nothing is published, each looks every max(1 s, N/20 s), plus jitter of at most a tenth of that or 1 s;
/// - throttled: full jitter over a window that doubles, up to a minute; and the interval doubles as well, since N must
///   be larger than expected. It shrinks again with each look that is not throttled;
/// - unreachable: full jitter over a window that doubles from 1 s to 10 s, so that a late network costs little.
class JoinPoll {
   public:
    enum class Outcome { absent, throttled, unreachable };
    JoinPoll(unsigned expected_nodes, Random random);
    Duration first();
    Duration next(Outcome outcome);

   private:
    Duration jitter(Duration window);
    Duration base_, interval_;
    unsigned throttled_ = 0, unreachable_ = 0;
    Random random_;
};

/// Looks until an unexpired secret is there. Gives up for the deadline, `stop`, a malformed secret or lasting lack of
/// permission, never for a number of attempts. Logs when what it sees changes, not each look. `timeout` says what was
/// seen last.
Result<JoinSecret> wait_for_join_secret(const JoinStore& store, Clock& clock, const JoinWaitOptions& options,
                                        const Log& log);

}  // namespace nodeboot
