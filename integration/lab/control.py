"""The control socket: one JSON line there, one JSON line back. A socket in the file system, so that it is reached
from outside the lab's network, by root only."""
from __future__ import annotations

import json
import os
import socket
import socketserver
import threading
from pathlib import Path
from typing import Any

from .command import LabError


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(json.dumps(self._answer(json.loads(line))).encode() + b"\n")

    def _answer(self, question: dict[str, Any]) -> dict[str, Any]:
        try:
            method = getattr(self.server.services, "call_" + question["call"])  # type: ignore[attr-defined]
            return {"value": method(**question["with"])}
        except Exception as error:  # whatever it is, the asker is to know
            return {"error": f"{type(error).__name__}: {error}"}


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


def serve(path: Path, services: object) -> socketserver.BaseServer:
    path.unlink(missing_ok=True)
    before = os.umask(0o177)
    server = _Server(str(path), _Handler)
    os.umask(before)
    server.services = services  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True, name="control").start()
    return server


def call(path: Path, name: str, /, *, patience: float = 60, **parameters: Any) -> Any:
    """Asks the lab's servers, for `patience` seconds; a LabError carries what they said against it."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(patience)
        try:
            connection.connect(str(path))
        except OSError as error:
            raise LabError(f"the lab's servers do not answer ({error}); is the lab up?") from None
        connection.sendall(json.dumps({"call": name, "with": parameters}).encode() + b"\n")
        with connection.makefile("rb") as stream:
            answer = json.loads(stream.readline() or b'{"error": "the connection broke"}')
    if "error" in answer:
        raise LabError(f"{name}: {answer['error']}")
    return answer.get("value")
