"""The two archives of a lab: the distribution's, and Kubernetes', laid out as pkgs.k8s.io."""
from __future__ import annotations

from pathlib import Path

from . import kubedebs, pool
from .aptrepo import SigningKey, publish
from .command import must
from .mirror import System


def publish_distribution(root: Path, key: SigningKey, system: System) -> None:
    architecture = must(["dpkg", "--print-architecture"]).strip()
    debs = {f"pool/main/{deb.name}": deb for deb in pool.packages(system=system).glob("*.deb")}
    publish(root, f"main/binary-{architecture}", debs, key=key, fields={
        "_release": f"dists/{system.codename}", "Origin": system.origin, "Label": system.origin,
        "Suite": system.codename, "Codename": system.codename,
        "Architectures": f"all {architecture}", "Components": "main"})


def publish_kubernetes(root: Path, key: SigningKey, bundles: list[Path]) -> list[str]:
    """One repository a minor version, all patch versions of it together. Returns the versions."""
    by_minor: dict[str, dict[str, Path]] = {}
    versions = []
    for bundle in bundles:
        version, folder = kubedebs.build(bundle)
        versions.append(version)
        debs = by_minor.setdefault(version.rpartition(".")[0], {})
        debs.update({f"{deb.stem.rpartition('_')[2]}/{deb.name}": deb for deb in folder.glob("*.deb")})
    for minor, debs in by_minor.items():
        repository = root / f"core:/stable:/v{minor}/deb"
        publish(repository, "", debs, key=key, fields={
            "Origin": f"obs://build.opensuse.org/isv:kubernetes:core:stable:v{minor}/deb",
            "Label": f"isv:kubernetes:core:stable:v{minor}", "Architectures": "amd64 arm64"})
        key.export(repository / "Release.key", "--armor")
    return versions
