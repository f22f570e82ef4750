#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "engine/runner.hpp"

namespace nodeboot::cli {

/// What the command line asks for, as plain values; made by parse_command_line, used by run().

enum class Command {
    node_plan,
    node_up,
    node_status,
    node_repair,
    node_bake,
    node_reset,
    node_rotate_token,
    node_timeline,
    cluster_plan,
    cluster_up,
    cluster_status,
    cluster_user_data,
    cluster_down,
    cluster_kubeconfig,
    cluster_iam_policy,
    config_check,
    config_show,
    config_reference,
    bundle_create,
    bundle_verify,
    phases,
    version,
    completion,
};

enum class OutputFormat { text, json };

struct Invocation {
    Command command = Command::version;

    // Of every command.
    std::string config_file = "/etc/nodeboot/config.toml";
    bool config_given = false;  ///< then the file must exist
    std::vector<std::string> settings;
    OutputFormat output = OutputFormat::text;
    LogLevel log_level = LogLevel::info;

    // Of those that have them.
    Selection selection;
    Duration lock_timeout = std::chrono::minutes(15);
    Duration wait = std::chrono::seconds(3);  ///< status: how long a phase may take to answer
    Duration patience{};                      ///< rotate-token: how long what may pass by itself is no failure
    bool yes = false;
    bool rejoin = false;
    std::string forget_node;
    bool with_origin = false;
    std::string role;  ///< "control-plane", "worker"
    std::string svg;
    std::string file;     ///< kubeconfig: to write; "-" for standard output
    std::string address;  ///< kubeconfig: of the API server, as seen from here
    std::string run_id;
    std::string shell;
    std::string policy_for = "operator";
    std::string account = "*";
    bool names_only = false;

    struct Bundle {
        std::string path;        ///< to make, or to verify
        std::string kubernetes;  ///< "1.35", "v1.34.2"
        std::string arch;
        std::string containerd;
        std::string mirror;
        std::vector<std::string> registry_mirrors;  ///< "registry.k8s.io=https://mirror.example"
        std::vector<std::string> images;
    } bundle;
};

/// What the control plane's timers start every few minutes, or three times in one.
inline bool is_timers_job(const Invocation& invocation) { return invocation.command == Command::node_rotate_token; }

}  // namespace nodeboot::cli
