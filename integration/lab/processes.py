"""Processes that outlive the command which started them, named by pid and start time so that a reused pid is never
mistaken for ours."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Sequence

from .paths import write_file


def start_time(pid: int) -> str | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, IndexError):
        return None
    return None if fields[0] in "ZX" else fields[19]


def remember(path: Path, pid: int) -> None:
    write_file(path, f"{pid} {start_time(pid)}\n")


def recall(path: Path) -> int | None:
    """The pid, if that very process still runs."""
    try:
        pid, started = path.read_text().split()
    except (OSError, ValueError):
        return None
    return int(pid) if start_time(int(pid)) == started else None


def children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def join_groups(groups: Sequence[Path]) -> None:
    """Moves the calling process into control groups; used between fork and exec."""
    for group in groups:
        (group / "cgroup.procs").write_text(str(os.getpid()))


def background(module: str, *words: object, log: Path, prefix: Sequence[str] = (),
               groups: Sequence[Path] = ()) -> subprocess.Popen[bytes]:
    """Starts `python3 -m MODULE WORDS…` of this package in a session of its own."""
    package_root = str(Path(__file__).resolve().parents[1])
    env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": package_root,
           "HOME": os.environ.get("HOME", "/root"), "LC_ALL": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
    for name in ("XDG_CACHE_HOME", "NODEBOOT_LAB_DIR"):
        if name in os.environ:
            env[name] = os.environ[name]
    with open(log, "ab") as out:
        return subprocess.Popen([*prefix, sys.executable, "-m", module, *map(str, words)], stdin=subprocess.DEVNULL,
                                stdout=out, stderr=out, env=env, start_new_session=True,
                                preexec_fn=lambda: join_groups(groups))
