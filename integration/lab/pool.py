"""Distribution packages that nodeboot installs: fetched once from the host's own mirror, cached, served by the lab.

Exactly what is missing in the machine tree is fetched, so that an install inside the lab takes the same path through
apt as on EC2, without anything leaving the machine.
"""
from __future__ import annotations

from pathlib import Path

from . import mirror, paths, tree
from .command import must
from .mirror import DEBIAN_13, System

PACKAGES = ("containerd", "runc", "conntrack", "ethtool", "socat", "iptables", "nftables", "chrony", "zstd",
            "ca-certificates", "gpg", "curl")


def packages(names: tuple[str, ...] = PACKAGES, system: System = DEBIAN_13) -> Path:
    """Folder of .deb files: `names`, and what they need that the machine tree has not."""
    base = tree.machine_tree(system)
    key = paths.recipe_hash(names, base.name)
    return paths.cached("pool", key, lambda into: _fetch(into, base, names, system))


def _fetch(into: Path, base: Path, names: tuple[str, ...], system: System) -> None:
    print("lab: fetching distribution packages (once)", flush=True)
    work = into.with_name(into.name + ".apt")
    apt = mirror.apt(work, system.sources(), base / "var/lib/dpkg/status")
    must([*apt, "update"])
    # A package at a time: two that conflict may both be offered.
    for package in names:
        must([*apt, "--download-only", "install", package])
    for deb in (work / "cache/archives").glob("*.deb"):
        deb.rename(into / deb.name)
    must(["rm", "-rf", work])
