#include "cli/cluster_kubeconfig.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "launch/catalog.hpp"
#include "launch/names.hpp"
#include "launch/operator_kubeconfig.hpp"
#include "launch/parts.hpp"

namespace nodeboot::cli {
namespace {

/// Where the operator reaches the API: as asked; the control plane's public address where admin_cidr lets somebody in;
/// else its private one.
Result<std::string> api_address(const Invocation& invocation, const Config& config, const CloudView& view) {
    if (!invocation.address.empty()) return invocation.address;
    const auto node = NB_TRY(view.find(parts::control_plane));
    const bool outside = !config.access.admin_cidr.empty();
    std::string address = node ? node->text(outside ? "ipAddress" : "privateIpAddress") : std::string();
    if (address.empty() && node) address = node->text("privateIpAddress");
    if (address.empty())
        return fail(ErrorKind::not_found, fmt::format("cluster {} has no running control plane", config.cluster.name),
                    "`nodeboot cluster up` makes one");
    return address;
}

Result<Secret> published(const Config& config, ParameterStore& store) {
    const std::string name = parameter_name(config.cluster.name, "control-plane/kubeconfig");
    auto found = NB_TRY(store.get(name));
    if (found) return *std::move(found);
    return fail(
        ErrorKind::not_found, fmt::format("there is no admin access in SSM parameter {}", name),
        config.control_plane.publish_kubeconfig
            ? "the control plane publishes it when its API answers: `nodeboot cluster status` shows how far it is"
            : "control_plane.publish_kubeconfig is false: copy /etc/kubernetes/admin.conf over SSH");
}

Result<std::string> fetch(Session& session, std::string& content) {
    auto& around = session.surroundings();
    const auto& invocation = session.invocation();
    const Config config = NB_TRY(session.load_config());
    const auto aws = NB_TRY(around.make_aws(config, session.log(), around.stop.get_token()));
    const CloudView view(aws->query(), around.clock, cloud_scope(config));
    const std::string address = NB_TRY(api_address(invocation, config, view));
    const Secret admin = NB_TRY(published(config, aws->parameters()));
    const Secret made = NB_TRY(operator_kubeconfig(admin, config.cluster.name, address));
    content = made.reveal();
    const std::string file = invocation.file.empty() ? config.cluster.name + ".kubeconfig" : invocation.file;
    if (file == "-") return file;
    const Path path = std::filesystem::absolute(file);
    NB_CHECK(around.host.write(path, content, {0600, ::geteuid(), ::getegid()}));
    return path.string();
}

}  // namespace

ExitCode cluster_kubeconfig(Session& session) {
    std::string content;
    const auto file = fetch(session, content);
    if (!file) return session.fail_with(file.error());
    if (*file == "-")
        session.out(content);
    else if (session.json())
        session.out(nlohmann::json{{"format", 1}, {"file", *file}}.dump() + "\n");
    else
        session.out(fmt::format("Wrote {}\n\n    export KUBECONFIG={}\n    kubectl get nodes\n", *file, *file));
    return exit_ok;
}

}  // namespace nodeboot::cli
