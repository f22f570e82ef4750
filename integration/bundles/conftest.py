"""The official downloads on a local file server, their images in a registry, and nodeboot's answer to both."""
from __future__ import annotations

import contextlib
import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

import pytest

from bundles.official import CONTAINERD, Official, Site, serve
from bundles.registry import Registry
from lab import standin
from lab.cluster import find_binary
from lab.command import Result, must, run

REGISTRIES = ("registry.k8s.io", "ghcr.io")


@dataclass
class Publishers:
    official: Official
    site: Site
    registry: Registry
    digests: dict[str, str]  # of the images' manifests, by reference
    mirror: str

    def create(self, to: Path, *words: str, registry: Registry | None = None, timeout: float = 300) -> Result:
        registries = [word for name in REGISTRIES
                      for word in ("--registry-mirror", f"{name}={(registry or self.registry).url}")]
        return nodeboot("bundle", "create", to, "--mirror", self.mirror, *registries, *words, timeout=timeout)


def nodeboot(*words: object, timeout: float = 120) -> Result:
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}  # no proxy, no CA file of the host's
    return run([find_binary(), *words], timeout=timeout, env=environment)


def manifest(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "manifest.json").read_text())  # type: ignore[no-any-return]


@contextlib.contextmanager
def publishing(folder: Path, bundle: Path) -> Iterator[Publishers]:
    """Servers on this machine's loopback that publish what `bundle` holds, for as long as the block lasts."""
    arch = must(["dpkg", "--print-architecture"]).strip()
    official = Official(folder / "mirror", bundle, arch)
    server, site = serve(official.folder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    registry = Registry(folder / "registry")
    try:
        digests = registry.put_images(bundle, arch)
        yield Publishers(official, site, registry, digests, f"http://127.0.0.1:{server.server_address[1]}")
    finally:
        registry.stop()
        server.shutdown()


@pytest.fixture(scope="session")
def publishers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Publishers]:
    with publishing(tmp_path_factory.mktemp("publishers"), standin.bundle()) as running:
        yield running


@pytest.fixture(autouse=True)
def no_fault_outlives_its_case(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "publishers" in request.fixturenames:
        request.getfixturevalue("publishers").site.faults.clear()


@pytest.fixture(scope="session")
def made(publishers: Publishers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of everything, containerd too, as a folder."""
    folder = tmp_path_factory.mktemp("made") / "bundle"
    publishers.create(folder, "--kubernetes", publishers.official.version, "--containerd", CONTAINERD).check()
    return folder
