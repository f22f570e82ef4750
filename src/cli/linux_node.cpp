#include "cli/linux_node.hpp"

namespace nodeboot::cli {

NodeFactory linux_node_factory(Host&, Clock&) {
    return [](const Config&, const Log&, std::stop_token) -> Result<std::unique_ptr<Node>> {
        return fail(ErrorKind::internal, "this build has no phases");
    };
}

}  // namespace nodeboot::cli
