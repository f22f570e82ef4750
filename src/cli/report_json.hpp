#pragma once

#include <string>

#include "base/config_load.hpp"
#include "bundle/manifest.hpp"
#include "cli/node.hpp"
#include "engine/runner.hpp"
#include "launch/node_wait.hpp"

namespace nodeboot::cli {

/// The one document that --output json prints, each of format 1 (docs/output.md): new keys may come, none goes or
/// changes its meaning.

std::string run_json(const std::string& command, const RunReport& report);
std::string status_json(const RunReport& report, const NodeFacts& facts);
std::string check_json(const LoadedConfig& loaded);
std::string show_json(const LoadedConfig& loaded);
std::string phases_json(const Catalog& catalog);
std::string version_json();
std::string bundle_json(const std::string& command, const std::string& path, const BundleManifest& manifest);
std::string cluster_status_json(const RunReport& report, const Config& config, const std::string& region,
                                const std::vector<NodeState>& nodes);
std::string user_data_json(const std::string& user_data);
/// A command that ended before it could report anything else.
std::string failure_json(const std::string& command, const Error& error);

}  // namespace nodeboot::cli
