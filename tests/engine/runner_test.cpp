#include "engine/runner.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <latch>
#include <map>
#include <mutex>
#include <thread>

#include "support/manual_clock.hpp"

namespace nodeboot {
namespace {

using namespace std::chrono_literals;

/// Phases over a world that is a set of facts: each wants facts to be there, and makes those that are missing.
class World {
   public:
    Runnable phase(const std::string& name, std::vector<std::string> needs, std::vector<std::string> wants) {
        Runnable phase;
        phase.info = {name, "", std::move(needs)};
        phase.plan = [this, name, wants]() -> Result<std::vector<RunnableChange>> {
            const std::lock_guard lock(mutex_);
            log_.push_back("plan " + name);
            std::vector<RunnableChange> changes;
            for (const auto& fact : wants)
                if (!facts.contains(fact))
                    changes.push_back(
                        {fact, "absent", "present", "make " + fact, [this, fact](StepContext&) -> Result<void> {
                             const std::lock_guard guard(mutex_);
                             log_.push_back("apply " + fact);
                             if (unmakeable.contains(fact)) return fail(ErrorKind::io, "cannot make " + fact);
                             if (!vanishing.contains(fact)) facts.insert(fact);
                             return {};
                         }});
            return changes;
        };
        phase.verify = [this, name](StepContext&) -> Result<void> {
            const std::lock_guard lock(mutex_);
            log_.push_back("verify " + name);
            if (sick.contains(name)) return fail(ErrorKind::timeout, name + " does not answer");
            return {};
        };
        return phase;
    }
    std::vector<std::string> log() const {
        const std::lock_guard lock(mutex_);
        return log_;
    }
    std::set<std::string> facts, unmakeable, vanishing, sick;

