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
#include "launch/access.hpp"
#include "launch/key_pair.hpp"
#include "net/http.hpp"
#include "system/host.hpp"

namespace nodeboot::cli {

using AwsFactory = std::function<Result<std::unique_ptr<AwsAccess>>(const Config&, const Log&, std::stop_token)>;

/// Everything outside the process that a command may touch; main makes the real one, tests their own.
struct Surroundings {
    Writer out;  ///< standard output
    Writer err;  ///< standard error
    Terminal out_terminal;
    Terminal err_terminal;
    Clock& clock;
    Host& host;
    NodeFactory make_node;
    AwsFactory make_aws;
    std::function<std::unique_ptr<Http>(const Config&)> make_http;
    /// Asks a person and gives the answer; absent where nobody sits.
    std::function<std::optional<std::string>(const std::string& question)> ask;
    std::function<ConsoleRecords::Writer()> open_console = [] { return ConsoleRecords::Writer(); };
    std::stop_source stop;
    bool catch_signals = false;
    std::string lock_path = "/run/nodeboot.lock";
    Path runs_folder = "/var/lib/nodeboot/runs";
    long pid = 0;
    /// Of the person whose SSH key logs in.
    KeyFiles key_files{[](const std::string&) { return Result<std::optional<std::string>>{}; }, ""};
    std::string own_program;           ///< path of the program that runs
    unsigned cluster_parallel = 1024;  ///< phases of a cluster at once: they wait for AWS, not for this machine
    /// For whoever waits for this process: "ada@laptop".
    std::function<std::string()> whoami = [] { return std::string("somebody"); };
    /// Tells this process from every other, on this machine or another, and whether such a one of this machine is gone.
    std::string process_mark;
    std::function<bool(const std::string& mark)> process_is_gone = [](const std::string&) { return false; };
};

/// The whole program after main: arguments (without the program's name) in, exit code out. Throws nothing.
ExitCode run(const std::vector<std::string>& arguments, Surroundings& surroundings);

}  // namespace nodeboot::cli
