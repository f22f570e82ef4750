"""The systems that instances can run, and the mirrors their packages come from.

Debian comes from the mirror that this machine itself uses, with another suite; Ubuntu from its own archive, or from the
mirror that NODEBOOT_UBUNTU_MIRROR names.
"""
from __future__ import annotations

import os
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from . import paths
from .command import LabError, must

DEBIAN_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


@dataclass(frozen=True)
class System:
    name: str
    origin: str  # as its Release files say
    suites: tuple[str, ...]  # the first is its code name
    containerd: int  # major version of its package
    packages: tuple[str, ...] = ()  # what its cloud image has beside what all of them have

    @property
    def codename(self) -> str:
        return self.suites[0]

    def unreachable(self) -> str:
        """Why its packages cannot be had from here; empty when they can."""
        address, codename = self.mirror(), self.codename
        try:
            urllib.request.urlopen(f"{address}/dists/{codename}/InRelease", timeout=30).close()
        except OSError as error:
            return f"{address} does not serve {codename}: {error}"
        return ""

    def mirror(self) -> str:
        if self.origin == "Ubuntu":
            return os.environ.get("NODEBOOT_UBUNTU_MIRROR", "http://archive.ubuntu.com/ubuntu").rstrip("/")
        return host_mirror()

    def sources(self) -> str:
        """For apt: the lines of a sources.list."""
        address = self.mirror()
        keyring, components = (_ubuntu_keyring(), "main universe") if self.origin == "Ubuntu" else (DEBIAN_KEYRING, "main")
        architecture = must(["dpkg", "--print-architecture"]).strip()  # alone: machines are of no foreign one
        return "".join(f"deb [arch={architecture} signed-by={keyring}] {address} {suite} {components}\n"
                       for suite in self.suites)


DEBIAN_13 = System("debian-13", "Debian", ("trixie",), 1)
SYSTEMS = {one.name: one for one in (
    DEBIAN_13,
    System("ubuntu-24.04", "Ubuntu", ("noble", "noble-updates"), 2,
           ("apt", "netplan.io", "apparmor", "locales", "lsb-release")))}


def host_mirror() -> str:
    """Base address of the first mirror that carries the host's own release (not its security or updates suites)."""
    lines = must(["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)",
                  "Created-By: Packages"]).splitlines()
    for line in lines:
        address, codename, component = (line.split() + ["", "", ""])[:3]
        if component == "main" and codename and "-" not in codename:
            return address.rstrip("/")
    raise LabError("apt has no package lists on this machine; run `apt-get update` first")


def apt(work: Path, sources: str, status: Path) -> list[str]:
    """apt-get with lists, cache and sources of its own below `work`, on the packages that dpkg's `status` names."""
    for folder in ("lists/partial", "cache/archives/partial"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    paths.write_file(work / "sources.list", sources)
    return ["apt-get", "-y", "-o", f"Dir::Etc::SourceList={work}/sources.list", "-o", "Dir::Etc::SourceParts=/dev/null",
            "-o", f"Dir::State::Lists={work}/lists", "-o", f"Dir::Cache={work}/cache", "-o", f"Dir::State::status={status}",
            "-o", "Dir::Etc::PreferencesParts=/dev/null", "-o", "APT::Sandbox::User=root",
            "-o", "APT::Install-Recommends=false"]


def _ubuntu_keyring() -> Path:
    """Ubuntu's archive keys as Debian packages them, so that Debian's signature vouches for them."""
    def fetch(into: Path) -> None:
        work = into.with_name(into.name + ".apt")
        paths.write_file(work / "status", "")
        command = apt(work, DEBIAN_13.sources(), work / "status")
        must([*command, "update"])
        must([*command, "download", "ubuntu-keyring"], cwd=work)
        must(["dpkg-deb", "--extract", next(work.glob("*.deb")), into])
        must(["rm", "-rf", work])
    return paths.cached("keyring", DEBIAN_13.codename, fetch) / "usr/share/keyrings/ubuntu-archive-keyring.gpg"
