#include "launch/lock.hpp"

#include <gtest/gtest.h>

#include "support/fake_access.hpp"
#include "support/manual_clock.hpp"

namespace nodeboot {
namespace {

struct Locks : ::testing::Test {
    LaunchLock::Options options(std::string id) {
        return {.cluster = "demo",
                .owner = {id, id + "@laptop", "boot 7 " + id},
                .on_wait = [this](const std::string& who) { waited_for.push_back(who); }};
    }
    testing::Gate gate;
    testing::FakeParameters store{gate};
    testing::ManualClock clock;
    std::vector<std::string> waited_for;
    const std::string name = LaunchLock::parameter("demo");
};

TEST_F(Locks, is_free_again_and_leaves_nothing_when_its_holder_ends) {
    {
        const auto lock = LaunchLock::take(store, clock, options("ada"));
        ASSERT_TRUE(lock);
        EXPECT_TRUE((*lock)->was_free());
        EXPECT_TRUE(store.values.contains("/nodeboot/demo/launch"));
    }
    EXPECT_TRUE(store.values.empty());
}

TEST_F(Locks, let_go_of_while_it_was_asked_for_is_not_taken_for_free_from_the_start) {
    store.values[name] = R"({"owner":"bob"})";
    struct LettingGo final : ParameterStore {
        testing::FakeParameters& inner;
        explicit LettingGo(testing::FakeParameters& store) : inner(store) {}
        Result<std::optional<Secret>> get(const std::string& n) override {
            inner.values.clear();
            return inner.get(n);
        }
        Result<bool> put(const std::string& n, const Secret& v, bool o) override { return inner.put(n, v, o); }
        Result<void> remove(const std::string& n) override { return inner.remove(n); }
        Result<std::vector<std::string>> below(const std::string& p) override { return inner.below(p); }
        Result<std::optional<std::string>> get_public(const std::string& n) override { return inner.get_public(n); }
    } letting_go{store};
    const auto lock = LaunchLock::take(letting_go, clock, options("ada"));
    ASSERT_TRUE(lock);
    EXPECT_FALSE((*lock)->was_free());
}

TEST_F(Locks, of_a_holder_that_lives_is_refused_after_the_timeout_and_names_it) {
    // It writes again before the minute is over: a beat for each look.
    const auto first = LaunchLock::take(store, clock, options("ada"));
    struct Beating final : ParameterStore {
        testing::FakeParameters& inner;
        int beat = 0;
        explicit Beating(testing::FakeParameters& store) : inner(store) {}
        Result<std::optional<Secret>> get(const std::string& name) override {
            auto value = NB_TRY(inner.get(name));
            return std::optional(
                Secret(std::string(value->reveal()) + std::string(static_cast<std::size_t>(++beat % 7), ' ')));
        }
        Result<bool> put(const std::string& n, const Secret& v, bool o) override { return inner.put(n, v, o); }
        Result<void> remove(const std::string& n) override { return inner.remove(n); }
        Result<std::vector<std::string>> below(const std::string& p) override { return inner.below(p); }
        Result<std::optional<std::string>> get_public(const std::string& n) override { return inner.get_public(n); }
    } beating{store};
    const auto began = clock.steady();
    const auto second = LaunchLock::take(beating, clock, options("bob"));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind, ErrorKind::conflict);
    EXPECT_NE(second.error().text().find("ada@laptop is at work on cluster demo"), std::string::npos);
    EXPECT_EQ(waited_for, std::vector<std::string>{"ada@laptop"});
    EXPECT_GE(clock.steady() - began, std::chrono::minutes(15));
}

TEST_F(Locks, of_a_holder_that_was_killed_elsewhere_is_taken_over_after_a_minute) {
    store.values[name] = R"({"owner":"x","who":"ada@laptop","mark":"other 1 2","beat":3})";
    const auto began = clock.steady();
    const auto lock = LaunchLock::take(store, clock, options("bob"));
    ASSERT_TRUE(lock) << lock.error().text();
    EXPECT_FALSE((*lock)->was_free());
    EXPECT_GE(clock.steady() - began, std::chrono::minutes(1));
    EXPECT_LE(clock.steady() - began, std::chrono::minutes(2));
}

TEST_F(Locks, of_a_process_that_was_killed_on_this_machine_is_taken_over_at_once) {
    store.values[name] = R"({"owner":"x","who":"ada@laptop","mark":"boot 1 2","beat":3})";
    auto mine = options("bob");
    mine.is_gone = [](const std::string& mark) { return mark == "boot 1 2"; };
    const auto began = clock.steady();
    ASSERT_TRUE(LaunchLock::take(store, clock, std::move(mine)));
    EXPECT_LE(clock.steady() - began, std::chrono::seconds(5));
}

TEST_F(Locks, is_not_taken_from_who_took_it_over_first) {
    // Both find the dead holder; the other one's deletion and write come between our write and our look.
    struct Racing final : ParameterStore {
        testing::FakeParameters& inner;
        int puts = 0;
        explicit Racing(testing::FakeParameters& store) : inner(store) {}
        Result<std::optional<Secret>> get(const std::string& name) override {
            if (puts == 2) {
                puts = 3;
                inner.values[name] = R"({"owner":"y","who":"eve@desk","mark":"","beat":0})";
            }
            return inner.get(name);
        }
        Result<bool> put(const std::string& n, const Secret& v, bool o) override {
            ++puts;
            return inner.put(n, v, o);
        }
        Result<void> remove(const std::string& n) override { return inner.remove(n); }
        Result<std::vector<std::string>> below(const std::string& p) override { return inner.below(p); }
        Result<std::optional<std::string>> get_public(const std::string& n) override { return inner.get_public(n); }
    } racing{store};
    store.values[name] = R"({"owner":"x","who":"ada@laptop","mark":"boot 1 2","beat":3})";
    auto mine = options("bob");
    mine.is_gone = [](const std::string& mark) { return mark == "boot 1 2"; };
    mine.timeout = std::chrono::seconds(30);
    const auto lock = LaunchLock::take(racing, clock, std::move(mine));
    ASSERT_FALSE(lock);
    EXPECT_NE(lock.error().text().find("eve@desk"), std::string::npos);
}

}  // namespace
}  // namespace nodeboot
