"""Kubernetes packages as pkgs.k8s.io serves them, made from a bundle folder.

Names, versions, dependencies and paths follow the packaging in kubernetes/release (cmd/krel/templates/latest), which
since 1.32 lets kubeadm depend on nothing: what a node needs beyond the packages, nodeboot has to see to.
"""
from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from . import paths
from .command import LabError, must
from .paths import write_file

KUBELET_UNIT = """\
[Unit]
Description=kubelet: The Kubernetes Node Agent
Documentation=https://kubernetes.io/docs/
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=/usr/bin/kubelet
Restart=always
StartLimitInterval=0
RestartSec=10

[Install]
WantedBy=multi-user.target
"""

KUBEADM_DROPIN = """\
# Note: This dropin only works with kubeadm and kubelet v1.11+
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf \
--kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
"""


@dataclass(frozen=True)
class Package:
    name: str
    version: str
    depends: str = ""
    recommends: str = ""
    conffiles: str = ""


def kubernetes_version(bundle: Path) -> str:
    """"1.34.2" for a bundle of v1.34.2."""
    try:
        manifest = json.loads((bundle / "manifest.json").read_text())
        found = re.fullmatch(r"v?(\d+\.\d+\.\d+)", manifest["kubernetes"])
    except (OSError, ValueError, KeyError) as error:
        raise LabError(f"{bundle} is not a bundle: {error}") from None
    if not found:
        raise LabError(f"{bundle}: manifest.json names no Kubernetes version")
    return found[1]


def build(bundle: Path) -> tuple[str, Path]:
    """The version, and a folder with its packages; cached by the bundle's manifest."""
    version = kubernetes_version(bundle)
    key = paths.recipe_hash(3, (bundle / "manifest.json").read_text(), KUBELET_UNIT, KUBEADM_DROPIN)
    return version, paths.cached("kubedebs", key, lambda into: _build_all(bundle, version, into))


def _build_all(bundle: Path, version: str, into: Path) -> None:
    packages = _packages(version, has_crictl=(bundle / "bin/crictl").exists())
    for package in packages:
        root = into / f"{package.name}.root"
        _fill(root, package.name, bundle, int(version.split(".")[1]))
        _pack(root, package, into)
        shutil.rmtree(root)


def _packages(version: str, has_crictl: bool) -> list[Package]:
    """The five of pkgs.k8s.io; without cri-tools, and nothing that depends on it, for a bundle that has no crictl."""
    minor = int(version.split(".")[1])
    needs_tools = has_crictl and minor < 32
    packages = [Package("kubeadm", f"{version}-1.1", f"cri-tools (>= 1.{min(minor, 30)}.0)" if needs_tools else ""),
                Package("kubelet", f"{version}-1.1", "kubernetes-cni (>= 1.2.0), mount, util-linux",
                        "iptables (>= 1.8.4)", "/etc/default/kubelet\n"),
                Package("kubectl", f"{version}-1.1"),
                Package("kubernetes-cni", "1.7.1-1.1" if minor >= 34 else "1.6.0-1.1")]
    return packages + ([Package("cri-tools", f"1.{minor}.0-1.1")] if has_crictl else [])


def _fill(root: Path, name: str, bundle: Path, minor: int) -> None:
    if name == "kubernetes-cni":
        for plugin in sorted((bundle / "cni").glob("*")):
            if plugin.name != "flannel":  # comes with flannel's own DaemonSet
                _install(plugin, root / "opt/cni/bin" / plugin.name)
        write_file(root / "etc/cni/net.d/.kubernetes-cni-keep", "")
        return
    binary = {"cri-tools": "crictl"}.get(name, name)
    _install(bundle / "bin" / binary, root / "usr/bin" / binary)
    if name == "kubelet":
        write_file(root / "usr/lib/systemd/system/kubelet.service", KUBELET_UNIT)
        write_file(root / "var/lib/kubelet/.kubelet-keep", "")
        manifests = root / "etc/kubernetes/manifests"
        manifests.mkdir(parents=True)
        if minor >= 23:  # before, kubeadm join wanted this folder empty (kubernetes#104942), and the packages kept it so
            write_file(manifests / ".kubelet-keep", "")
        write_file(root / "etc/default/kubelet", "KUBELET_EXTRA_ARGS=\n")
    if name == "kubeadm":
        write_file(root / "usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf", KUBEADM_DROPIN)


def _install(source: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, to)
    to.chmod(0o755)


def _pack(root: Path, package: Package, into: Path) -> None:
    architecture = must(["dpkg", "--print-architecture"]).strip()
    lines = [f"Package: {package.name}", f"Version: {package.version}", f"Architecture: {architecture}",
             "Maintainer: nodeboot lab <lab@localhost>", "Section: admin", "Priority: optional"]
    lines += [f"{field}: {value}" for field, value in (("Depends", package.depends),
                                                       ("Recommends", package.recommends)) if value]
    lines.append(f"Description: {package.name}, packed by the nodeboot lab")
    write_file(root / "DEBIAN/control", "\n".join(lines) + "\n")
    if package.conffiles:
        write_file(root / "DEBIAN/conffiles", package.conffiles)
    # Uncompressed: built and installed on the same machine, time is all that counts.
    must(["dpkg-deb", "--root-owner-group", "-Znone", "--build", root,
          into / f"{package.name}_{package.version}_{architecture}.deb"])
