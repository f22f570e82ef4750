#include "phases/kubernetes_rpms.hpp"

#include <fmt/core.h>

#include "phases/kubernetes_packages.hpp"
#include "phases/membership.hpp"
#include "system/dnf.hpp"
#include "system/want.hpp"

namespace nodeboot {
namespace {

constexpr const char* repository_id = "nodeboot-kubernetes";
const std::vector<std::string> pinned = {"kubelet", "kubeadm", "kubectl"};

// What kubelet, kube-proxy and flannel call, and the packages of Amazon Linux that bring it.
const std::vector<std::string> helpers = {"iptables-nft", "conntrack-tools"};

/// pkgs.k8s.io keeps packages of both kinds side by side; the default names Debian's.
std::string rpm_url(const KubernetesConfig& config) {
    std::string url = repository_url(config);
    if (config.repository_url == KubernetesConfig{}.repository_url && url.ends_with("/deb/"))
        url.replace(url.size() - 4, 3, "rpm");
    return url + (url.ends_with('/') ? "" : "/");
}

std::string key_url(const KubernetesConfig& config) {
    if (config.repository_key.empty()) return rpm_url(config) + "repodata/repomd.xml.key";
    return (config.repository_key.starts_with('/') ? "file://" : "") + config.repository_key;
}

/// As Kubernetes' documentation has it. Unlike dnf's default a repository that does not answer is an error: else its
/// packages would be "not found", and a mirror that is late would not be waited for.
std::string repository_text(const KubernetesConfig& config) {
    return fmt::format(
        "# Made by nodeboot; edits are lost.\n[{}]\nname=Kubernetes {}\nbaseurl={}\nenabled=1\ngpgcheck=1\n"
        "repo_gpgcheck=1\ngpgkey={}\nskip_if_unavailable=0\n"
        "# A node is upgraded on purpose only: --disableexcludes={}\nexclude=kubelet kubeadm kubectl cri-tools "
        "kubernetes-cni\n",
        repository_id, config.version.minor_text(), rpm_url(config), key_url(config), repository_id);
}

/// "kubelet-1.35.*" or "kubelet-1.35.2-*".
std::string spec(const std::string& name, const Version& wanted) {
    return fmt::format("{}-{}{}*", name, wanted.text(), wanted.patch ? "-" : ".");
}

Result<void> refuse_for_member(const HostView& view, const std::string& name, const std::string& installed,
                               const Version& wanted) {
    if (!NB_TRY(view.stat("/etc/kubernetes/manifests/kube-apiserver.yaml")) &&
        NB_TRY(membership(view)) != Membership::joined)
        return {};
    return fail(ErrorKind::refused,
                fmt::format("{} {} is installed and this machine is in a cluster, but kubernetes.version is {}", name,
                            installed, wanted.text()),
                "upgrade with kubeadm (kubernetes.io, 'Upgrading kubeadm clusters'), or put the version back");
}

}  // namespace

bool suits(const Version& installed, const Version& wanted) {
    return installed.has_minor(wanted.major, wanted.minor) && (!wanted.patch || installed.patch == wanted.patch);
}

Result<void> want_kubernetes_rpms(std::vector<NodeChange>& changes, const HostView& view,
                                  const KubernetesConfig& config) {
    NB_CHECK(want_file(changes, view, kubernetes_repository_file, repository_text(config)));
    std::vector<std::string> names = pinned;
    names.insert(names.end(), helpers.begin(), helpers.end());
    const auto installed = NB_TRY(installed_rpms(view, names));
    DnfRequest request{.packages = {}, .without_excludes_of = repository_id};
    std::string from;
    for (const auto& name : pinned) {
        const auto it = installed.find(name);
        if (it != installed.end()) {
            const auto version = parse_version(it->second);
            if (version && suits(*version, config.version)) continue;
            NB_CHECK(refuse_for_member(view, name, it->second, config.version));
        }
        from += (from.empty() ? "" : ", ") + (it == installed.end() ? "absent" : it->second);
        request.packages.push_back(spec(name, config.version));
    }
    for (const auto& name : helpers)
        if (!installed.contains(name)) {
            from += (from.empty() ? "" : ", ") + std::string("absent");
            request.packages.push_back(name);
        }
    if (request.packages.empty()) return {};
    std::string subject = "packages";
    for (const auto& package : request.packages) subject += (subject == "packages" ? " " : ", ") + package;
    changes.push_back({subject, from, "installed", install_rpms(std::move(request))});
    return {};
}

}  // namespace nodeboot
