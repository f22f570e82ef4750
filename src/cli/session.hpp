#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/config_load.hpp"
#include "cli/app.hpp"
#include "cli/invocation.hpp"

namespace nodeboot::cli {

/// What the commands share: the invocation, where to write, a log that goes through the display of the moment.
class Session {
   public:
    Session(const Invocation& invocation, Surroundings& surroundings);

    const Invocation& invocation() const { return invocation_; }
    Surroundings& surroundings() { return surroundings_; }
    const Log& log() const { return log_; }
    Progress& progress() { return *progress_; }
    bool json() const { return invocation_.output == OutputFormat::json; }
    std::string command() const;  ///< "node up"

    void out(std::string_view text) const { surroundings_.out(text); }
    /// Shows progress from now on: live on a terminal, lines elsewhere; on standard error when standard output is for
    /// JSON.
    void show_progress(std::size_t phases);
    /// Tells a person on standard error, a program in the document on standard output.
    ExitCode fail_with(const Error& error);

    /// Reads the layers and logs warnings, to a timer as details.
    Result<Config> load_config();
    /// Of --config, as an absolute path; empty where it is the usual one.
    std::string unusual_config_file() const;
    Result<LoadedConfig> load_all();  ///< with the mistakes in it

   private:
    const Invocation& invocation_;
    Surroundings& surroundings_;
    std::mutex mutex_;  // a signal may speak while the display is exchanged
    std::unique_ptr<Progress> progress_;
    Log log_;
};

}  // namespace nodeboot::cli
