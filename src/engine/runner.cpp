#include "engine/runner.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "base/nearest.hpp"

namespace nodeboot {

std::string_view to_string(Outcome outcome) {
    switch (outcome) {
        case Outcome::unchanged: return "unchanged";
        case Outcome::pending: return "pending";
        case Outcome::changed: return "changed";
        case Outcome::failed: return "failed";
        case Outcome::blocked: return "blocked";
        case Outcome::skipped: return "skipped";
    }
    return "?";
}

bool RunReport::ok() const {
    return std::none_of(phases.begin(), phases.end(), [](const PhaseReport& p) {
        return p.outcome == Outcome::failed || p.outcome == Outcome::blocked;
    });
}

bool RunReport::changed() const {
    return std::any_of(phases.begin(), phases.end(), [](const PhaseReport& p) {
        return p.outcome == Outcome::pending ||
               std::any_of(p.changes.begin(), p.changes.end(), [](const ChangeReport& c) { return c.done; });
    });
}

const Error* RunReport::first_error() const {
    for (const auto& phase : phases)
        if (phase.error) return &*phase.error;
    return nullptr;
}

bool Selection::includes(const std::string& name) const {
    return (only.empty() || only.contains(name)) && !skip.contains(name);
}

Result<Catalog> Catalog::make(std::vector<Runnable> phases) {
    std::set<std::string> seen;
    for (const auto& phase : phases) {
        for (const auto& need : phase.info.needs)
            if (!seen.contains(need))
                return fail(ErrorKind::internal,
                            fmt::format("phase {} needs {}, which does not come before it", phase.info.name, need));
        if (!seen.insert(phase.info.name).second)
            return fail(ErrorKind::internal, fmt::format("two phases are called {}", phase.info.name));
    }
    Catalog catalog;
    catalog.phases_ = std::move(phases);
    return catalog;
}

std::vector<Runnable> backwards(std::vector<Runnable> phases) {
    std::map<std::string, std::vector<std::string>> users;
    for (const auto& phase : phases)
        for (const auto& need : phase.info.needs) users[need].push_back(phase.info.name);
    std::reverse(phases.begin(), phases.end());
    for (auto& phase : phases) phase.info.needs = users[phase.info.name];
    return phases;
}

Result<void> Catalog::check(const Selection& selection) const {
    std::vector<std::string> names;
    for (const auto& phase : phases_) names.push_back(phase.info.name);
    for (const auto* set : {&selection.only, &selection.skip})
        for (const auto& word : *set)
            if (std::find(names.begin(), names.end(), word) == names.end()) {
                const std::string near = nearest(word, names);
                return fail(ErrorKind::invalid_input, fmt::format("there is no phase '{}' here", word),
                            near.empty() ? "`nodeboot phases` lists them" : fmt::format("did you mean '{}'?", near));
            }
    return {};
}

std::vector<std::string> Catalog::units(const Selection& selection) const {
    std::set<std::string> units;
    for (const auto& phase : phases_)
        if (selection.includes(phase.info.name)) units.insert(phase.info.units.begin(), phase.info.units.end());
    return {units.begin(), units.end()};
}

namespace {

class Run {
   public:
    Run(const Catalog& catalog, const RunOptions& options) : catalog_(catalog), options_(options) {
        report_.began = options.clock.wall();
        began_ = options.clock.steady();
        for (const auto& phase : catalog.phases()) {
            PhaseReport entry;
            entry.name = phase.info.name;
            if (!options.selection.includes(entry.name)) {
                entry.outcome = Outcome::skipped;
                finished_.insert(entry.name);
            }
            report_.phases.push_back(std::move(entry));
        }
    }

