"""One control group a machine, on hosts with cgroup v2 and on hosts where some or all controllers are still v1.

A machine's processes, and the lab's own, are all found under one group, so that `lab down` can end them even after
the program that started them has died.
"""
from __future__ import annotations

import os
import signal
import time
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
TOP = "nodeboot-lab"


def hierarchies() -> list[Path]:
    """Mount points: one on a v2 host, one for each controller (and systemd's own) where v1 is mounted."""
    found = []
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, target, kind = line.split()[:3]
        if kind in ("cgroup", "cgroup2") and Path(target).is_relative_to(ROOT):
            found.append(Path(target))
    return found


def is_v1_mixed() -> bool:
    return hierarchies() != [ROOT]


def create(lab: str, leaf: str) -> list[Path]:
    """The leaf's groups in every hierarchy, ready to take processes."""
    return [_create_in(root, lab, leaf) for root in hierarchies()]


def _create_in(root: Path, lab: str, leaf: str) -> Path:
    group = root
    for part in (TOP, lab, *leaf.split("/")):
        _delegate(group)
        group = group / part
        group.mkdir(exist_ok=True)
        for name in ("cpuset.cpus", "cpuset.mems"):  # v1's cpuset takes no process until these are set
            if (group.parent / name).exists() and not (group / name).read_text().strip():
                (group / name).write_text((group.parent / name).read_text())
    return group


def _delegate(group: Path) -> None:
    controllers = group / "cgroup.controllers"
    if controllers.exists():
        for name in controllers.read_text().split():
            try:
                (group / "cgroup.subtree_control").write_text(f"+{name}")
            except OSError:
                pass  # a controller the host keeps for itself is one the machine does without


def processes(lab: str, leaf: str = "") -> set[int]:
    found: set[int] = set()
    for root in hierarchies():
        # os.walk passes over a group that vanishes between its listing and its turn; Path.glob raises.
        for group, _, _ in os.walk(root / TOP / lab / leaf):
            try:
                found.update(int(pid) for pid in Path(group, "cgroup.procs").read_text().split())
            except OSError:
                pass  # threaded or vanished group
    return found - {0, os.getpid()}


def kill(lab: str, leaf: str = "", timeout: float = 60) -> None:
    """Ends every process in the group and removes the group."""
    deadline = time.monotonic() + timeout
    while (pids := processes(lab, leaf)) and time.monotonic() < deadline:
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.02)
    remove(lab, leaf)


def remove(lab: str, leaf: str = "") -> None:
    for root in hierarchies():
        top = root / TOP / lab / leaf
        groups = [path for path, _, _ in os.walk(top, topdown=False)]
        for group in groups:
            _rmdir(group)
        if not leaf:
            _rmdir(root / TOP)


def _rmdir(group: object) -> None:
    try:
        os.rmdir(str(group))
    except OSError:
        pass  # busy for a moment longer, or another lab's
