#include <fmt/core.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "cli/live_display.hpp"
#include "cli/progress.hpp"
#include "cli/report_text.hpp"

namespace nodeboot::cli {
namespace {

class LiveProgress final : public Progress {
   public:
    LiveProgress(Writer out, const Terminal& terminal, const Clock& clock, std::size_t phases)
        : out_(std::move(out)), terminal_(terminal), clock_(clock) {
        state_.phases = phases;
        state_.began = clock.steady();
        ticker_ = std::jthread([this](std::stop_token stop) { tick(stop); });
    }
    ~LiveProgress() override { end(); }

    void log(LogLevel level, std::string_view line) override {
        const std::lock_guard lock(mutex_);
        const std::string text = log_line(level, line, terminal_);
        finished_ ? out_(text) : draw(text);
    }
    void finish() override { end(); }

    void phase_began(const PhaseInfo& phase) override {
        const std::lock_guard lock(mutex_);
        state_.running.push_back({phase.name, "", clock_.steady()});
        // Most phases of a machine that is as it should be end within a tick: no need to show them at all.
    }
    void change_began(const PhaseInfo& phase, const ChangeReport& change) override {
        now_doing(phase, change_text(change, terminal_));
    }
    void change_ended(const PhaseInfo& phase, const ChangeReport& change) override {
        const std::lock_guard lock(mutex_);
        if (change.done) draw(joined(change_lines(phase, change, terminal_)));
    }
    void phase_progress(const PhaseInfo& phase, std::string_view text) override { now_doing(phase, std::string(text)); }
    void phase_verifying(const PhaseInfo& phase) override { now_doing(phase, "checking that it works"); }
    void phase_ended(const PhaseInfo& phase, const PhaseReport& report) override {
        const std::lock_guard lock(mutex_);
        std::erase_if(state_.running, [&](const RunningPhase& r) { return r.name == phase.name; });
        ++state_.ended;
        const auto lines = phase_lines(phase, report, terminal_);
        if (!lines.empty()) draw(joined(lines));
    }

   private:
    static std::string joined(const std::vector<std::string>& lines) {
        std::string text;
        for (const auto& line : lines) text += line + "\n";
        return text;
    }

    void now_doing(const PhaseInfo& phase, std::string text) {
        const std::lock_guard lock(mutex_);
        for (auto& running : state_.running)
            if (running.name == phase.name) running.doing = std::move(text);
    }

    /// With mutex_ held. One write: what stays, then the running phases again.
    void draw(const std::string& staying) {
        std::string text = drawn_ == 0 ? "" : fmt::format("\x1b[{}A\r\x1b[J", drawn_);
        text += staying;
        const auto lines = finished_ ? std::vector<std::string>() : live_lines(state_, clock_.steady(), terminal_);
        drawn_ = lines.size();
        text += joined(lines);
        if (!text.empty()) out_(text);
    }

    void tick(std::stop_token stop) {
        std::mutex mutex;
        std::condition_variable_any condition;
        std::unique_lock wait(mutex);
        while (!condition.wait_for(wait, stop, std::chrono::milliseconds(200), [] { return false; }) &&
               !stop.stop_requested()) {
            const std::lock_guard lock(mutex_);
            draw("");
        }
    }

    void end() {
        ticker_.request_stop();
        if (ticker_.joinable()) ticker_.join();
        const std::lock_guard lock(mutex_);
        if (finished_) return;
        finished_ = true;
        draw("");
    }

    std::mutex mutex_;
    Writer out_;
    Terminal terminal_;
    const Clock& clock_;
    LiveState state_;
    std::size_t drawn_ = 0;
    bool finished_ = false;
    std::jthread ticker_;
};

}  // namespace

std::unique_ptr<Progress> make_live_progress(Writer out, const Terminal& terminal, const Clock& clock,
                                             std::size_t phases) {
    return std::make_unique<LiveProgress>(std::move(out), terminal, clock, phases);
}

}  // namespace nodeboot::cli
