"""The read half of a container registry (OCI distribution specification), under the names of the real ones."""
from __future__ import annotations

import re
from pathlib import Path

from .serve import Handler

PATH = re.compile(r"/v2/(?P<name>.+)/(?P<kind>manifests|blobs)/(?P<reference>[^/?]+)")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
OFFICIAL = {"registry-1.docker.io": "docker.io"}


class RegistryHandler:
    """Called by the front's handler; `http` is a serve.Handler."""

    @staticmethod
    def handle(http: Handler, host: str) -> None:
        outcome = "broken"
        try:
            http.begin("images", path=http.path)
            if "status" in http.effects:
                http.reply(int(http.effects["status"]))
                outcome = str(http.effects["status"])
            else:
                outcome = RegistryHandler._serve(http, OFFICIAL.get(host, host))
        finally:
            http.lab.log_request(source=http.source, host=host, service="images", action=http.command,
                                 subject=http.path, outcome=outcome)

    @staticmethod
    def _serve(http: Handler, host: str) -> str:
        asked = PATH.fullmatch(http.path.partition("?")[0])
        if asked is None:
            http.reply(200 if http.path == "/v2/" else 404, "{}", "application/json")
            return "served"
        if asked["kind"] == "manifests" and not DIGEST.fullmatch(asked["reference"]):
            return RegistryHandler._by_tag(http, f"{host}/{asked['name']}:{asked['reference']}")
        return RegistryHandler._by_digest(http, asked["kind"], asked["reference"])

    @staticmethod
    def _by_tag(http: Handler, name: str) -> str:
        found = http.lab.image(name)
        if found is None:
            http.reply(404, '{"errors": [{"code": "MANIFEST_UNKNOWN"}]}', "application/json")
            return "unknown"
        entry, blobs = found
        http.reply(200, (blobs / entry.digest).read_bytes(), entry.kind, Docker_Content_Digest=entry.digest)
        return "served"

    @staticmethod
    def _by_digest(http: Handler, kind: str, digest: str) -> str:
        blob = _find(http.lab.folder / "images", digest) if DIGEST.fullmatch(digest) else None
        if blob is None:
            http.reply(404, '{"errors": [{"code": "BLOB_UNKNOWN"}]}', "application/json")
            return "unknown"
        if kind == "manifests":
            http.reply(200, blob.read_bytes(), _media_type(blob), Docker_Content_Digest=digest)
        else:
            http.reply_file(blob)
        return "served"


def _find(images: Path, digest: str) -> Path | None:
    return next((path for store in images.glob("*") if (path := store / "blobs" / digest).exists()), None)


def _media_type(manifest: Path) -> str:
    found = re.search(r'"mediaType": ?"([^"]*(?:manifest|index)[^"]*)"', manifest.read_text())
    return found[1] if found else "application/vnd.oci.image.manifest.v1+json"
