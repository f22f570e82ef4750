"""A bundle of next to nothing, so that the lab's own tests need no Kubernetes."""
from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

IMAGE = "registry.k8s.io/lab-test:1"


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("bundle")
    for name in ("bin/kubeadm", "bin/kubelet", "bin/kubectl", "bin/crictl", "cni/bridge", "cni/loopback",
                 "cni/flannel"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(f"#!/bin/sh\necho {name}\n")
    _image(root / "images/test.tar")
    files = [{"path": str(path.relative_to(root)), "kind": "image" if path.suffix == ".tar" else "binary",
              "refs": [IMAGE], "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
             for path in sorted(root.rglob("*")) if path.is_file()]
    (root / "manifest.json").write_text(json.dumps({"format": 1, "kubernetes": "v1.34.2", "files": files}))
    return [root]


def _image(to: Path) -> None:
    """An image with one file, as `docker save` writes it."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        _add(tar, "hello", b"hello\n")
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {
        "type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer.getvalue()).hexdigest()]}}).encode()
    to.parent.mkdir()
    with tarfile.open(to, "w") as tar:
        _add(tar, "config.json", config)
        _add(tar, "layer.tar", layer.getvalue())
        _add(tar, "manifest.json", json.dumps([
            {"Config": "config.json", "RepoTags": [IMAGE], "Layers": ["layer.tar"]}]).encode())


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
