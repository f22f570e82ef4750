#include <fmt/core.h>

#include "base/config_schema.hpp"
#include "base/config_secrets.hpp"
#include "base/lines.hpp"
#include "phases/bake.hpp"
#include "phases/kubeadm.hpp"
#include "phases/preflight.hpp"
#include "phases/timers.hpp"

namespace nodeboot {
namespace {

/// Settings that tell one cluster or machine from another, or are for its operators. What holds for all nodes (mirrors,
/// sysctls, flags) may be baked.
bool is_of_one_cluster(const Setting& setting) {
    return audience_of(setting) == Audience::operators || setting.section() == "cluster" ||
           setting.section() == "node" || setting.key == "network.endpoint" || setting.key == "network.cert_sans";
}

std::vector<std::string> settings_of_one_cluster(const Config& config) {
    static const Config defaults;
    std::vector<std::string> found;
    for (const auto& setting : config_settings())
        if (is_of_one_cluster(setting) && to_toml(setting.get(config)) != to_toml(setting.get(defaults)))
            found.emplace_back(setting.key);
    return found;
}

Result<std::vector<std::string>> secrets_on_disk(const HostView& view) {
    std::vector<std::string> found;
    std::vector<Path> paths{"/etc/kubernetes/pki", "/var/lib/nodeboot/store"};
    std::vector<Path> homes{"/root"};
    for (const auto& name : NB_TRY(view.list("/home"))) homes.push_back(Path("/home") / name);
    for (const auto& home : homes)
        for (const char* file : {".aws/credentials", ".kube/config", ".docker/config.json"})
            paths.push_back(home / file);
    for (const auto& path : paths)
        if (NB_TRY(view.stat(path))) found.push_back(path.string());
    return found;
}

Result<bool> first_boot_goes_on(const HostView& view) {
    for (const char* unit : {"cloud-init-local.service", "cloud-init.service", "cloud-init-network.service",
                             "cloud-config.service", "cloud-final.service"})
        if (NB_TRY(view.unit(unit)).active == "activating") return true;
    return false;
}

}  // namespace

Result<void> check_bakeable(const Config& config, const HostView& view) {
    std::vector<std::string> problems, hints;
    const auto add = [&](std::string problem, std::string hint) {
        problems.push_back(std::move(problem));
        hints.push_back(std::move(hint));
    };
    if (const auto found = settings_of_one_cluster(config); !found.empty())
        add(fmt::format("{} {} of one cluster or machine", join(found, ", "), found.size() == 1 ? "is" : "are"),
            "give bake a configuration without that (--config FILE)");
    if (const auto found = secrets_in(config); !found.empty())
        add("the configuration holds what looks like a secret: " + join(found, "; "),
            "whoever may launch the image can read it: leave it out");
    if (NB_TRY(is_cluster_member(view)) || NB_TRY(view.stat(etcd_member_dir)))
        add("this machine is in a cluster, or was",
            "bake a machine that never was, or run 'nodeboot node reset' first");
    if (const auto found = NB_TRY(secrets_on_disk(view)); !found.empty())
        add("secrets would go into the image: " + join(found, ", "),
            "remove them; bake deletes only what is known to come back");
    if (NB_TRY(view.stat("/etc/nodeboot/config.toml")))
        add("/etc/nodeboot/config.toml would make a node of every instance before it is told what it is",
            "move it away; give bake's own settings with --config FILE, and what is for all nodes in "
            "/etc/nodeboot/config.d");
    if (!NB_TRY(view.stat(installed_program)))
        add(fmt::format("there is no {}, which nodeboot.service starts", installed_program), "install it there");
    if (NB_TRY(first_boot_goes_on(view)))
        add("cloud-init is still at work here", "wait for it: cloud-init status --wait");
    if (problems.empty()) return {};
    return fail(ErrorKind::refused, "this machine cannot become an image: " + join(problems, "; "), join(hints, "; "));
}

}  // namespace nodeboot