    /// Runs `work` for every selected phase; `ordered`: only after those it needs, side by side.
    template <class Work>
    RunReport each(bool ordered, Work work) {
        std::vector<bool> started(report_.phases.size(), false);
        std::vector<std::jthread> threads;
        {
            std::unique_lock lock(mutex_);
            std::size_t running = 0;
            for (;;) {
                bool progressed = false;
                for (std::size_t i = 0; i < report_.phases.size(); ++i) {
                    if (started[i] || finished_.contains(info(i).name)) continue;
                    const auto ready = ordered ? readiness(i) : Readiness::ready;
                    if (ready == Readiness::waiting || running >= options_.parallel) continue;
                    started[i] = true;
                    progressed = true;
                    if (ready == Readiness::blocked) {
                        finished_.insert(report_.phases[i].name);
                        notify([&](RunObserver& o) { o.phase_ended(info(i), report_.phases[i]); });
                        continue;
                    }
                    ++running;
                    threads.emplace_back([this, i, &running, work] {
                        work(*this, i);
                        const std::lock_guard guard(mutex_);
                        finished_.insert(report_.phases[i].name);
                        --running;
                        changed_.notify_all();
                    });
                }
                if (progressed) continue;
                if (running == 0) break;
                changed_.wait(lock);
            }
        }
        threads.clear();  // joins
        report_.took = options_.clock.steady() - began_;
        return std::move(report_);
    }

    /// Planning only, on the calling thread: a converged machine is looked at faster than threads start.
    template <class Work>
    RunReport each_in_turn(Work work) {
        for (const bool asks_systemd : {false, true})  // last: answers asked for ahead are on their way meanwhile
            for (std::size_t i = 0; i < report_.phases.size(); ++i)
                if (report_.phases[i].outcome != Outcome::skipped && info(i).units.empty() != asks_systemd)
                    work(*this, i);
        report_.took = options_.clock.steady() - began_;
        return std::move(report_);
    }

    void plan(std::size_t i) {
        PhaseReport& entry = begin(i);
        if (auto changes = timed_plan(i, entry))
            entry.outcome = changes->empty() ? Outcome::unchanged : Outcome::pending;
        end(i);
    }

    void inspect(std::size_t i) {
        PhaseReport& entry = begin(i);
        if (auto changes = timed_plan(i, entry)) {
            entry.outcome = changes->empty() ? Outcome::unchanged : Outcome::pending;
            if (changes->empty()) verify(i, entry);
        }
        end(i);
    }

    void converge(std::size_t i) {
        PhaseReport& entry = begin(i);
        const auto changes = timed_plan(i, entry);
        if (changes && apply(i, entry, *changes) && verify(i, entry))
            entry.outcome = changes->empty() ? Outcome::unchanged : Outcome::changed;
        end(i);
    }

   private:
    enum class Readiness { ready, waiting, blocked };

    const Runnable& phase(std::size_t i) const { return catalog_.phases()[i]; }
    const PhaseInfo& info(std::size_t i) const { return phase(i).info; }

    template <class F>
    void notify(F call) {  // with mutex_ held, so that the observer never sees two calls at once
        if (options_.observer != nullptr) call(*options_.observer);
    }
    template <class F>
    void tell(F call) {
        const std::lock_guard guard(mutex_);
        notify(call);
    }

    Readiness readiness(std::size_t i) {
        if (options_.stop.stop_requested())
            return block(i, Error{ErrorKind::cancelled, "stopped before it began", "", {}});
        for (const auto& need : info(i).needs) {
            const auto it = std::find_if(report_.phases.begin(), report_.phases.end(),
                                         [&](const PhaseReport& p) { return p.name == need; });
            if (!finished_.contains(need)) return Readiness::waiting;  // its outcome is still being written
            if (it->outcome == Outcome::failed || it->outcome == Outcome::blocked) return block(i, std::nullopt);
        }
        return Readiness::ready;
    }
    Readiness block(std::size_t i, std::optional<Error> why) {
        report_.phases[i].outcome = Outcome::blocked;
        report_.phases[i].error = std::move(why);
        return Readiness::blocked;
    }

    PhaseReport& begin(std::size_t i) {
        PhaseReport& entry = report_.phases[i];
        entry.began = options_.clock.steady() - began_;
        tell([&](RunObserver& o) { o.phase_began(info(i)); });
        return entry;
    }
    void end(std::size_t i) {
        tell([&](RunObserver& o) { o.phase_ended(info(i), report_.phases[i]); });
    }

    void fail_phase(PhaseReport& entry, Error error) {
        entry.outcome = Outcome::failed;
        entry.error = std::move(error);
    }

