#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/config.hpp"
#include "base/log.hpp"
#include "engine/runner.hpp"
#include "phases/repair.hpp"

namespace nodeboot::cli {

/// What `node status` shows besides the phases. Whatever could not be found out is empty.
struct NodeFacts {
    struct Certificate {
        std::string name;  ///< "apiserver", "kubelet client"
        WallTime not_after{};
    };
    std::string name;
    std::vector<std::pair<std::string, std::string>> versions;  ///< "kubelet", "v1.35.2"; in the order to show
    std::vector<Certificate> certificates;
    std::optional<bool> ready;  ///< the Node object's condition Ready; empty: nobody answered
    std::string ready_message;  ///< why not
};

/// This machine as the commands of `nodeboot node` need it: the real one in main, a fake in tests. Made once the
/// configuration is known; making it opens nothing and asks nobody.
class Node {
   public:
    virtual ~Node() = default;
    virtual Result<Catalog> catalog() = 0;
    virtual Result<Catalog> repair_catalog(const RepairOptions& options) = 0;
    virtual Result<Catalog> bake_catalog() = 0;
    virtual Result<Catalog> reset_catalog() = 0;
    virtual Result<Catalog> rotate_catalog() = 0;
    virtual NodeFacts facts() = 0;
};

/// The file is the configuration's; empty where it is the usual one.
using NodeFactory = std::function<Result<std::unique_ptr<Node>>(const Config&, const std::string& config_file,
                                                                const Log&, std::stop_token)>;

}  // namespace nodeboot::cli
