"""The VPC's DHCP server (RFC 2131, 2132): every instance gets the one address that EC2 would have given it.

cloud-init's EC2 datasource asks for a lease before anything else, and the link's own name server comes from here, so
static configuration would leave out half of what happens at boot.
"""
from __future__ import annotations

import ipaddress
import socket
import struct
import threading
from typing import Callable

from .instance import Instance
from .network import BRIDGE, RESOLVERS

DISCOVER, OFFER, REQUEST, ACK = 1, 2, 3, 5
MAGIC = b"\x63\x82\x53\x63"
LEASE = 3600


def _options(packet: bytes) -> dict[int, bytes]:
    found, at = {}, 240
    while at < len(packet) and packet[at] != 255:
        if packet[at] == 0:
            at += 1
            continue
        length = packet[at + 1]
        found[packet[at]] = packet[at + 2 : at + 2 + length]
        at += 2 + length
    return found


def _option(code: int, data: bytes) -> bytes:
    return bytes([code, len(data)]) + data


def reply(packet: bytes, find: Callable[[str], Instance | None]) -> bytes | None:
    """The answer to a client's message; None for what a server has to ignore. `find` knows instances by MAC."""
    if len(packet) < 240 or packet[0] != 1 or packet[236:240] != MAGIC:
        return None
    kind = {DISCOVER: OFFER, REQUEST: ACK}.get(_options(packet).get(53, b"\0")[0])
    instance = find(":".join(f"{byte:02x}" for byte in packet[28:34]))
    if kind is None or instance is None:
        return None
    address, router = (ipaddress.IPv4Address(one).packed for one in (instance.address, instance.router))
    mask = ipaddress.IPv4Network(f"0.0.0.0/{instance.prefix}").netmask.packed
    head = struct.pack("!BBBB4sHH4s4s4s4s", 2, 1, 6, 0, packet[4:8], 0, 0x8000, b"\0" * 4, address, router, b"\0" * 4)
    options = [_option(53, bytes([kind])), _option(54, router), _option(51, struct.pack("!I", LEASE)),
               _option(1, mask), _option(3, router), _option(6, ipaddress.IPv4Address(RESOLVERS[0]).packed),
               _option(12, instance.hostname.encode()), _option(15, instance.domain.encode()), b"\xff"]
    return head + packet[28:44] + b"\0" * 192 + MAGIC + b"".join(options)


def serve(find: Callable[[str], Instance | None]) -> None:
    connection = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, BRIDGE.encode())
    connection.bind(("", 67))

    def loop() -> None:
        while True:
            packet, _ = connection.recvfrom(4096)
            if answer := reply(packet, find):
                connection.sendto(answer, ("255.255.255.255", 68))

    threading.Thread(target=loop, daemon=True, name="dhcp").start()
