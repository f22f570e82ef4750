"""A container registry as sites run it: Debian's docker-registry on a free port, filled by its own API.

The package is unpacked, not installed: installing it would start a registry on the machine that runs the tests.
"""
from __future__ import annotations

import hashlib
import http.client
import json
import socket
import subprocess
import time
import urllib.parse
from pathlib import Path
from typing import Any

from lab import imagestore, paths, pool
from lab.command import LabError, must

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST, CONFIG = imagestore.MANIFEST, imagestore.CONFIG
# Anything: nobody logs in, the case is the refusal of who does not.
HTPASSWD = "somebody:$2y$05$abcdefghijklmnopqrstuuWZSUmQ3T2mB5jP1rO0dBNYiS7e0bM9G\n"


def program() -> Path:
    debs = pool.packages(("docker-registry",))
    folder = paths.cached("docker-registry", debs.name.partition("-")[2], lambda into: _unpack(debs, into))
    return folder / "usr/bin/docker-registry"


def _unpack(debs: Path, into: Path) -> None:
    must(["dpkg", "-x", next(debs.glob("docker-registry_*.deb")), into])


class Registry:
    def __init__(self, folder: Path, *, login: bool = False) -> None:
        self.storage = folder / "storage"
        self.storage.mkdir(parents=True)
        config: dict[str, Any] = {"version": "0.1", "log": {"level": "warn"},
                                  "storage": {"filesystem": {"rootdirectory": str(self.storage)}}}
        if login:
            (folder / "htpasswd").write_text(HTPASSWD)
            config["auth"] = {"htpasswd": {"realm": "the site", "path": str(folder / "htpasswd")}}
        for _ in range(5):  # it cannot say which port it took, and the one it is given may be taken until it takes it
            self.port = free_port()
            self._start(folder, config | {"http": {"addr": f"127.0.0.1:{self.port}"}})
            if self._answers():
                return
            self.stop()
            if "address already in use" not in (said := (folder / "registry.log").read_text()):
                break
        raise LabError(f"docker-registry did not start: {said[-2000:]}")

    def _start(self, folder: Path, config: dict[str, Any]) -> None:
        (folder / "config.json").write_text(json.dumps(config))  # JSON is YAML
        with open(folder / "registry.log", "wb") as log:
            self._process = subprocess.Popen([program(), "serve", folder / "config.json"], stdin=subprocess.DEVNULL,
                                             stdout=log, stderr=log)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _answers(self) -> bool:
        """Once it does; False when it has ended, or does not in two minutes."""
        deadline = time.monotonic() + 120
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                if self._call("GET", "/v2/")[0] in (200, 401):
                    return self._process.poll() is None
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.05)
        return False

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(120)

    def _call(self, method: str, path: str, body: bytes = b"", kind: str = "") -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {"Content-Type": kind} if kind else {})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def _must(self, wanted: int, method: str, path: str, body: bytes = b"", kind: str = "") -> dict[str, str]:
        status, headers, answer = self._call(method, path, body, kind)
        if status != wanted:
            raise LabError(f"docker-registry: {method} {path}: {status} {answer[:500]!r}")
        return headers

    def put_blob(self, repository: str, content: bytes) -> str:
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        upload = urllib.parse.urlsplit(self._must(202, "POST", f"/v2/{repository}/blobs/uploads/")["location"])
        self._must(201, "PUT", f"{upload.path}?{upload.query}&digest={digest}", content, "application/octet-stream")
        return digest

    def put_manifest(self, repository: str, reference: str, document: dict[str, Any]) -> dict[str, Any]:
        """Its descriptor."""
        text = json.dumps(document).encode()
        self._must(201, "PUT", f"/v2/{repository}/manifests/{reference}", text, document["mediaType"])
        return {"mediaType": document["mediaType"], "size": len(text),
                "digest": "sha256:" + hashlib.sha256(text).hexdigest()}

    def put_images(self, bundle: Path, arch: str) -> dict[str, str]:
        """All images of a bundle, each for two architectures under one name, the wanted one last. Returns the digests
        of the manifests for `arch`, by reference."""
        store = imagestore.build(bundle)
        pushed = {}
        for reference, entry in imagestore.load(store).items():
            repository, _, tag = reference.partition("/")[2].rpartition(":")
            manifest = json.loads((store / "blobs" / entry.digest).read_bytes())
            for blob in (manifest["config"], *manifest["layers"]):
                self.put_blob(repository, (store / "blobs" / blob["digest"]).read_bytes())
            other = {"architecture": "s390x", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
            config = json.dumps(other).encode()
            foreign = {"schemaVersion": 2, "mediaType": MANIFEST, "layers": [], "config": {
                "mediaType": CONFIG, "size": len(config), "digest": self.put_blob(repository, config)}}
            entries = []
            for which, document in (("s390x", foreign), (arch, manifest)):
                text = json.dumps(document).encode()
                digest = "sha256:" + hashlib.sha256(text).hexdigest()
                entries.append(self.put_manifest(repository, digest, document) |
                               {"platform": {"architecture": which, "os": "linux"}})
            self.put_manifest(repository, tag, {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})
            pushed[reference] = str(entries[-1]["digest"])
        return pushed

    def blob_path(self, digest: str) -> Path:
        name = digest.removeprefix("sha256:")
        return self.storage / "docker/registry/v2/blobs/sha256" / name[:2] / name / "data"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
