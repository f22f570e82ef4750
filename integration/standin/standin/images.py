"""The images that kubeadm of a given version asks for, and those of nodeboot's flannel manifest (config.hpp)."""
from . import place

# kubeadm's constants.go of each minor: etcd, coredns, pause.
_VERSIONS = {
    29: ("3.5.10-0", "v1.11.1", "3.9"), 30: ("3.5.12-0", "v1.11.1", "3.9"), 31: ("3.5.15-0", "v1.11.1", "3.10"),
    32: ("3.5.16-0", "v1.11.3", "3.10"), 33: ("3.5.21-0", "v1.12.0", "3.10"), 34: ("3.6.5-0", "v1.12.1", "3.10.1"),
    35: ("3.6.6-0", "v1.13.1", "3.10.1"), 36: ("3.6.8-0", "v1.14.1", "3.10.2"),
}
REPOSITORY = "registry.k8s.io"
FLANNEL = ["ghcr.io/flannel-io/flannel:v0.28.0", "ghcr.io/flannel-io/flannel-cni-plugin:v1.8.0-flannel1"]


def versions(minor: int) -> tuple[str, str, str]:
    return _VERSIONS[minor] if minor in _VERSIONS else _VERSIONS[max(m for m in _VERSIONS if m <= max(minor, 29))]


def pause(repository: str = REPOSITORY) -> str:
    return f"{repository}/pause:{versions(place.minor())[2]}"


def control_plane(version: str, repository: str = REPOSITORY, dns: dict | None = None, etcd: dict | None = None
                  ) -> list[str]:
    """As `kubeadm config images list` prints them."""
    etcd_tag, coredns_tag, pause_tag = versions(place.minor())
    names = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")
    dns, etcd = dns or {}, etcd or {}
    dns_home = dns.get("imageRepository") or (f"{repository}/coredns" if repository == REPOSITORY else repository)
    return [f"{repository}/{n}:{version}" for n in names] + [
        f"{dns_home}/coredns:{dns.get('imageTag') or coredns_tag}", f"{repository}/pause:{pause_tag}",
        f"{etcd.get('imageRepository') or repository}/etcd:{etcd.get('imageTag') or etcd_tag}"]
