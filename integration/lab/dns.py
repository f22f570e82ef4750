"""Two name servers: the VPC's, which also knows the instances' own names, and the public one, which does not.

That is the difference the DNS phase is about, so the lab must have it: a node that replaced the VPC's resolver by
8.8.8.8 can no longer find ip-10-0-0-10.eu-central-1.compute.internal.
"""
from __future__ import annotations

import ipaddress
import socketserver
import struct
import threading
from typing import Callable

A, PTR, AAAA, ANY = 1, 12, 28, 255
NXDOMAIN = 3


def _read_name(packet: bytes, offset: int) -> tuple[str, int]:
    labels = []
    while length := packet[offset]:
        labels.append(packet[offset + 1 : offset + 1 + length].decode("ascii", "replace"))
        offset += 1 + length
    return ".".join(labels).lower(), offset + 1


def _write_name(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def answer(packet: bytes, lookup: Callable[[str], str | None]) -> bytes:
    """`lookup` gives an address for a name, a name for a reverse name, or None."""
    ident, flags = struct.unpack("!HH", packet[:4])
    name, end = _read_name(packet, 12)
    kind = struct.unpack("!H", packet[end : end + 2])[0]
    found = lookup(name)
    record = b""
    if found is not None and kind in (A, ANY) and not name.endswith(".in-addr.arpa"):
        record = struct.pack("!HHHIH", 0xC00C, A, 1, 30, 4) + ipaddress.IPv4Address(found).packed
    elif found is not None and kind == PTR:
        data = _write_name(found)
        record = struct.pack("!HHHIH", 0xC00C, PTR, 1, 30, len(data)) + data
    code = 0 if found is not None else NXDOMAIN
    header = struct.pack("!HHHHHH", ident, 0x8180 | (flags & 0x0100) | code, 1, 1 if record else 0, 0, 0)
    return header + packet[12 : end + 4] + record


class _Udp(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        packet, connection = self.request
        connection.sendto(answer(packet, self.server.lookup), self.client_address)  # type: ignore[attr-defined]


class _Tcp(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while size := self.rfile.read(2):
            reply = answer(self.rfile.read(struct.unpack("!H", size)[0]), self.server.lookup)  # type: ignore
            self.wfile.write(struct.pack("!H", len(reply)) + reply)


class _UdpServer(socketserver.ThreadingUDPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a malformed question gets no answer


class _TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


def serve(address: str, lookup: Callable[[str], str | None]) -> None:
    for kind, handler in ((_UdpServer, _Udp), (_TcpServer, _Tcp)):
        server = kind((address, 53), handler)
        server.lookup = lookup  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True, name=f"dns {address}").start()
