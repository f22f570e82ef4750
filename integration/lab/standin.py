"""Where the stand-in Kubernetes comes from when no real bundle is named."""
from __future__ import annotations

from pathlib import Path

from . import paths
from .command import LabError, must

MAKER = paths.REPOSITORY / "integration/standin/make-bundle"


def bundle(version: str = "1.34.2") -> Path:
    """A bundle folder of stand-in programs; made once for each state of their sources."""
    if not MAKER.exists():
        raise LabError("this tree has no stand-in Kubernetes; name a bundle with --bundle")
    sources = sorted(path for path in MAKER.parent.rglob("*") if path.is_file() and path.suffix != ".pyc")
    key = paths.recipe_hash(version, *(path.read_bytes() for path in sources))
    return paths.cached("standin", key, lambda into: must([MAKER, "--version", version, into]) and None) / "bundle"
