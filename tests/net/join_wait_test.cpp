#include "net/join_wait.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <nlohmann/json.hpp>
#include <random>

#include "net/ssm_join_store.hpp"
#include "support/fake_http.hpp"
#include "support/manual_clock.hpp"
#include "support/simulated_time.hpp"

namespace nodeboot {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::ManualClock;

JoinSecret secret_until(WallTime expires) {
    return {
        "10.0.0.10:6443", Secret("abcdef.0123456789abcdef"), {"sha256:" + std::string(64, 'c')}, expires, "v1.35.0"};
}

Random half() {
    return [] { return 0.5; };
}

/// Answers what the test lists, the last one for ever.
class ScriptedStore final : public JoinStore {
   public:
    using Answer = Result<std::optional<JoinSecret>>;
    mutable std::deque<Answer> answers;
    mutable int looks = 0;

    Answer fetch(Look) const override {
        ++looks;
        Answer answer = answers.front();
        if (answers.size() > 1) answers.pop_front();
        return answer;
    }
    Result<void> publish(const JoinSecret&) override { return {}; }
    Result<std::optional<Secret>> fetch_kubeconfig() const override { return std::optional<Secret>{}; }
    Result<void> publish_kubeconfig(const Secret&) override { return {}; }
    std::string describe() const override { return "store"; }

