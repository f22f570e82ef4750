"""What the lab's HTTP servers share: one thread a connection, keep-alive, files with ranges, faults applied."""
from __future__ import annotations

import email.utils
import http.server
import os
import re
import socket
import ssl
import sys
import time
from pathlib import Path
from typing import Any

CHUNK = 1 << 16


class Broken(Exception):
    """The connection is to end here, without another byte."""


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type["Handler"], lab: Any,
                 tls: ssl.SSLContext | None = None) -> None:
        self.lab = lab
        self.tls = tls
        super().__init__(address, handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """The TLS handshake happens in the connection's own thread: a client that stalls holds up nobody."""
        if self.tls is not None:
            request.settimeout(30)
            request = self.tls.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception() if hasattr(sys, "exception") else sys.exc_info()[1]
        if not isinstance(error, (Broken, OSError)):
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "nodeboot-lab"
    sys_version = ""
    timeout = 120
    disable_nagle_algorithm = True

    effects: dict[str, Any] = {}

    @property
    def lab(self) -> Any:
        return self.server.lab  # type: ignore[attr-defined]

    @property
    def source(self) -> str:
        return str(self.client_address[0])

    def log_message(self, format: str, *args: Any) -> None:
        pass  # what matters goes to the request log

    def begin(self, target: str, **facts: str) -> None:
        """Faults that act before the request is looked at. Each handler calls it first."""
        self.effects = self.lab.faults.hit(target, source=self.source, method=self.command, **facts)
        if "delay" in self.effects:
            time.sleep(float(self.effects["delay"]))
        if "refuse" in self.effects:
            raise Broken

    def body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            return self._chunked_body()
        length = int(self.headers.get("Content-Length") or 0)
        read = self.rfile.read(length)
        if len(read) < length:  # a client that was killed while it asked has asked nothing
            raise Broken
        return read

    def _chunked_body(self) -> bytes:
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def reply(self, status: int, body: bytes | str = b"", kind: str = "text/plain", /, **headers: str) -> None:
        """`headers`: underscores in their names stand for hyphens."""
        data = body.encode() if isinstance(body, str) else body
        if status == 204:  # moto has one for S3's deletions; it would be taken for the beginning of the next answer
            data = b""
        if "lost" in self.effects:
            raise Broken
        self._head(status, len(data), kind, headers)
        if self.command != "HEAD":
            self._send(data)

    def _head(self, status: int, length: int, kind: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def _send(self, data: bytes) -> None:
        if "corrupt" in self.effects and data:
            data = data[:-1] + bytes([data[-1] ^ 1])
        if "truncate" in self.effects:
            self.wfile.write(data[: int(self.effects["truncate"])])
            self.wfile.flush()
            raise Broken
        if "slow" in self.effects:
            step = max(1, int(float(self.effects["slow"]) / 10))
            for start in range(0, len(data), step):
                self.wfile.write(data[start : start + step])
                time.sleep(0.1)
            return
        self.wfile.write(data)

    def reply_file(self, path: Path) -> None:
        """A file with what downloaders need: ranges, modification times, an entity tag."""
        try:
            handle = open(path, "rb")
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            self.reply(404, "not found\n")
            return
        with handle:
            status = os.fstat(handle.fileno())
            tag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
            common = {"Last_Modified": email.utils.formatdate(status.st_mtime, usegmt=True), "ETag": tag,
                      "Accept_Ranges": "bytes"}
            if self.headers.get("If-None-Match") == tag or \
                    self.headers.get("If-Modified-Since") == common["Last_Modified"]:
                self.reply(304, **common)
                return
            self._reply_part(handle, status.st_size, tag, common)

    def _reply_part(self, handle: Any, size: int, tag: str, common: dict[str, str]) -> None:
        first, last, code = 0, size - 1, 200
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        condition = self.headers.get("If-Range")
        if wanted and condition in (None, tag, common["Last_Modified"]):
            first, last, code = int(wanted[1]), min(size - 1, int(wanted[2] or size)), 206
            if first >= size:
                self.reply(416, Content_Range=f"bytes */{size}", **common)
                return
            common = common | {"Content_Range": f"bytes {first}-{last}/{size}"}
        handle.seek(first)
        if self.effects or last - first < CHUNK:
            self.reply(code, handle.read(last - first + 1), "application/octet-stream", **common)
            return
        self._head(code, last - first + 1, "application/octet-stream", common)
        if self.command != "HEAD":
            self._stream(handle, last - first + 1)

    def _stream(self, handle: Any, left: int) -> None:
        while left and (data := handle.read(min(CHUNK, left))):
            self.wfile.write(data)
            left -= len(data)


def set_ttl(connection: Any, hops: int) -> None:
    """Packets of this connection die after `hops` routers."""
    connection.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hops)
