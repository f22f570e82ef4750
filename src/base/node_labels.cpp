#include "base/node_labels.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>

namespace nodeboot {

bool may_label_itself(std::string_view key) {
    // IsKubeletLabel in staging/src/k8s.io/kubelet/pkg/apis/well_known_labels.go, the same from 1.22 to 1.37.
    constexpr std::array<std::string_view, 10> allowed{"kubernetes.io/hostname",
                                                       "kubernetes.io/os",
                                                       "kubernetes.io/arch",
                                                       "topology.kubernetes.io/zone",
                                                       "topology.kubernetes.io/region",
                                                       "failure-domain.beta.kubernetes.io/zone",
                                                       "failure-domain.beta.kubernetes.io/region",
                                                       "beta.kubernetes.io/os",
                                                       "beta.kubernetes.io/arch",
                                                       "beta.kubernetes.io/instance-type"};
    if (std::find(allowed.begin(), allowed.end(), key) != allowed.end()) return true;
    const auto slash = key.find('/');
    const auto domain = key.substr(0, slash == std::string_view::npos ? 0 : slash);
    const auto under = [&](std::string_view parent) {
        return domain == parent || (domain.size() > parent.size() && domain.ends_with(parent) &&
                                    domain[domain.size() - parent.size() - 1] == '.');
    };
    if (under("kubelet.kubernetes.io") || under("node.kubernetes.io")) return true;
    return !under("kubernetes.io") && !under("k8s.io");
}

std::string worker_label_flaw(const std::string& key, const std::string& value) {
    constexpr std::string_view role = "node-role.kubernetes.io/worker";
    if (may_label_itself(key) || (key == role && value.empty())) return {};
    if (key == role)
        return fmt::format("the control plane gives workers '{}' without a value; write '' or nothing", key);
    return fmt::format(
        "a worker may not give itself '{0}' (NodeRestriction); once it has joined, where kubectl is "
        "admin: kubectl label node NAME {0}={1}",
        key, value);
}

}  // namespace nodeboot
