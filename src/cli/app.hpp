#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "cli/console_records.hpp"
#include "cli/exit_code.hpp"
#include "cli/node.hpp"
#include "cli/progress.hpp"
#include "net/http.hpp"
#include "system/host.hpp"

namespace nodeboot::cli {

/// Everything outside the process that a command may touch; main makes the real one, tests their own.
struct Surroundings {
    Writer out;  ///< standard output
    Writer err;  ///< standard error
    Terminal out_terminal;
    Terminal err_terminal;
    Clock& clock;
    Host& host;
    NodeFactory make_node;
    std::function<std::unique_ptr<Http>(const Config&)> make_http;
    /// Asks a person and gives the answer; absent where nobody sits.
    std::function<std::optional<std::string>(const std::string& question)> ask;
    std::function<ConsoleRecords::Writer()> open_console = [] { return ConsoleRecords::Writer(); };
    std::stop_source stop;
    bool catch_signals = false;
    std::string lock_path = "/run/nodeboot.lock";
    Path runs_folder = "/var/lib/nodeboot/runs";
    long pid = 0;
};

/// The whole program after main: arguments (without the program's name) in, exit code out. Throws nothing.
ExitCode run(const std::vector<std::string>& arguments, Surroundings& surroundings);

}  // namespace nodeboot::cli
