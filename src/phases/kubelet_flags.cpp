#include "phases/kubelet_flags.hpp"

namespace nodeboot {

std::string_view kubelet_arguments(std::string_view flags) {
    constexpr std::string_view variable = "KUBELET_KUBEADM_ARGS=\"";
    const auto at = flags.find(variable);
    if (at == std::string_view::npos) return {};
    flags.remove_prefix(at + variable.size());
    const auto line = flags.substr(0, flags.find('\n'));
    return line.substr(0, line.rfind('"'));
}

}  // namespace nodeboot
