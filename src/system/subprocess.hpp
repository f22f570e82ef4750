#pragma once

#include <stop_token>
#include <string>

#include "system/host.hpp"

namespace nodeboot {

/// Runs programs: an argument vector, a minimal environment, a deadline for the whole process group. What the program
/// prints is captured; nothing of ours (descriptors, ignored signals, environment) leaks into it. It does not decide
/// whether an exit code is a failure.
struct SubprocessOptions {
    std::stop_token stop = {};  ///< when requested, the process group is ended and the result is `cancelled`
    /// Where programs without a slash are looked for, and the child's own PATH; a PATH in Command::environment wins.
    std::string search_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    std::size_t output_limit = std::size_t{4}
                               << 20;  ///< bytes kept of each stream, its end; the rest is read and dropped
    Duration kill_after = std::chrono::seconds(5);  ///< between SIGTERM and SIGKILL
};

/// `not_found` or `permission` when the program cannot be started, `timeout` when Command::timeout passed,
/// `cancelled` on stop. Returns as soon as the program itself has ended: a daemon it left behind may keep its output.
Result<CommandOutput> run_process(const Command& command, const SubprocessOptions& options = {});

}  // namespace nodeboot
