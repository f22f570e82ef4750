"""Where the stand-in Kubernetes comes from when no real bundle is named."""
from __future__ import annotations

import sys
from pathlib import Path

from . import paths
from .command import LabError, must

MAKER = paths.REPOSITORY / "integration/standin/make_bundle"
VERSION = "1.34.2"  # the newest minor whose kubelet takes a host with cgroup v1 as it is
OTHER_VERSION = "1.35.1"


def bundle(version: str = VERSION) -> Path:
    """A bundle folder of stand-in programs; made once for each state of their sources."""
    if not MAKER.exists():
        raise LabError("this tree has no stand-in Kubernetes; name a bundle with --bundle")
    sources = sorted(path for path in MAKER.parent.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    key = paths.recipe_hash(version, *(path.read_bytes() for path in sources))
    folder = paths.cached("standin", key, lambda into: make(version, into / f"v{version}"))
    return folder / f"v{version}"


def make(version: str, into: Path) -> None:
    must([sys.executable, MAKER, "--version", f"v{version}", "--out", into])