   private:
    mutable std::mutex mutex_;
    std::vector<std::string> log_;
};

using Lines = std::vector<std::string>;

class RunnerTest : public ::testing::Test {
   protected:
    RunOptions options(Selection selection = {}) {
        return {.clock = clock_,
                .log = log_,
                .stop = stop_.get_token(),
                .selection = std::move(selection),
                .observer = observer_};
    }
    RunReport run(std::vector<Runnable> phases, Selection selection = {}) {
        const auto catalog = Catalog::make(std::move(phases)).value();
        return converge(catalog, options(std::move(selection)));
    }
    static Lines outcomes(const RunReport& report) {
        Lines lines;
        for (const auto& phase : report.phases)
            lines.push_back(phase.name + " " + std::string(to_string(phase.outcome)));
        return lines;
    }
    testing::ManualClock clock_;
    Log log_{{}};
    std::stop_source stop_;
    RunObserver* observer_ = nullptr;
    World world_;
};

TEST_F(RunnerTest, plans_applies_plans_again_and_verifies) {
    const auto report = run({world_.phase("a", {}, {"x", "y"})});
    EXPECT_EQ(world_.log(), (Lines{"plan a", "apply x", "apply y", "plan a", "verify a"}));
    EXPECT_EQ(outcomes(report), Lines{"a changed"});
    EXPECT_TRUE(report.ok());
    EXPECT_TRUE(report.changed());
    ASSERT_EQ(report.phases[0].changes.size(), 2u);
    EXPECT_TRUE(report.phases[0].changes[1].done);
}

TEST_F(RunnerTest, what_is_right_stays_untouched) {
    world_.facts = {"x"};
    const auto report = run({world_.phase("a", {}, {"x"})});
    EXPECT_EQ(world_.log(), (Lines{"plan a", "verify a"}));
    EXPECT_EQ(outcomes(report), Lines{"a unchanged"});
    EXPECT_FALSE(report.changed());
}

TEST_F(RunnerTest, a_phase_starts_after_those_it_needs) {
    for (int round = 0; round < 20; ++round) {
        World world;
        run({world.phase("a", {}, {"x"}), world.phase("b", {}, {"y"}), world.phase("c", {"a", "b"}, {"z"})});
        const auto log = world.log();
        const auto at = [&](const std::string& line) { return std::find(log.begin(), log.end(), line) - log.begin(); };
        EXPECT_LT(at("verify a"), at("plan c"));
        EXPECT_LT(at("verify b"), at("plan c"));
    }
}

TEST_F(RunnerTest, phases_that_do_not_need_each_other_run_side_by_side) {
    std::latch both(2);  // each waits for the other: in turn, this would never end
    auto meeting = [&](const std::string& name) {
        auto phase = world_.phase(name, {}, {});
        phase.verify = [&](StepContext&) -> Result<void> {
            both.arrive_and_wait();
            return {};
        };
        return phase;
    };
    EXPECT_TRUE(run({meeting("a"), meeting("b")}).ok());
}

TEST_F(RunnerTest, never_more_at_once_than_allowed) {
    std::atomic<int> now{0}, most{0}, patience{30'000};
    std::vector<Runnable> phases;
    for (int i = 0; i < 12; ++i) {
        auto phase = world_.phase(std::to_string(i), {}, {});
        phase.verify = [&](StepContext&) -> Result<void> {
            const int running = ++now;
            int seen = most;
            while (running > seen && !most.compare_exchange_weak(seen, running)) {
            }
            std::this_thread::sleep_for(2ms);
            while (most < 2 && --patience > 0) std::this_thread::sleep_for(1ms);  // a second one may be slow to come
            --now;
            return {};
        };
        phases.push_back(phase);
    }
    const auto catalog = Catalog::make(std::move(phases)).value();
    auto mine = options();
    mine.parallel = 3;
    EXPECT_TRUE(converge(catalog, mine).ok());
    EXPECT_LE(most, 3);
    EXPECT_GE(most, 2);
}

TEST_F(RunnerTest, after_a_failure_only_what_needs_it_is_blocked) {
    world_.unmakeable = {"x"};
    const auto report = run({world_.phase("a", {}, {"x"}), world_.phase("b", {"a"}, {"y"}),
                             world_.phase("c", {"b"}, {"z"}), world_.phase("d", {}, {"w"})});
    EXPECT_EQ(outcomes(report), (Lines{"a failed", "b blocked", "c blocked", "d changed"}));
    EXPECT_FALSE(report.ok());
    EXPECT_EQ(report.first_error()->text(), "phase a, x (absent -> present): cannot make x");
    EXPECT_FALSE(report.phases[1].error);
}

TEST_F(RunnerTest, changes_after_the_failed_one_are_not_made) {
    world_.unmakeable = {"x"};
    const auto report = run({world_.phase("a", {}, {"w", "x", "y"})});
    EXPECT_EQ(world_.facts, std::set<std::string>{"w"});
    EXPECT_TRUE(report.phases[0].changes[0].done);
    EXPECT_FALSE(report.phases[0].changes[1].done);
    EXPECT_FALSE(report.phases[0].changes[2].done);
    EXPECT_TRUE(report.changed());
}

TEST_F(RunnerTest, a_second_plan_that_is_not_empty_is_an_error) {
    world_.vanishing = {"x"};
    const auto report = run({world_.phase("a", {}, {"x"})});
    EXPECT_EQ(outcomes(report), Lines{"a failed"});
    EXPECT_EQ(report.first_error()->kind, ErrorKind::conflict);
    EXPECT_EQ(report.first_error()->text(), "phase a made its changes, but x is 'absent' and not 'present' (1 left)");
    EXPECT_EQ(world_.log(), (Lines{"plan a", "apply x", "plan a"}));
}

TEST_F(RunnerTest, what_does_not_behave_has_failed) {
    world_.sick = {"a"};
    const auto report = run({world_.phase("a", {}, {}), world_.phase("b", {"a"}, {})});
    EXPECT_EQ(outcomes(report), (Lines{"a failed", "b blocked"}));
    EXPECT_EQ(report.first_error()->text(), "phase a, verifying: a does not answer");
}

TEST_F(RunnerTest, a_plan_that_cannot_look_has_failed) {
    auto blind = world_.phase("a", {}, {});
    blind.plan = []() -> Result<std::vector<RunnableChange>> { return fail(ErrorKind::permission, "not allowed"); };
    const auto report = run({blind});
    EXPECT_EQ(report.first_error()->text(), "phase a, looking: not allowed");
}

TEST_F(RunnerTest, a_skipped_phase_counts_as_met) {
    const auto report = run({world_.phase("a", {}, {"x"}), world_.phase("b", {"a"}, {"y"})}, {.skip = {"a"}});
    EXPECT_EQ(outcomes(report), (Lines{"a skipped", "b changed"}));
    EXPECT_EQ(world_.facts, std::set<std::string>{"y"});
    EXPECT_TRUE(report.ok());
}

TEST_F(RunnerTest, only_runs_only_that) {
    const auto report =
        run({world_.phase("a", {}, {"x"}), world_.phase("b", {"a"}, {"y"}), world_.phase("c", {"b"}, {"z"})},
            {.only = {"b"}});
    EXPECT_EQ(outcomes(report), (Lines{"a skipped", "b changed", "c skipped"}));
}

TEST_F(RunnerTest, a_stop_lets_the_change_under_way_end_and_begins_nothing_new) {
    auto stopping = world_.phase("a", {}, {"x", "y"});
    const auto plan = stopping.plan;
    stopping.plan = [&, plan] {
        auto changes = plan();
        if (changes && !changes->empty() && changes->front().subject == "x") {
            const auto apply = changes->front().apply;
            changes->front().apply = [&, apply](StepContext& step) {
                stop_.request_stop();
                return apply(step);
            };
        }
        return changes;
    };
    const auto report = run({stopping, world_.phase("b", {"a"}, {"z"})});
    EXPECT_EQ(world_.facts, std::set<std::string>{"x"});
    EXPECT_EQ(outcomes(report), (Lines{"a failed", "b blocked"}));
    EXPECT_EQ(report.first_error()->kind, ErrorKind::cancelled);
    EXPECT_EQ(report.first_error()->text(), "phase a stopped before 'make y'");
}

TEST_F(RunnerTest, stopped_before_it_began_nothing_is_looked_at) {
    stop_.request_stop();
    const auto report = run({world_.phase("a", {}, {"x"})});
    EXPECT_EQ(outcomes(report), Lines{"a blocked"});
    EXPECT_EQ(report.first_error()->kind, ErrorKind::cancelled);
    EXPECT_TRUE(world_.log().empty());
}

TEST_F(RunnerTest, planning_changes_nothing_and_looks_at_phases_whose_needs_are_not_met) {
    const auto catalog =
        Catalog::make({world_.phase("a", {}, {"x"}), world_.phase("b", {"a"}, {"y"}), world_.phase("c", {}, {})})
            .value();
    const auto report = plan_all(catalog, options());
    EXPECT_EQ(outcomes(report), (Lines{"a pending", "b pending", "c unchanged"}));
    EXPECT_EQ(world_.log(), (Lines{"plan a", "plan b", "plan c"}));
    EXPECT_TRUE(report.changed());
    EXPECT_TRUE(world_.facts.empty());
}

TEST_F(RunnerTest, planning_looks_last_at_what_systemd_is_asked_about) {
    auto asking = world_.phase("a", {}, {"x"});
    asking.info.units = {"one.service", "two.service"};
    auto skipped = world_.phase("c", {}, {});
    skipped.info.units = {"three.service"};
    const auto catalog = Catalog::make({asking, world_.phase("b", {"a"}, {"y"}), skipped}).value();
    EXPECT_EQ(catalog.units({.only = {}, .skip = {"c"}}), (Lines{"one.service", "two.service"}));
    EXPECT_EQ(outcomes(plan_all(catalog, options())), (Lines{"a pending", "b pending", "c unchanged"}));
    EXPECT_EQ(world_.log(), (Lines{"plan b", "plan a", "plan c"}));
}

TEST_F(RunnerTest, inspecting_verifies_what_has_converged_and_changes_nothing) {
    world_.facts = {"x"};
    world_.sick = {"c"};
    const auto catalog =
        Catalog::make({world_.phase("a", {}, {"x"}), world_.phase("b", {"a"}, {"y"}), world_.phase("c", {}, {})})
            .value();
    const auto report = inspect(catalog, options());
    EXPECT_EQ(outcomes(report), (Lines{"a unchanged", "b pending", "c failed"}));
    const auto log = world_.log();
    EXPECT_EQ(std::count(log.begin(), log.end(), "verify b"), 0);
    EXPECT_EQ(world_.facts, std::set<std::string>{"x"});
}

TEST_F(RunnerTest, a_phase_has_its_own_deadline_and_the_run_the_last_word) {
    std::vector<Duration> left;
    auto timed = world_.phase("a", {}, {});
    timed.info.timeout = 3min;
    timed.verify = [&](StepContext& step) -> Result<void> {
        left.push_back(step.deadline.remaining(step.clock));
        return {};
    };
    run({timed});
    const auto catalog = Catalog::make({timed}).value();
    auto mine = options();
    mine.deadline = Deadline::after(clock_, 1min);
    converge(catalog, mine);
    EXPECT_EQ(left, (std::vector<Duration>{3min, 1min}));
}

TEST_F(RunnerTest, times_are_noted) {
    auto slow = world_.phase("a", {}, {"x"});
    slow.verify = [&](StepContext& step) { return step.clock.sleep(7s); };
    const auto report = run({slow});
    EXPECT_EQ(report.phases[0].verifying, 7s);
    EXPECT_EQ(report.took, 7s);
}

/// Fails the test when two calls overlap, and keeps what it saw.
class StrictObserver final : public RunObserver {
   public:
    void phase_began(const PhaseInfo& info) override { saw("began " + info.name); }
    void change_began(const PhaseInfo&, const ChangeReport& change) override { saw("change " + change.subject); }
    void change_ended(const PhaseInfo&, const ChangeReport& change) override {
        saw((change.done ? "done " : "not done ") + change.subject);
    }
    void phase_progress(const PhaseInfo&, std::string_view text) override { saw("progress " + std::string(text)); }
    void phase_verifying(const PhaseInfo& info) override { saw("verifying " + info.name); }
    void phase_ended(const PhaseInfo& info, const PhaseReport& report) override {
        saw("ended " + info.name + " " + std::string(to_string(report.outcome)));
    }
    Lines lines;

   private:
    void saw(std::string line) {
        EXPECT_FALSE(busy_.exchange(true)) << "two calls at once";
        lines.push_back(std::move(line));  // not locked: the sanitizers notice, too
        std::this_thread::yield();
        busy_ = false;
    }
    std::atomic<bool> busy_{false};
};

TEST_F(RunnerTest, an_observer_sees_it_all_in_order) {
    StrictObserver observer;
    observer_ = &observer;
    auto phase = world_.phase("a", {}, {"x"});
    phase.verify = [](StepContext& step) -> Result<void> {
        step.progress("1 of 2");
        return {};
    };
    run({phase});
    EXPECT_EQ(observer.lines,
              (Lines{"began a", "change x", "done x", "verifying a", "progress 1 of 2", "ended a changed"}));
}

TEST_F(RunnerTest, an_observer_never_has_two_calls_at_once) {
    StrictObserver observer;
    observer_ = &observer;
    std::vector<Runnable> phases;
    for (int i = 0; i < 16; ++i) {
        const std::string name = std::to_string(i);
        auto phase = world_.phase(name, {}, {"x" + name, "y" + name});
        phase.verify = [](StepContext& step) -> Result<void> {
            for (int n = 0; n < 20; ++n) step.progress("polling");
            return {};
        };
        phases.push_back(phase);
    }
    EXPECT_TRUE(run(phases).ok());
    EXPECT_EQ(observer.lines.size(), 16u * (1 + 4 + 1 + 20 + 1));
}

TEST_F(RunnerTest, many_phases_with_many_needs_all_run_once) {
    std::vector<Runnable> phases;
    for (int i = 0; i < 40; ++i) {
        std::vector<std::string> needs;
        for (int n = 1; n <= 3 && i - n * n >= 0; ++n) needs.push_back(std::to_string(i - n * n));
        phases.push_back(world_.phase(std::to_string(i), needs, {"fact " + std::to_string(i)}));
    }
    EXPECT_TRUE(run(phases).ok());
    EXPECT_EQ(world_.facts.size(), 40u);
    EXPECT_EQ(world_.log().size(), 40u * 4);
}

TEST(Catalog, mistakes_of_ours_are_found) {
    World world;
    EXPECT_EQ(Catalog::make({world.phase("a", {"b"}, {}), world.phase("b", {}, {})}).error().text(),
              "phase a needs b, which does not come before it");
    EXPECT_EQ(Catalog::make({world.phase("a", {}, {}), world.phase("a", {}, {})}).error().text(),
              "two phases are called a");
    EXPECT_EQ(Catalog::make({world.phase("a", {"a"}, {})}).error().kind, ErrorKind::internal);
}

TEST(Catalog, an_unknown_name_in_a_selection_gets_the_nearest_one) {
    World world;
    const auto catalog = Catalog::make({world.phase("sysctl", {}, {}), world.phase("swap", {}, {})}).value();
    EXPECT_TRUE(catalog.check({.only = {"swap"}, .skip = {"sysctl"}}));
    const auto unknown = catalog.check({.skip = {"sysctrl"}});
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().kind, ErrorKind::invalid_input);
    EXPECT_EQ(unknown.error().text(), "there is no phase 'sysctrl' here");
    EXPECT_EQ(unknown.error().hint, "did you mean 'sysctl'?");
    EXPECT_EQ(catalog.check({.only = {"completely-different"}}).error().hint, "`nodeboot phases` lists them");
}

}  // namespace
}  // namespace nodeboot
