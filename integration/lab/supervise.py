"""Keeps one machine running: `python3 -m lab.supervise LAB FOLDER`.

Mounts its disk, boots it under systemd-nspawn inside the lab's network, boots it again when it asks for a reboot, and
unmounts when it has powered off. One such process a machine; it ends when the machine does.
"""
from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from . import cgroups, layer
from .command import run
from .disk import Disk
from .instance import Instance
from .network import BRIDGE, Network
from .processes import children, join_groups, remember

REBOOT = 133  # systemd-nspawn's exit status when the machine asked for a reboot and nspawn keeps our unit
NSPAWN_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "1",
                      "LC_ALL": "C.UTF-8"}


def nspawn(instance: Instance, disk: Disk, network: Network, extra: list[str]) -> list[str]:
    # CAP_SYS_TIME stays out: a machine must not set the host's clock.
    return [*network.enter(), "systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit",
            f"--machine={instance.id}", f"--directory={disk.root}", "--capability=all",
            "--drop-capability=CAP_SYS_TIME", "--system-call-filter=@keyring bpf @module perf_event_open",
            "--bind=/dev/kmsg", f"--network-bridge={BRIDGE}", "--resolv-conf=off", "--timezone=off",
            "--link-journal=no", "--console=read-only", "--setenv=TERM=dumb", *disk.binds(), *extra]


def boot_once(lab: str, folder: Path, instance: Instance, disk: Disk) -> int:
    cgroups.remove(lab, f"{instance.id}/machine")
    groups = cgroups.create(lab, f"{instance.id}/machine")
    extra = layer.bundle_binds(folder.parents[1])
    if Path("/lib/modules").is_dir():  # a machine loads what its kernel, the host's, has as modules
        extra.append("--bind-ro=/lib/modules:/usr/lib/modules")
    if (folder / "nspawn").exists():  # further words of a case's own
        extra += (folder / "nspawn").read_text().split()
    with open(folder / "console.log", "ab") as console:
        child = subprocess.Popen(nspawn(instance, disk, Network(lab), extra), env=NSPAWN_ENVIRONMENT,
                                 stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                                 preexec_fn=lambda: join_groups(groups))
    remember(folder / "nspawn.pid", child.pid)
    _note_mac(folder, child)
    return child.wait()


def _note_mac(folder: Path, child: subprocess.Popen[bytes]) -> None:
    """The DHCP server knows machines by the address that nspawn gave their interface."""
    while child.poll() is None:
        for pid in children(child.pid):
            if found := _mac_of(pid):
                instance = Instance.load(folder)
                instance.mac = found
                instance.save(folder)
                return
        time.sleep(0.01)


def _mac_of(pid: int) -> str:
    said = run(["nsenter", f"--net=/proc/{pid}/ns/net", "ip", "-j", "link", "show", "host0"])
    return str(json.loads(said.out)[0]["address"]) if said.ok else ""


def main(lab: str, folder: Path) -> int:
    remember(folder / "supervisor.pid", os.getpid())
    instance = Instance.load(folder)
    disk = Disk(folder)
    disk.attach(layer.lower_layers(folder.parents[1]))
    code = REBOOT
    while code == REBOOT:
        layer.write_instance(disk.root, instance)
        code = boot_once(lab, folder, instance, disk)
    cgroups.kill(lab, f"{instance.id}/machine")
    disk.detach()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
