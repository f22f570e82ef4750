"""Where the lab keeps things.

The cache outlives labs (machine trees, downloaded packages); everything else of a lab lives in one folder that
`lab down` removes. Two labs of different names share nothing but the cache.
"""
from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import time
from pathlib import Path
from typing import Callable, Iterator

REPOSITORY = Path(__file__).resolve().parents[2]


def cache_root() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "nodeboot" / "lab"


def state_root() -> Path:
    """Not /run: instances' disks live here, and /run is memory on most machines."""
    return Path(os.environ.get("NODEBOOT_LAB_DIR", "/var/lib/nodeboot-lab"))


def recipe_hash(*parts: object) -> str:
    """Short name for 'made from exactly this'."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(repr(part).encode() + b"\0")
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def cached(kind: str, key: str, build: Callable[[Path], None]) -> Path:
    """The folder CACHE/kind-key; `build` fills it once. A build that dies leaves nothing that looks finished."""
    final = cache_root() / f"{kind}-{key}"
    if final.exists():  # without the lock: somebody may be making another of this kind, for minutes
        os.utime(final)
        return final
    with locked(cache_root() / f"{kind}.lock"):
        if final.exists():
            os.utime(final)
            return final
        _forget_unused(final.parent, kind)
        partial = final.with_name(final.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        build(partial)
        partial.rename(final)
    return final


def _forget_unused(folder: Path, kind: str, days: float = 14) -> None:
    """Removes what no lab has used for a while; recipes change, and a tree takes hundreds of megabytes."""
    for old in folder.glob(f"{kind}-*"):
        if time.time() - old.stat().st_mtime > days * 86400:
            shutil.rmtree(old, ignore_errors=True)


def write_file(path: Path, content: str | bytes, mode: int = 0o644) -> None:
    """Whole or not at all: readers in other processes never see half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + f".{os.getpid()}.partial")
    data = content.encode() if isinstance(content, str) else content
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as out:
        out.write(data)
    os.chmod(partial, mode)
    os.replace(partial, path)
