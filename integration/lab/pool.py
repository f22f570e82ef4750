"""Distribution packages that nodeboot installs: fetched once from the host's own mirror, cached, served by the lab.

Exactly what is missing in the machine tree is fetched, so that an install inside the lab takes the same path through
apt as on EC2, without anything leaving the machine.
"""
from __future__ import annotations

from pathlib import Path

from . import mirror, paths, tree
from .command import must

PACKAGES = ("containerd", "runc", "conntrack", "ethtool", "socat", "iptables", "nftables", "chrony", "zstd",
            "ca-certificates", "gpg", "curl")


def packages(names: tuple[str, ...] = PACKAGES) -> Path:
    """Folder of .deb files: `names`, and what they need that the machine tree has not."""
    base = tree.machine_tree()
    key = paths.recipe_hash(names, base.name)
    return paths.cached("pool", key, lambda into: _fetch(into, base, names))


def _fetch(into: Path, base: Path, names: tuple[str, ...]) -> None:
    print("lab: fetching distribution packages (once)", flush=True)
    work = into.with_name(into.name + ".apt")
    for folder in ("lists/partial", "cache/archives/partial"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    paths.write_file(work / "sources.list", mirror.sources(mirror.host_mirror()))
    apt = ["apt-get", "-y", "-o", f"Dir::Etc::SourceList={work}/sources.list", "-o", "Dir::Etc::SourceParts=/dev/null",
           "-o", f"Dir::State::Lists={work}/lists", "-o", f"Dir::Cache={work}/cache", "-o",
           f"Dir::State::status={base}/var/lib/dpkg/status", "-o", "Dir::Etc::PreferencesParts=/dev/null",
           "-o", "APT::Sandbox::User=root", "-o", "APT::Install-Recommends=false"]
    must([*apt, "update"])
    # A package at a time: two that conflict may both be offered.
    for package in names:
        must([*apt, "--download-only", "install", package])
    for deb in (work / "cache/archives").glob("*.deb"):
        deb.rename(into / deb.name)
    must(["rm", "-rf", work])
