"""The lab's network: one network namespace with a bridge, which is the VPC, its router and everything beyond it.

Nothing in it touches the host's own interfaces, and there is no way out: what a machine reaches is what the lab
serves. Addresses follow EC2: the first address of a subnet routes, 169.254.169.254 is instance metadata, the VPC's
resolver is at base + 2.
"""
from __future__ import annotations

import ctypes
import ipaddress
import os
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, TypeVar

from .command import must, run

BRIDGE = "vpc"
IMDS = "169.254.169.254"
RESOLVERS = ("10.0.0.2", "169.254.169.253")
PUBLIC_RESOLVERS = ("8.8.8.8", "8.8.4.4")
INTERNET = "198.18.0.1"  # from the benchmarking range: stands for every public service but …
AWS = "198.18.0.2"
CLONE_NEWNET = 0x40000000
T = TypeVar("T")


@dataclass(frozen=True)
class Subnet:
    name: str
    cidr: str
    zone: str  # letter of the availability zone

    @property
    def network(self) -> ipaddress.IPv4Network:
        return ipaddress.IPv4Network(self.cidr)

    @property
    def router(self) -> str:
        return str(self.network[1])


# The reference architecture's table.
SUBNETS = (Subnet("public", "10.0.0.0/24", "a"), Subnet("private-1", "10.0.1.0/24", "a"),
           Subnet("private-2", "10.0.2.0/24", "b"), Subnet("private-3", "10.0.3.0/24", "c"))


class Network:
    def __init__(self, lab: str) -> None:
        self.name = f"nodeboot-{lab}"
        self.path = Path("/run/netns") / self.name

    def up(self) -> None:
        if self.path.exists():
            return
        must(["ip", "netns", "add", self.name])
        script = [f"link add {BRIDGE} type bridge", f"link set {BRIDGE} up", "link set lo up"]
        for address in (IMDS, *RESOLVERS, *PUBLIC_RESOLVERS, INTERNET, AWS):
            script.append(f"addr add {address}/32 dev {BRIDGE}")
        must(["ip", "-n", self.name, "-batch", "-"], stdin="\n".join(script) + "\n")
        for subnet in SUBNETS:
            self.ensure_subnet(subnet)
        self.inside(_write_sysctls)

    def ensure_subnet(self, subnet: Subnet) -> None:
        """A router address on the bridge for a subnet, at most once."""
        run(["ip", "-n", self.name, "addr", "add", f"{subnet.router}/{subnet.network.prefixlen}", "dev", BRIDGE])

    def map_public(self, public: str, private: str) -> None:
        """What is sent to a public address reaches the machine at the private one, as an internet gateway does it."""
        # The lab's own programs have no default route, and a packet is routed before it is translated.
        must(["ip", "-n", self.name, "route", "replace", f"{public}/32", "dev", BRIDGE])
        for chain in ("PREROUTING", "OUTPUT"):
            must([*self.enter(), "iptables", "-w", "-t", "nat", "-A", chain, "-d", public, "-j", "DNAT",
                  "--to-destination", private])

    def unmap_public(self, public: str, private: str) -> None:
        run(["ip", "-n", self.name, "route", "delete", f"{public}/32", "dev", BRIDGE])
        for chain in ("PREROUTING", "OUTPUT"):
            run([*self.enter(), "iptables", "-w", "-t", "nat", "-D", chain, "-d", public, "-j", "DNAT",
                 "--to-destination", private])

    def down(self) -> None:
        if self.path.exists():
            must(["ip", "netns", "delete", self.name])

    def enter(self) -> list[str]:
        """Words in front of a command that put it into the lab's network and nothing else: `ip netns exec` would
        hide the cgroup mounts."""
        return ["nsenter", f"--net={self.path}"]

    def inside(self, call: Callable[[], T]) -> T:
        """Runs `call` in a thread that is in the lab's network; sockets it makes stay there."""
        box: list[object] = []

        def body() -> None:
            try:
                with open(self.path) as handle:
                    if ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), CLONE_NEWNET) != 0:
                        raise OSError(ctypes.get_errno(), f"cannot enter {self.path}")
                box.extend((True, call()))
            except BaseException as error:  # handed to the caller's thread
                box.extend((False, error))

        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        if not box[0]:
            raise box[1]  # type: ignore[misc]
        return box[1]  # type: ignore[return-value]

    def connect(self, host: str, port: int, timeout: float = 60) -> socket.socket:
        return self.inside(lambda: socket.create_connection((host, port), timeout))


def _write_sysctls() -> None:
    """The bridge forwards between subnets as the VPC's router does, and does not filter what it bridges."""
    for name, value in (("net/ipv4/ip_forward", "1"), ("net/ipv4/conf/all/rp_filter", "0"),
                        ("net/ipv4/conf/all/send_redirects", "0"), (f"net/ipv4/conf/{BRIDGE}/send_redirects", "0"),
                        ("net/bridge/bridge-nf-call-iptables", "0"), ("net/bridge/bridge-nf-call-ip6tables", "0")):
        path = Path("/proc/sys") / name
        if path.exists() and os.access(path, os.W_OK):
            path.write_text(value)