    static Answer absent() { return std::optional<JoinSecret>{}; }
    static Answer error(ErrorKind kind, const std::string& message, bool throttled = false) {
        Error error{kind, message, "do this", {}};
        error.throttled = throttled;
        return fail(error);
    }
};

class JoinWaitTest : public ::testing::Test {
   protected:
    Result<JoinSecret> wait(Duration deadline = minutes(30)) {
        return wait_for_join_secret(
            store_, clock_, {.expected_nodes = 10, .deadline = Deadline::after(clock_, deadline), .random = half()},
            log_);
    }
    ManualClock clock_;
    ScriptedStore store_;
    std::vector<std::string> lines_;
    Log log_{[this](LogLevel, std::string_view line) { lines_.emplace_back(line); }};
};

TEST_F(JoinWaitTest, a_secret_that_is_there_is_taken_within_a_second_and_without_a_word) {
    store_.answers = {std::optional(secret_until(clock_.wall() + minutes(60)))};
    const auto start = clock_.steady();
    EXPECT_EQ(wait()->endpoint, "10.0.0.10:6443");
    EXPECT_LE(clock_.steady() - start, seconds(1));
    EXPECT_TRUE(lines_.empty());
}

TEST_F(JoinWaitTest, the_log_tells_what_changed_and_not_every_look) {
    for (int i = 0; i < 50; ++i) store_.answers.push_back(ScriptedStore::absent());
    for (int i = 0; i < 5; ++i) store_.answers.push_back(ScriptedStore::error(ErrorKind::unavailable, "no route"));
    for (int i = 0; i < 5; ++i)
        store_.answers.push_back(ScriptedStore::error(ErrorKind::unavailable, "ThrottlingException", true));
    store_.answers.push_back(std::optional(secret_until(clock_.wall() - seconds(1))));
    store_.answers.push_back(std::optional(secret_until(clock_.wall() + minutes(600))));
    ASSERT_TRUE(wait());
    ASSERT_EQ(lines_.size(), 5u);
    EXPECT_EQ(lines_[0], "waiting for store: not published yet");
    EXPECT_EQ(lines_[1], "waiting for store: no route");
    EXPECT_EQ(lines_[2], "waiting for store: throttled");
    EXPECT_EQ(lines_[3], "waiting for store: its token expired at 2026-11-22T23:59:59Z");
    EXPECT_TRUE(lines_[4].starts_with("store: there after ")) << lines_[4];
}

TEST_F(JoinWaitTest, the_deadline_ends_it_with_what_was_seen_last_and_what_to_do) {
    store_.answers = {ScriptedStore::absent()};
    const auto start = clock_.steady();
    const auto secret = wait(minutes(5));
    ASSERT_FALSE(secret);
    EXPECT_EQ(secret.error().kind, ErrorKind::timeout);
    EXPECT_EQ(secret.error().text(), "no join secret after 5m: store: not published yet");
    EXPECT_FALSE(secret.error().hint.empty());
    EXPECT_EQ(clock_.steady() - start, minutes(5));
    EXPECT_GT(store_.looks, 100);
}

TEST_F(JoinWaitTest, throttling_is_never_a_reason_to_give_up) {
    for (int i = 0; i < 40; ++i)
        store_.answers.push_back(ScriptedStore::error(ErrorKind::unavailable, "ThrottlingException", true));
    store_.answers.push_back(std::optional(secret_until(clock_.wall() + minutes(600))));
    EXPECT_TRUE(wait(minutes(60)));
}

TEST_F(JoinWaitTest, missing_permission_is_believed_after_two_minutes_and_a_malformed_secret_at_once) {
    store_.answers = {ScriptedStore::error(ErrorKind::permission, "AccessDenied")};
    const auto start = clock_.steady();
    const auto denied = wait();
    EXPECT_EQ(denied.error().kind, ErrorKind::permission);
    EXPECT_GE(clock_.steady() - start, minutes(2));
    EXPECT_LE(clock_.steady() - start, minutes(3));

    store_.answers = {ScriptedStore::error(ErrorKind::permission, "AccessDenied"),
                      std::optional(secret_until(clock_.wall() + minutes(60)))};
    EXPECT_TRUE(wait());
    store_.answers = {ScriptedStore::error(ErrorKind::corrupted, "token is missing")};
    EXPECT_EQ(wait().error().text(), "wait for the join secret: token is missing");
}

TEST(JoinPoll, delays_follow_the_number_of_nodes_and_what_was_seen) {
    using Outcome = JoinPoll::Outcome;
    const auto ms = [](Duration d) { return std::chrono::duration_cast<std::chrono::milliseconds>(d).count(); };
    struct Case {
        unsigned nodes;
        std::vector<Outcome> seen;
        std::int64_t first, last;  ///< milliseconds, with random = 0.5
    };
    const auto absent = Outcome::absent, throttled = Outcome::throttled, unreachable = Outcome::unreachable;
    const std::vector<Case> table{
        {1, {absent}, 250, 1500},
        {20, {absent, absent, absent}, 250, 1500},
        {100, {absent}, 2500, 5500},
        {1000, {absent}, 25000, 52500},
        {1000, {absent, absent, absent, absent}, 25000, 52500},
        {10, {unreachable}, 250, 600},
        {10, {unreachable, unreachable, unreachable}, 250, 2100},
        {1000, {unreachable, unreachable, unreachable, unreachable, unreachable, unreachable}, 25000, 5100},
        {10, {throttled}, 250, 600},
        {10, {throttled, throttled, throttled}, 250, 2100},
        {10, {throttled, throttled, throttled, throttled, throttled, throttled, throttled, throttled}, 250, 30100},
        {10, {throttled, throttled, throttled, absent}, 250, 7700},
        {1000, {throttled}, 25000, 12600},
        {1000, {throttled, throttled, throttled}, 25000, 30100},
    };
    for (const auto& c : table) {
        JoinPoll poll(c.nodes, half());
        EXPECT_EQ(ms(poll.first()), c.first) << c.nodes;
        Duration last{};
        for (const auto outcome : c.seen) last = poll.next(outcome);
        EXPECT_EQ(ms(last), c.last) << c.nodes << " after " << c.seen.size();
    }
}

/// The whole account's reads, at most `limit` in any second; what is above is throttled as SSM does it.
class LimitedSsm final : public Http {
   public:
    LimitedSsm(const testing::SimulatedTime& time, unsigned limit, SteadyTime published)
        : time_(time), limit_(limit), published_(published) {}

    Result<HttpResponse> send(const HttpRequest&, std::stop_token) override {
        const auto now = time_.now();
        while (!served_.empty() && served_.front() <= now - seconds(1)) served_.pop_front();
        if (served_.size() >= limit_) {
            ++throttled;
            return HttpResponse{400, {}, R"({"__type":"ThrottlingException","message":"Rate exceeded"})"};
        }
        served_.push_back(now);
        ++reads;
        if (now < published_) return HttpResponse{400, {}, R"({"__type":"ParameterNotFound"})"};
        const auto secret = serialise(secret_until(WallTime(std::chrono::hours(24 * 365 * 100))));
        return HttpResponse{200, {}, nlohmann::json{{"Parameter", {{"Value", std::string(secret.reveal())}}}}.dump()};
    }

