#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/phase.hpp"

namespace nodeboot {

enum class Outcome {
    unchanged,  ///< plan was empty; verified (in `up`)
    pending,    ///< `plan` only: there are changes
    changed,    ///< changes applied, second plan empty, verified
    failed,     ///< see error
    blocked,    ///< a phase it needs failed, or the run was stopped before it began
    skipped,    ///< by --only or --skip
};
std::string_view to_string(Outcome outcome);

struct ChangeReport {
    std::string subject, from, to, action;
    Duration took{};  ///< zero when planned only
    bool done = false;
};

struct PhaseReport {
    std::string name;
    Outcome outcome = Outcome::blocked;
    std::vector<ChangeReport> changes;
    Duration began{};  ///< since the run began
    Duration planning{}, applying{}, verifying{};
    std::optional<Error> error;
};

struct RunReport {
    std::vector<PhaseReport> phases;  ///< in catalog order
    WallTime began{};
    Duration took{};
    bool ok() const;       ///< nothing failed or was blocked
    bool changed() const;  ///< some change was made, or in a plan is pending
    const Error* first_error() const;
};

/// Sees a run as it happens. Called from several threads, but never two calls at once.
class RunObserver {
   public:
    virtual ~RunObserver() = default;
    virtual void phase_began(const PhaseInfo&) {}
    virtual void change_began(const PhaseInfo&, const ChangeReport&) {}
    virtual void change_ended(const PhaseInfo&, const ChangeReport&) {}
    virtual void phase_progress(const PhaseInfo&, std::string_view) {}
    virtual void phase_verifying(const PhaseInfo&) {}
    virtual void phase_ended(const PhaseInfo&, const PhaseReport&) {}
};

struct Selection {
    std::set<std::string> only;  ///< empty: all
    std::set<std::string> skip;
    bool includes(const std::string& name) const;
};

/// The phases of a run, in an order in which every phase comes after those it needs.
class Catalog {
   public:
    /// `internal` error when a name stands twice, a need is unknown or comes later: a mistake of ours, found by a test.
    static Result<Catalog> make(std::vector<Runnable> phases);
    const std::vector<Runnable>& phases() const { return phases_; }
    /// `invalid_input` naming the nearest right name for each unknown one.
    Result<void> check(const Selection& selection) const;
    /// What the selected phases' plans ask systemd about, each unit once.
    std::vector<std::string> units(const Selection& selection) const;

   private:
    std::vector<Runnable> phases_;
};

/// The way back: last phase first, each after those that needed it.
std::vector<Runnable> backwards(std::vector<Runnable> phases);

struct RunOptions {
    Clock& clock;
    const Log& log;
    std::stop_token stop;
    Selection selection;
    RunObserver* observer = nullptr;
    Deadline deadline;      ///< of the whole run
    unsigned parallel = 8;  ///< phases at once
};

/// Looks only: every selected phase is planned, nothing is applied or verified. A phase whose plan fails is `failed`.
RunReport plan_all(const Catalog& catalog, const RunOptions& options);
/// The same with each phase on a thread of its own, for worlds where looking is waiting.
RunReport plan_side_by_side(const Catalog& catalog, const RunOptions& options);

/// plan → apply each change → plan again, which must be empty → verify; phases whose needs are met run side by side.
/// A skipped phase counts as met. After a failure the phases that do not need the failed one still run, so that one
/// run shows all that is wrong. On stop, the change under way ends (or notices the stop), nothing new begins.
RunReport converge(const Catalog& catalog, const RunOptions& options);

/// Plan and verify (with `options.deadline`), nothing applied: what `status` shows.
RunReport inspect(const Catalog& catalog, const RunOptions& options);

}  // namespace nodeboot
