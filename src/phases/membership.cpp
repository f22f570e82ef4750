#include "phases/membership.hpp"

#include "phases/kubeadm.hpp"

namespace nodeboot {
namespace {

constexpr const char* worker_ca = "/etc/kubernetes/pki/ca.crt";

// What kubeadm join writes on a worker (cmd/kubeadm/app/phases/kubelet, preflight RunJoinNodeChecks).
constexpr const char* made_by_join[] = {
    bootstrap_kubelet_conf,
    kubelet_conf,
    worker_ca,
    kubelet_config,
    "/var/lib/kubelet/kubeadm-flags.env",
    "/var/lib/kubelet/instance-config.yaml",
    "/var/lib/kubelet/pki",
};

}  // namespace

Result<Membership> membership(const HostView& view) {
    const auto conf = NB_TRY(view.read(kubelet_conf));
    // kubelet writes its kubeconfig only after its certificate was signed; an empty file is a torn write.
    const bool has_conf = conf && conf->find("current-context") != std::string::npos;
    const bool has_config = NB_TRY(view.stat(kubelet_config)).has_value();
    const bool has_ca = NB_TRY(view.stat(worker_ca)).has_value();
    const bool has_certificate = NB_TRY(view.stat("/var/lib/kubelet/pki/kubelet-client-current.pem")).has_value();
    if (has_conf && has_config && has_ca && has_certificate) return Membership::joined;
    for (const char* path : made_by_join) {
        if (std::string_view(path) == "/var/lib/kubelet/pki") continue;  // kubelet alone makes it on any start
        if (NB_TRY(view.stat(path))) return Membership::half_joined;
    }
    return Membership::none;
}

Result<void> clear_membership(ActionContext& context) {
    NB_CHECK(context.host.unit_verb(UnitVerb::stop, "kubelet.service"));
    for (const char* path : made_by_join) NB_CHECK(context.host.remove(path));
    return {};
}

}  // namespace nodeboot
