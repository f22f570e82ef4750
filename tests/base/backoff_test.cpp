#include "base/backoff.hpp"

#include <gtest/gtest.h>

#include "support/manual_clock.hpp"

namespace nodeboot {
namespace {

using namespace std::chrono_literals;

TEST(BackoffDelay, doubles_up_to_the_ceiling_under_full_jitter) {
    struct Case {
        const char* name;
        Backoff backoff;
        unsigned attempt;
        double random;
        Duration delay;
    };
    const Case cases[] = {
        {"first, no luck", {}, 1, 1.0, 1s},
        {"first, half", {}, 1, 0.5, 500ms},
        {"first, all the luck", {}, 1, 0.0, 0s},
        {"second", {}, 2, 1.0, 2s},
        {"third", {}, 3, 1.0, 4s},
        {"fifth", {}, 5, 1.0, 16s},
        {"sixth reaches the ceiling", {}, 6, 1.0, 20s},
        {"a thousandth stays there", {}, 1000, 1.0, 20s},
        {"jitter at the ceiling", {}, 100, 0.25, 5s},
        {"a floor is under the jitter", {1s, 20s, 2s}, 1, 0.0, 2s},
        {"and adds to it", {1s, 20s, 2s}, 3, 0.5, 4s},
        {"first above the ceiling", {30s, 20s, 0s}, 1, 1.0, 20s},
        {"no limit to speak of", {1s, Duration::max() / 2, 0s}, 200, 0.0, 0s},
    };
    for (const auto& [name, backoff, attempt, random, delay] : cases)
        EXPECT_EQ(backoff_delay(backoff, attempt, random), delay) << name;
}

class RetryTest : public ::testing::Test {
   protected:
    RetryOptions options() {
        return {.deadline = Deadline::after(clock_, 1min),
                .random = [] { return 1.0; },
                .on_new_error =
                    [this](const Error& error, unsigned attempt) {
                        noted_.push_back(std::to_string(attempt) + " " + error.text());
                    }};
    }
    /// Fails `times` times with `error`, then succeeds.
    auto failing(int times, Error error) {
        return [this, times, error]() -> Result<int> {
            if (++attempts_ <= times) return fail(error);
            return 42;
        };
    }
    testing::ManualClock clock_;
    int attempts_ = 0;
    std::vector<std::string> noted_;
    const Error busy_{ErrorKind::unavailable, "busy", "", {}};
};

TEST_F(RetryTest, goes_on_until_it_works) {
    const auto began = clock_.steady();
    EXPECT_EQ(retry(options(), clock_, failing(3, busy_)).value(), 42);
    EXPECT_EQ(attempts_, 4);
    EXPECT_EQ(clock_.steady() - began, 7s);
}

TEST_F(RetryTest, does_not_try_again_what_cannot_help) {
    const auto result = retry(options(), clock_, failing(3, {ErrorKind::permission, "no", "", {}}));
    EXPECT_EQ(result.error().kind, ErrorKind::permission);
    EXPECT_EQ(attempts_, 1);
}

TEST_F(RetryTest, the_caller_may_say_what_is_worth_it) {
    auto mine = options();
    mine.retryable = [](const Error& error) { return error.kind == ErrorKind::conflict; };
    EXPECT_EQ(retry(mine, clock_, failing(2, {ErrorKind::conflict, "held", "", {}})).value(), 42);
    EXPECT_EQ(retry(mine, clock_, [&]() -> Result<int> { return fail(busy_); }).error().text(), "busy");
}

TEST_F(RetryTest, the_deadline_ends_it_and_the_reason_is_kept) {
    const auto began = clock_.steady();
    const auto result = retry(options(), clock_, failing(1000, busy_));
    EXPECT_EQ(result.error().kind, ErrorKind::timeout);
    EXPECT_EQ(result.error().text(), "gave up after 7 attempts: busy");
    EXPECT_LE(clock_.steady() - began, 1min);
}

TEST_F(RetryTest, a_stop_is_noticed) {
    std::stop_source stop;
    stop.request_stop();
    auto mine = options();
    mine.stop = stop.get_token();
    EXPECT_EQ(retry(mine, clock_, failing(1000, busy_)).error().kind, ErrorKind::cancelled);
    EXPECT_EQ(attempts_, 1);
}

TEST_F(RetryTest, only_news_is_told) {
    int n = 0;
    const auto result = retry(options(), clock_, [&]() -> Result<int> {
        if (++n == 6) return 1;
        return fail(ErrorKind::unavailable, n < 4 ? "refused" : "starting");
    });
    EXPECT_TRUE(result);
    EXPECT_EQ(noted_, (std::vector<std::string>{"1 refused", "4 starting"}));
}

TEST(SystemRandom, stays_in_its_range) {
    const auto random = system_random();
    for (int i = 0; i < 1000; ++i) {
        const double value = random();
        EXPECT_GE(value, 0.0);
        EXPECT_LT(value, 1.0);
    }
}

}  // namespace
}  // namespace nodeboot
