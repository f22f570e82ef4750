#include "phases/kube_access.hpp"

#include <fmt/core.h>

#include "net/certificate.hpp"
#include "net/kube_client.hpp"
#include "net/kubeconfig.hpp"
#include "net/sha256.hpp"
#include "phases/kubeadm.hpp"

namespace nodeboot {
namespace {

Result<Kubeconfig> required_kubeconfig(const HostView& view, const char* path) {
    auto config = NB_TRY(read_kubeconfig(read_through(view), path));
    if (!config)
        return fail(ErrorKind::not_found, fmt::format("{} does not exist", path),
                    "this machine is in no cluster yet, or not a control plane; `nodeboot node status` says which");
    return *std::move(config);
}

std::string fingerprint_of(const Kubeconfig& config) {
    return sha256_hex(config.server + '\0' + config.ca_pem + '\0' + config.client_certificate_pem);
}

}  // namespace

FileKubeAccess::FileKubeAccess(const HostView& view, Http& http, std::stop_token stop)
    : view_(view), http_(http), stop_(std::move(stop)) {}

Result<std::shared_ptr<KubeApi>> FileKubeAccess::client(Client& kept, const char* path) {
    auto config = NB_TRY(required_kubeconfig(view_, path));
    const std::string fingerprint = fingerprint_of(config);
    const std::lock_guard lock(mutex_);
    if (!kept.api || kept.fingerprint != fingerprint) {
        kept.api = make_kube_client(http_, std::move(config), {.stop = stop_});
        kept.fingerprint = fingerprint;
    }
    return kept.api;
}

Result<std::shared_ptr<KubeApi>> FileKubeAccess::admin() { return client(admin_, admin_conf); }

Result<std::shared_ptr<KubeApi>> FileKubeAccess::node() { return client(node_, kubelet_conf); }

Result<std::string> FileKubeAccess::endpoint() {
    const auto config = NB_TRY(required_kubeconfig(view_, admin_conf));
    constexpr std::string_view scheme = "https://";
    if (!config.server.starts_with(scheme))
        return fail(ErrorKind::corrupted, fmt::format("{}: server is '{}', not https", admin_conf, config.server));
    return config.server.substr(scheme.size());
}

Result<std::string> FileKubeAccess::ca_hash() {
    return nodeboot::ca_hash(NB_TRY(required_kubeconfig(view_, admin_conf)).ca_pem);
}

}  // namespace nodeboot
