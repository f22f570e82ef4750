"""Container images of a bundle, unpacked into the blobs and manifests that a registry serves.

Bundles hold images as archives, in Docker's layout or OCI's; registries serve manifests and blobs by digest. Machines
that install Kubernetes from packages pull their images, so the lab has to have a registry under the real names.
"""
from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from . import paths
from .paths import write_file

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True)
class Entry:
    """A manifest: where it lies among the blobs, and its media type."""
    digest: str
    kind: str


def build(bundle: Path) -> Path:
    """Folder with blobs/ (by digest) and refs.json (reference → manifest); cached by the bundle's manifest."""
    key = paths.recipe_hash(1, (bundle / "manifest.json").read_text())
    return paths.cached("images", key, lambda into: _build(bundle, into))


def load(folder: Path) -> dict[str, Entry]:
    return {name: Entry(**entry) for name, entry in json.loads((folder / "refs.json").read_text()).items()}


def _build(bundle: Path, into: Path) -> None:
    refs: dict[str, Entry] = {}
    for file in json.loads((bundle / "manifest.json").read_text())["files"]:
        if file["kind"] == "image":
            refs.update(_unpack(bundle / file["path"], file.get("refs", []), into / "blobs"))
    (into / "blobs").mkdir(exist_ok=True)
    write_file(into / "refs.json", json.dumps({name: asdict(entry) for name, entry in refs.items()}, indent=1))


def _unpack(archive: Path, names: list[str], blobs: Path) -> dict[str, Entry]:
    with tarfile.open(archive) as tar:
        members = {member.name.removeprefix("./"): member for member in tar.getmembers() if member.isfile()}
        for name, member in members.items():
            if name.startswith("blobs/sha256/"):
                _store(tar, member, blobs)
        if "manifest.json" in members:
            return _from_docker(tar, members, names, blobs)
        return _from_oci(tar, members, names)


def _from_docker(tar: tarfile.TarFile, members: dict[str, tarfile.TarInfo], names: list[str],
                 blobs: Path) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for image in _json(tar, members["manifest.json"]):
        layers = [_descriptor(_store(tar, members[name], blobs), blobs, LAYER) for name in image["Layers"]]
        config = _descriptor(_store(tar, members[image["Config"]], blobs), blobs, CONFIG)
        text = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}).encode()
        digest = "sha256:" + hashlib.sha256(text).hexdigest()
        write_file(blobs / digest, text)
        for name in image.get("RepoTags") or names:
            found[name] = Entry(digest, MANIFEST)
    return found


def _from_oci(tar: tarfile.TarFile, members: dict[str, tarfile.TarInfo], names: list[str]) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for one in _json(tar, members["index.json"])["manifests"]:
        annotations = one.get("annotations", {})
        name = annotations.get("io.containerd.image.name") or annotations.get("org.opencontainers.image.ref.name")
        for reference in [name] if name and "/" in name else names:
            found[reference] = Entry(one["digest"], one.get("mediaType", MANIFEST))
    return found


def _json(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Any:
    handle = tar.extractfile(member)
    assert handle is not None  # members are files
    return json.loads(handle.read())


def _store(tar: tarfile.TarFile, member: tarfile.TarInfo, blobs: Path) -> str:
    """Copies a member into the blobs under the digest of its content."""
    blobs.mkdir(parents=True, exist_ok=True)
    handle = tar.extractfile(member)
    assert handle is not None
    digest, partial = hashlib.sha256(), blobs / "partial"
    with open(partial, "wb") as out:
        while data := handle.read(1 << 20):
            digest.update(data)
            out.write(data)
    name = "sha256:" + digest.hexdigest()
    shutil.move(partial, blobs / name)
    return name


def _descriptor(digest: str, blobs: Path, kind: str) -> dict[str, Any]:
    head = open(blobs / digest, "rb").read(2)
    compressed = "+gzip" if kind == LAYER and head == b"\x1f\x8b" else ""
    return {"mediaType": kind + compressed, "digest": digest, "size": (blobs / digest).stat().st_size}