    std::optional<std::vector<RunnableChange>> timed_plan(std::size_t i, PhaseReport& entry) {
        const auto start = options_.clock.steady();
        auto changes = phase(i).plan();
        entry.planning += options_.clock.steady() - start;
        if (!changes) {
            fail_phase(
                entry,
                std::move(std::move(changes).error()).with_context(fmt::format("phase {}, looking", entry.name)));
            return std::nullopt;
        }
        entry.changes.clear();
        for (const auto& change : *changes)
            entry.changes.push_back({change.subject, change.from, change.to, change.action, {}, false});
        return std::vector<RunnableChange>(*std::move(changes));
    }

    StepContext step(std::size_t i) {
        return {options_.clock, options_.log, options_.stop,
                Deadline::after(options_.clock, info(i).timeout).sooner_of(options_.deadline),
                [this, i](std::string_view text) { tell([&](RunObserver& o) { o.phase_progress(info(i), text); }); }};
    }

    bool apply(std::size_t i, PhaseReport& entry, const std::vector<RunnableChange>& changes) {
        if (changes.empty()) return true;
        const auto start = options_.clock.steady();
        StepContext context = step(i);
        for (std::size_t n = 0; n < changes.size(); ++n) {
            if (options_.stop.stop_requested()) {
                fail_phase(entry, {ErrorKind::cancelled,
                                   fmt::format("phase {} stopped before '{}'", entry.name, changes[n].action),
                                   "what is left is done by the next run",
                                   {}});
                return false;
            }
            ChangeReport& change = entry.changes[n];
            tell([&](RunObserver& o) { o.change_began(info(i), change); });
            const auto change_start = options_.clock.steady();
            auto done = changes[n].apply(context);
            change.took = options_.clock.steady() - change_start;
            change.done = done.has_value();
            if (!done) {
                entry.applying = options_.clock.steady() - start;
                fail_phase(entry, std::move(std::move(done).error())
                                      .with_context(fmt::format("phase {}, {} ({} -> {})", entry.name, change.subject,
                                                                change.from, change.to)));
                tell([&](RunObserver& o) { o.change_ended(info(i), change); });
                return false;
            }
            tell([&](RunObserver& o) { o.change_ended(info(i), change); });
        }
        entry.applying = options_.clock.steady() - start;
        return is_settled(i, entry);
    }

    bool is_settled(std::size_t i, PhaseReport& entry) {
        const auto start = options_.clock.steady();
        auto again = phase(i).plan();
        entry.planning += options_.clock.steady() - start;
        if (!again) {
            fail_phase(
                entry,
                std::move(std::move(again).error()).with_context(fmt::format("phase {}, looking again", entry.name)));
            return false;
        }
        if (again->empty()) return true;
        const auto& left = again->front();
        fail_phase(entry, {ErrorKind::conflict,
                           fmt::format("phase {} made its changes, but {} is '{}' and not '{}' ({} left)", entry.name,
                                       left.subject, left.from, left.to, again->size()),
                           "something else changes it back, or the change had no effect",
                           {}});
        return false;
    }

    bool verify(std::size_t i, PhaseReport& entry) {
        if (!phase(i).verify) return true;
        tell([&](RunObserver& o) { o.phase_verifying(info(i)); });
        const auto start = options_.clock.steady();
        StepContext context = step(i);
        auto verified = phase(i).verify(context);
        entry.verifying = options_.clock.steady() - start;
        if (verified) return true;
        fail_phase(entry,
                   std::move(std::move(verified).error()).with_context(fmt::format("phase {}, verifying", entry.name)));
        return false;
    }

    const Catalog& catalog_;
    const RunOptions& options_;
    RunReport report_;
    SteadyTime began_{};
    std::mutex mutex_;
    std::condition_variable changed_;
    std::set<std::string> finished_;
};

}  // namespace

RunReport plan_all(const Catalog& catalog, const RunOptions& options) {
    return Run(catalog, options).each_in_turn([](Run& run, std::size_t i) { run.plan(i); });
}

RunReport plan_side_by_side(const Catalog& catalog, const RunOptions& options) {
    return Run(catalog, options).each(false, [](Run& run, std::size_t i) { run.plan(i); });
}

RunReport converge(const Catalog& catalog, const RunOptions& options) {
    return Run(catalog, options).each(true, [](Run& run, std::size_t i) { run.converge(i); });
}

RunReport inspect(const Catalog& catalog, const RunOptions& options) {
    return Run(catalog, options).each(false, [](Run& run, std::size_t i) { run.inspect(i); });
}

}  // namespace nodeboot
