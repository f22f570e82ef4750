#include <csignal>

#include "cli/aws_access.hpp"
#include "cli/linux_node.hpp"
#include "cli/process.hpp"
#include "system/linux_host.hpp"

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);  // `nodeboot … | head` is no reason to stop in the middle of a change
    nodeboot::SystemClock clock;
    std::stop_source stop;
    nodeboot::LinuxHost host({.root = "/", .programs = {.stop = stop.get_token()}});
    auto surroundings = nodeboot::cli::process_surroundings(clock, host, nodeboot::cli::linux_node_factory(host, clock),
                                                            nodeboot::cli::aws_access_factory(host, clock));
    surroundings.stop = stop;
    return nodeboot::cli::run({argv + 1, argv + argc}, surroundings);
}
