#pragma once

namespace nodeboot::cli {

/// Exit codes: stable, documented in docs/configuration.md and in every --help.
enum ExitCode : int {
    exit_ok = 0,
    exit_error = 1,
    exit_pending = 2,    ///< `plan`: there are changes; `status`: not as it should be
    exit_usage = 64,     ///< EX_USAGE of sysexits.h
    exit_stopped = 130,  ///< 128 + SIGINT
};

}  // namespace nodeboot::cli
