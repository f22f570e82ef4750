#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "base/log.hpp"
#include "cli/terminal.hpp"
#include "engine/runner.hpp"

namespace nodeboot::cli {

using Writer = std::function<void(std::string_view)>;

/// What a person sees of a run as it happens. Log lines go through it too, so that they do not tear the display.
/// Thread-safe.
class Progress : public RunObserver {
   public:
    virtual void log(LogLevel level, std::string_view line) = 0;
    /// The run is over: takes away what was only of the moment. Later log lines are plain lines.
    virtual void finish() {}
};

/// One line a change with from → to, one a phase that changed or failed, and what slow steps say of themselves.
/// Before systemd's journal each line begins with its priority (sd-daemon(3)).
std::unique_ptr<Progress> make_plain_progress(Writer out, const Terminal& terminal);

/// The same lines, and below them one line for each running phase, drawn anew several times a second.
std::unique_ptr<Progress> make_live_progress(Writer out, const Terminal& terminal, const Clock& clock,
                                             std::size_t phases);

/// Nothing but log lines.
std::unique_ptr<Progress> make_quiet_progress(Writer out, const Terminal& terminal);

/// "error: …" as a whole line, with a priority for the journal where it is one.
std::string log_line(LogLevel level, std::string_view line, const Terminal& terminal);

/// Whole lines as they are, each with its priority for the journal where it is one.
std::string with_priority(LogLevel level, std::string_view lines, const Terminal& terminal);

/// One run, several observers.
class Fanout : public RunObserver {
   public:
    explicit Fanout(std::vector<RunObserver*> observers) : observers_(std::move(observers)) {}
    void phase_began(const PhaseInfo& i) override {
        each([&](auto& o) { o.phase_began(i); });
    }
    void change_began(const PhaseInfo& i, const ChangeReport& c) override {
        each([&](auto& o) { o.change_began(i, c); });
    }
    void change_ended(const PhaseInfo& i, const ChangeReport& c) override {
        each([&](auto& o) { o.change_ended(i, c); });
    }
    void phase_progress(const PhaseInfo& i, std::string_view t) override {
        each([&](auto& o) { o.phase_progress(i, t); });
    }
    void phase_verifying(const PhaseInfo& i) override {
        each([&](auto& o) { o.phase_verifying(i); });
    }
    void phase_ended(const PhaseInfo& i, const PhaseReport& r) override {
        each([&](auto& o) { o.phase_ended(i, r); });
    }

   private:
    template <class F>
    void each(F call) {
        for (auto* observer : observers_) call(*observer);
    }
    std::vector<RunObserver*> observers_;
};

}  // namespace nodeboot::cli
