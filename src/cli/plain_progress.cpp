#include <fmt/core.h>

#include <mutex>

#include "base/lines.hpp"
#include "cli/progress.hpp"
#include "cli/report_text.hpp"

namespace nodeboot::cli {
namespace {

constexpr Duration slow = std::chrono::seconds(2);  // a change that took longer gets a second line

std::string counted(std::size_t changes) { return fmt::format("{} change{}", changes, changes == 1 ? "" : "s"); }

class PlainProgress final : public Progress {
   public:
    PlainProgress(Writer out, const Terminal& terminal) : out_(std::move(out)), terminal_(terminal) {}

    void log(LogLevel level, std::string_view line) override { write(level, line); }

    void change_began(const PhaseInfo& phase, const ChangeReport& change) override {
        info("{}: {}", phase.name, change_text(change, terminal_));
    }
    void change_ended(const PhaseInfo& phase, const ChangeReport& change) override {
        if (change.done && change.took >= slow)
            info("{}: {}: done in {}", phase.name, change.subject, format_duration(change.took));
    }
    void phase_progress(const PhaseInfo& phase, std::string_view text) override { info("{}: {}", phase.name, text); }
    void phase_ended(const PhaseInfo& phase, const PhaseReport& report) override {
        const Duration took = report.planning + report.applying + report.verifying;
        if (report.outcome == Outcome::changed)
            info("{}: changed, {} in {}", phase.name, counted(report.changes.size()), format_duration(took));
        if (report.outcome != Outcome::failed || !report.error) return;
        if (report.error->kind == ErrorKind::cancelled)
            info("{}: stopped after {}", phase.name, format_duration(took));
        else
            write(LogLevel::error,
                  fmt::format("{}: failed after {}: {}", phase.name, format_duration(took), report.error->text()));
    }

   private:
    template <class... T>
    void info(fmt::format_string<T...> format, T&&... arguments) {
        write(LogLevel::info, fmt::format(format, std::forward<T>(arguments)...));
    }
    void write(LogLevel level, std::string_view line) {
        const std::lock_guard lock(mutex_);
        out_(log_line(level, line, terminal_));
    }

    std::mutex mutex_;
    Writer out_;
    Terminal terminal_;
};

class QuietProgress final : public Progress {
   public:
    QuietProgress(Writer out, const Terminal& terminal) : out_(std::move(out)), terminal_(terminal) {}
    void log(LogLevel level, std::string_view line) override {
        const std::lock_guard lock(mutex_);
        out_(log_line(level, line, terminal_));
    }

   private:
    std::mutex mutex_;
    Writer out_;
    Terminal terminal_;
};

}  // namespace

std::string with_priority(LogLevel level, std::string_view lines, const Terminal& terminal) {
    constexpr std::string_view priorities[] = {"<7>", "<6>", "<4>", "<3>"};  // syslog's debug, info, warning, err
    if (!terminal.journal) return std::string(lines);
    std::string out;
    // In the journal every line stands for itself.
    for (std::size_t begin = 0; begin < lines.size();) {
        const auto end = std::min(lines.find('\n', begin), lines.size());
        out += fmt::format("{}{}\n", priorities[static_cast<std::size_t>(level)], lines.substr(begin, end - begin));
        begin = end + 1;
    }
    return out;
}

std::string log_line(LogLevel level, std::string_view line, const Terminal& terminal) {
    constexpr std::string_view names[] = {"debug: ", "", "warning: ", "error: "};
    std::string text = fmt::format("{}{}", names[static_cast<std::size_t>(level)], printable(line));
    if (terminal.wraps()) text = join(wrapped(text, terminal.width - 3), "\n");
    for (auto at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 1)) text.insert(at + 1, "  ");
    return with_priority(level, text + "\n", terminal);
}

std::unique_ptr<Progress> make_plain_progress(Writer out, const Terminal& terminal) {
    return std::make_unique<PlainProgress>(std::move(out), terminal);
}

std::unique_ptr<Progress> make_quiet_progress(Writer out, const Terminal& terminal) {
    return std::make_unique<QuietProgress>(std::move(out), terminal);
}

}  // namespace nodeboot::cli