    unsigned reads = 0, throttled = 0;

   private:
    const testing::SimulatedTime& time_;
    unsigned limit_;
    SteadyTime published_;
    std::deque<SteadyTime> served_;
};

struct Outcome {
    unsigned joined = 0;
    Duration slowest{};  ///< after publication
    unsigned reads = 0, throttled = 0;
};

/// 1000 machines started within ten seconds, the real store, client and waiting code, and a secret that is published
/// three minutes later.
Outcome boot_a_thousand(unsigned expected_nodes, unsigned limit, unsigned seed) {
    constexpr std::size_t workers = 1000;
    testing::SimulatedTime time;
    const auto published = time.now() + minutes(3);
    LimitedSsm http(time, limit, published);
    std::mt19937 engine(seed);
    std::uniform_real_distribution<double> uniform(0.0, 1.0);
    std::vector<Duration> starts;
    for (std::size_t i = 0; i < workers; ++i)
        starts.push_back(std::chrono::milliseconds(static_cast<int>(uniform(engine) * 10000)));
    Outcome outcome;
    const Log quiet([](LogLevel, std::string_view) {});
    time.run(starts, [&](std::size_t, Clock& clock) {
        const auto credentials = make_static_credentials({"AKID", Secret("key"), Secret(), {}});
        AwsClient client(http, clock, *credentials, {.region = "eu-central-1"});
        const auto store = make_ssm_join_store(client, "demo");
        const auto secret = wait_for_join_secret(*store, clock,
                                                 {.expected_nodes = expected_nodes,
                                                  .deadline = Deadline::after(clock, minutes(30)),
                                                  .random = [&] { return uniform(engine); }},
                                                 quiet);
        if (!secret) return;
        ++outcome.joined;
        outcome.slowest = std::max(outcome.slowest, clock.steady() - published);
    });
    outcome.reads = http.reads;
    outcome.throttled = http.throttled;
    return outcome;
}

/// bench/thousand-workers asks for more of them.
unsigned seeds() {
    const char* asked = std::getenv("NODEBOOT_SEEDS");
    return asked != nullptr ? static_cast<unsigned>(std::strtoul(asked, nullptr, 10)) : 3;
}

TEST(ThousandWorkers, all_have_the_secret_within_a_minute_of_its_publication) {
    for (unsigned seed = 1; seed <= seeds(); ++seed) {
        const auto outcome = boot_a_thousand(1000, 40, seed);
        EXPECT_EQ(outcome.joined, 1000u) << "seed " << seed;
        EXPECT_LE(outcome.slowest, seconds(60)) << "seed " << seed;
        EXPECT_LE(outcome.throttled, 10u) << "seed " << seed;
        RecordProperty("slowest_ms_" + std::to_string(seed),
                       static_cast<int>(outcome.slowest / std::chrono::milliseconds(1)));
        RecordProperty("throttled_" + std::to_string(seed), static_cast<int>(outcome.throttled));
    }
}

TEST(ThousandWorkers, nobody_gives_up_when_ten_were_expected_or_others_use_half_of_the_limit) {
    const auto unexpected = boot_a_thousand(10, 40, 7);
    EXPECT_EQ(unexpected.joined, 1000u);
    EXPECT_LE(unexpected.slowest, seconds(120));
    const auto crowded = boot_a_thousand(1000, 20, 7);
    EXPECT_EQ(crowded.joined, 1000u);
    EXPECT_LE(crowded.slowest, seconds(120));
    RecordProperty("slowest_ms_unexpected", static_cast<int>(unexpected.slowest / std::chrono::milliseconds(1)));
    RecordProperty("throttled_unexpected", static_cast<int>(unexpected.throttled));
    RecordProperty("slowest_ms_crowded", static_cast<int>(crowded.slowest / std::chrono::milliseconds(1)));
    RecordProperty("throttled_crowded", static_cast<int>(crowded.throttled));
}

}  // namespace
}  // namespace nodeboot
