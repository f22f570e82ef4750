#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "engine/runner.hpp"

namespace nodeboot::cli {

/// Milestones and failures as one-line records on the machine's console, so that the boot of a machine that nobody
/// can log in to is read from outside (EC2: get-console-output). Each begins a line of its own. Only names, outcomes and
/// errors, which never hold a secret.
class ConsoleRecords final : public RunObserver {
   public:
    using Writer = std::function<void(std::string_view line)>;
    ConsoleRecords(Writer write, const Clock& clock) : write_(std::move(write)), clock_(clock) {}

    void run_began(std::string_view command, std::string_view version);
    void phase_ended(const PhaseInfo& info, const PhaseReport& report) override;
    void run_ended(const RunReport& report, bool stopped);
    void run_refused(const Error& error);  ///< it ended before any phase began

   private:
    void record(const std::string& text);
    Writer write_;
    const Clock& clock_;
};

/// `"…"` with quotes, backslashes and control characters escaped, at most 300 bytes of text.
std::string record_text(std::string_view text);

}  // namespace nodeboot::cli
