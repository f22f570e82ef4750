#include "net/join_wait.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace nodeboot {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int reads_per_second = 20;  // half of what SSM allows an account: others read too
constexpr Duration shortest = seconds(1);
constexpr Duration longest = seconds(60);
constexpr Duration longest_unreachable = seconds(10);

/// What one look saw.
struct Seen {
    std::optional<JoinSecret> secret;
    JoinPoll::Outcome outcome = JoinPoll::Outcome::absent;
    std::string text;  ///< for the log and the final error
    std::string hint{};
};

class Wait {
   public:
    Wait(const JoinStore& store, Clock& clock, const JoinWaitOptions& options, const Log& log)
        : store_(store), clock_(clock), options_(options), log_(log), started_(clock.steady()) {}

    Result<JoinSecret> run() {
        JoinPoll poll(options_.expected_nodes, options_.random);
        NB_CHECK(sleep(poll.first()));
        for (;;) {
            auto seen = NB_TRY(look());
            if (seen.secret) {
                if (!last_.text.empty()) log_.info(fmt::format("{}: there after {}", store_.describe(), waited()));
                return *std::move(seen.secret);
            }
            note(seen);
            NB_CHECK(sleep(poll.next(seen.outcome)));
        }
    }

   private:
    std::string waited() const { return format_duration(clock_.steady() - started_); }

    Result<Seen> look() {
        auto fetched = store_.fetch(Look::once);
        if (!fetched) return failure(std::move(fetched).error());
        refused_since_.reset();
        if (!*fetched)
            return Seen{{},
                        JoinPoll::Outcome::absent,
                        "not published yet",
                        "is the control plane up? `nodeboot node status` there says"};
        if ((*fetched)->expires <= clock_.wall())
            return Seen{{},
                        JoinPoll::Outcome::absent,
                        "its token expired at " + format_rfc3339((*fetched)->expires),
                        "`nodeboot node rotate-token` on the control plane publishes a new one; is its timer running, "
                        "and the clock right here?"};
        return Seen{std::move(*fetched), {}, {}};
    }

    Result<Seen> failure(Error error) {
        const auto outcome = error.throttled ? JoinPoll::Outcome::throttled : JoinPoll::Outcome::unreachable;
        const std::string text = error.throttled ? "throttled" : error.text();
        if (is_no_answer(error)) return Seen{{}, outcome, text, error.hint};
        if (error.kind != ErrorKind::permission) return fail(std::move(error).with_context("wait for the join secret"));
        if (!refused_since_) refused_since_ = clock_.steady();
        if (clock_.steady() - *refused_since_ < options_.permission_patience)
            return Seen{{}, JoinPoll::Outcome::absent, text, error.hint};
        return fail(std::move(error).with_context(fmt::format("wait for the join secret: refused for {}",
                                                              format_duration(clock_.steady() - *refused_since_))));
    }

    void note(const Seen& seen) {
        if (seen.text != last_.text) log_.info(fmt::format("waiting for {}: {}", store_.describe(), seen.text));
        last_.text = seen.text;
        last_.hint = seen.hint;
    }

    Result<void> sleep(Duration delay) {
        const Duration left = options_.deadline.remaining(clock_);
        if (left > delay) return clock_.sleep(delay, options_.stop);
        NB_CHECK(clock_.sleep(left, options_.stop));
        return fail(ErrorKind::timeout,
                    fmt::format("no join secret after {}: {}: {}", waited(), store_.describe(),
                                last_.text.empty() ? "not looked at yet" : last_.text),
                    last_.hint);
    }

    const JoinStore& store_;
    Clock& clock_;
    const JoinWaitOptions& options_;
    const Log& log_;
    SteadyTime started_;
    std::optional<SteadyTime> refused_since_;
    Seen last_;
};

}  // namespace

JoinPoll::JoinPoll(unsigned expected_nodes, Random random)
    : base_(std::max<Duration>(shortest, Duration(seconds(expected_nodes)) / reads_per_second)),
      interval_(base_),
      random_(std::move(random)) {}

Duration JoinPoll::jitter(Duration window) {
    return Duration(static_cast<Duration::rep>(random_() * static_cast<double>(window.count())));
}

Duration JoinPoll::first() { return jitter(base_ > shortest ? base_ : Duration(milliseconds(500))); }

Duration JoinPoll::next(Outcome outcome) {
    if (outcome == Outcome::unreachable) {
        unreachable_ = std::min(unreachable_ + 1, 16U);
        return backoff_delay({.first = shortest, .ceiling = longest_unreachable, .floor = milliseconds(100)},
                             unreachable_, random_());
    }
    unreachable_ = 0;
    if (outcome == Outcome::throttled) {
        throttled_ = std::min(throttled_ + 1, 16U);
        interval_ = std::min(interval_ * 2, std::max(longest, base_));
        return backoff_delay(
            {.first = std::max<Duration>(shortest, base_ / 2), .ceiling = longest, .floor = milliseconds(100)},
            throttled_, random_());
    }
    throttled_ = 0;
    interval_ = std::max(base_, interval_ - interval_ / 10);
    return interval_ + jitter(std::max<Duration>(shortest, interval_ / 10));
}

Result<JoinSecret> wait_for_join_secret(const JoinStore& store, Clock& clock, const JoinWaitOptions& options,
                                        const Log& log) {
    return Wait(store, clock, options, log).run();
}

}  // namespace nodeboot
