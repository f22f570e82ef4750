#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace nodeboot {

/// error: the run fails. warning: worth a look, the run goes on. info: a milestone or a change, one line each.
/// debug: what a person repairing nodeboot or a node wants (requests, commands, retries that change nothing).
enum class LogLevel { debug, info, warning, error };

/// Where lines go. One per process, made in main and handed down; thread-safe. Never give it a Secret.
class Log {
   public:
    using Sink = std::function<void(LogLevel, std::string_view line)>;
    explicit Log(Sink sink, LogLevel threshold = LogLevel::info) : sink_(std::move(sink)), threshold_(threshold) {}

    void debug(std::string_view line) const { write(LogLevel::debug, line); }
    void info(std::string_view line) const { write(LogLevel::info, line); }
    void warning(std::string_view line) const { write(LogLevel::warning, line); }
    void error(std::string_view line) const { write(LogLevel::error, line); }
    bool enabled(LogLevel level) const { return level >= threshold_; }

   private:
    void write(LogLevel level, std::string_view line) const {
        if (enabled(level) && sink_) sink_(level, line);
    }
    Sink sink_;
    LogLevel threshold_;
};

}  // namespace nodeboot
