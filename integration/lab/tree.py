"""The root file systems that instances and the AWS stand-in start from, built once with mmdebstrap and cached.

The machine tree is what a cloud image holds. It has no container runtime and no Kubernetes: nodeboot must install
those, and a lab that had them would hide that it does not.
"""
from __future__ import annotations

import shutil
from pathlib import Path

from . import paths
from .command import must
from .mirror import DEBIAN_13, System

MACHINE = ("systemd", "systemd-sysv", "systemd-resolved", "libnss-resolve", "libnss-myhostname", "systemd-timesyncd",
           "udev", "dbus", "cloud-init", "iproute2", "iptables", "nftables", "conntrack", "ethtool", "socat", "kmod",
           "ca-certificates", "openssh-server", "curl", "gpg", "python3", "procps", "iputils-ping", "sudo", "netbase",
           "less", "e2fsprogs", "python3-yaml", "python3-cryptography")  # the last two for the stand-in Kubernetes
AWS = ("python3-moto", "python3-flask", "python3-flask-cors")
REVISION = 5  # raise it when the steps below change

# Work that systemd would do at the first boot of every instance; done once, here.
FIRST_BOOT_WORK = (("ldconfig",), ("journalctl", "--update-catalog"), ("systemd-hwdb", "update"),
                   ("systemd-sysusers",))


def machine_tree(system: System = DEBIAN_13) -> Path:
    key = paths.recipe_hash(REVISION, MACHINE + system.packages, FIRST_BOOT_WORK, system.suites)
    return paths.cached("machine", key, lambda to: _build_machine(to, system))


def aws_tree() -> Path:
    key = paths.recipe_hash(REVISION, AWS, DEBIAN_13.suites)
    return paths.cached("aws", key, lambda to: _bootstrap(to, DEBIAN_13, "apt", AWS))


def _bootstrap(into: Path, system: System, variant: str, packages: tuple[str, ...]) -> None:
    print(f"lab: building the {into.name.split('-')[0]} tree (once, about half a minute)", flush=True)
    paths.write_file(into.with_name(into.name + ".list"), system.sources())
    must(["mmdebstrap", f"--variant={variant}", f"--include={','.join(packages)}",
          '--aptopt=Acquire::Languages "none"', '--aptopt=APT::Install-Recommends "false"',
          "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/doc/*",
          "--dpkgopt=path-exclude=/usr/share/locale/*", system.codename, into,
          into.with_name(into.name + ".list")],
         timeout=1800)
    into.with_name(into.name + ".list").unlink()


def _build_machine(into: Path, system: System) -> None:
    _bootstrap(into, system, "minbase", MACHINE + system.packages)
    for command in FIRST_BOOT_WORK:
        must(["chroot", into, *command])
    must(["systemctl", f"--root={into}", "enable", "systemd-networkd", "systemd-resolved"])
    _clean_identity(into)
    # Older than these stamps means "already updated" to systemd's ConditionNeedsUpdate.
    for stamp in ("etc/.updated", "var/.updated"):
        (into / stamp).touch()


def _clean_identity(tree: Path) -> None:
    """As an image builder does: an instance must get its own id and name."""
    (tree / "etc/machine-id").write_text("")
    (tree / "etc/hostname").write_text("localhost\n")
    (tree / "etc/hostname").chmod(0o644)
    for sources in (tree / "etc/apt").glob("sources.list*/*"):
        sources.unlink()
    (tree / "etc/apt/sources.list").unlink(missing_ok=True)
    shutil.rmtree(tree / "var/lib/cloud", ignore_errors=True)
