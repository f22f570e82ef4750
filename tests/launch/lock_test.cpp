#include "launch/lock.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

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

/// SSM, of which AWS says that who deletes a parameter should wait for 30 s before making it again: what this one deletes
/// may go that late, with what was made meanwhile.
struct LateDeletions final : ParameterStore {
    testing::FakeParameters& inner;
    Clock& clock;
    std::optional<SteadyTime> goes_at;
    LateDeletions(testing::FakeParameters& store, Clock& time) : inner(store), clock(time) {}
    void go() {
        if (!goes_at || clock.steady() < *goes_at) return;
        inner.values.clear();
        goes_at.reset();
    }
    Result<std::optional<Secret>> get(const std::string& n) override {
        go();
        return inner.get(n);
    }
    Result<bool> put(const std::string& n, const Secret& v, bool o) override {
        go();
        return inner.put(n, v, o);
    }
    Result<void> remove(const std::string& n) override {
        goes_at = clock.steady() + std::chrono::seconds(30);
        return inner.remove(n);
    }
    Result<std::vector<std::string>> below(const std::string& p) override { return inner.below(p); }
    Result<std::optional<std::string>> get_public(const std::string& n) override { return inner.get_public(n); }
};

TEST_F(Locks, taken_over_is_not_deleted_on_the_way_where_the_deletion_could_come_late) {
    LateDeletions late(store, clock);
    store.values[name] = R"({"owner":"x","who":"ada@laptop","mark":"other 1 2","beat":3})";
    const auto lock = LaunchLock::take(late, clock, options("bob"));
    ASSERT_TRUE(lock) << lock.error().text();
    clock.advance(std::chrono::minutes(1));
    const auto holder = late.get(name);
    ASSERT_TRUE(holder && *holder);
    EXPECT_NE((*holder)->reveal().find("bob@laptop"), std::string::npos);
}

struct KeptLocks : Locks {
    LaunchLock::Options options(std::string id) {
        auto out = Locks::options(std::move(id));
        out.renewed_every = std::chrono::milliseconds(5);
        out.on_lost = [this] { lost = true; };
        return out;
    }
    static void eventually(const std::function<bool()>& so) {
        for (int i = 0; i < 2000 && !so(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
        EXPECT_TRUE(so());
    }
    std::string holder() {
        const auto is = store.get(name);
        return is && *is ? std::string((*is)->reveal()) : std::string();
    }
    std::atomic<bool> lost = false;
};

TEST_F(KeptLocks, taken_away_by_a_late_deletion_is_put_back_by_its_holder) {
    const auto lock = LaunchLock::take(store, clock, options("ada"));
    ASSERT_TRUE(lock);
    for (int time = 0; time < 3; ++time) {
        ASSERT_TRUE(store.remove(name));
        eventually([&] { return holder().find("ada@laptop") != std::string::npos; });
    }
    EXPECT_FALSE(lost);
}

TEST_F(KeptLocks, that_is_gone_when_its_holder_wakes_up_after_minutes_is_lost) {
    auto mine = options("ada");
    std::atomic<int> looks = 0;
    mine.uptime = [&] {
        return std::chrono::minutes(2 * ++looks);
    };  // in which others have taken it over and let it go
    const auto lock = LaunchLock::take(store, clock, std::move(mine));
    ASSERT_TRUE(lock);
    ASSERT_TRUE(store.remove(name));
    eventually([&] { return lost.load(); });
    EXPECT_EQ(holder(), "");
}

TEST_F(KeptLocks, that_somebody_else_holds_by_now_is_left_to_them) {
    const auto lock = LaunchLock::take(store, clock, options("ada"));
    ASSERT_TRUE(lock);
    const std::string theirs = R"({"owner":"eve","who":"eve@desk","mark":"","beat":0})";
    ASSERT_TRUE(store.remove(name));
    for (int i = 0; i < 2000 && !lost; ++i) {  // the holder may be between its look and its next word
        ASSERT_TRUE(store.put(name, Secret(theirs), true));
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_TRUE(lost);
    ASSERT_TRUE((*lock)->release());
    EXPECT_EQ(holder(), theirs);
}

TEST_F(KeptLocks, that_somebody_else_makes_first_after_a_late_deletion_is_theirs) {
    struct Quicker final : ParameterStore {
        testing::FakeParameters& inner;
        std::string theirs, name;
        Quicker(testing::FakeParameters& store, std::string document, std::string of)
            : inner(store), theirs(std::move(document)), name(std::move(of)) {}
        Result<std::optional<Secret>> get(const std::string& n) override {
            const auto seen = NB_TRY(inner.get(n));
            if (!seen) NB_CHECK(inner.put(name, Secret(theirs), false));  // between this look and what follows it
            return seen;
        }
        Result<bool> put(const std::string& n, const Secret& v, bool o) override { return inner.put(n, v, o); }
        Result<void> remove(const std::string& n) override { return inner.remove(n); }
        Result<std::vector<std::string>> below(const std::string& p) override { return inner.below(p); }
        Result<std::optional<std::string>> get_public(const std::string& n) override { return inner.get_public(n); }
    } quicker{store, R"({"owner":"eve","who":"eve@desk","mark":"","beat":0})", name};
    const auto lock = LaunchLock::take(quicker, clock, options("ada"));
    ASSERT_TRUE(lock);
    ASSERT_TRUE(store.remove(name));
    eventually([&] { return lost.load(); });
    EXPECT_EQ(holder(), quicker.theirs);
}

TEST_F(Locks, that_exists_and_is_not_found_is_asked_for_now_and_then) {
    struct Dying final : ParameterStore {
        testing::FakeParameters& inner;
        Clock& clock;
        SteadyTime gone;
        int puts = 0;
        Dying(testing::FakeParameters& store, Clock& time, Duration lasting)
            : inner(store), clock(time), gone(time.steady() + lasting) {}
        Result<std::optional<Secret>> get(const std::string& n) override { return inner.get(n); }
        Result<bool> put(const std::string& n, const Secret& v, bool o) override {
            if (++puts < 1000 && clock.steady() < gone) return false;
            return inner.put(n, v, o);
        }
        Result<void> remove(const std::string& n) override { return inner.remove(n); }
        Result<std::vector<std::string>> below(const std::string& p) override { return inner.below(p); }
        Result<std::optional<std::string>> get_public(const std::string& n) override { return inner.get_public(n); }
    };
    Dying passing{store, clock, std::chrono::seconds(30)};
    ASSERT_TRUE(LaunchLock::take(passing, clock, options("ada")));
    EXPECT_LE(passing.puts, 20);
    Dying lasting{store, clock, std::chrono::hours(1)};
    const auto lock = LaunchLock::take(lasting, clock, options("ada"));
    ASSERT_FALSE(lock);
    EXPECT_EQ(lock.error().kind, ErrorKind::conflict);
    EXPECT_NE(lock.error().text().find("/nodeboot/demo/launch"), std::string::npos);
}

}  // namespace
}  // namespace nodeboot
