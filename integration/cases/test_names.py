"""Pods find what only the VPC's resolver knows; a machine of the lab is such a name, and the public server has none."""
from __future__ import annotations

from cases.node import Node

POD_FILE = "/etc/kubernetes/nodeboot-resolv.conf"
# Asks one server for an A record and prints the answer's code: 0 there is one, 3 no such name.
ASK = """
import socket, struct, sys
server, name = sys.argv[1:]
labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.settimeout(5)
asking.sendto(struct.pack("!HHHHHH", 1, 0x100, 1, 0, 0, 0) + labels + b"\\0" + struct.pack("!HH", 1, 1), (server, 53))
print(asking.recv(512)[3] & 15)
"""


def answer_code(node: Node, server: str, name: str) -> int:
    return int(node.machine.must(["python3", "-c", ASK, server, name]))


def test_every_server_of_pods_knows_the_private_names(node: Node, control_plane: Node) -> None:
    flags = node.machine.read("/var/lib/kubelet/kubeadm-flags.env")
    assert f"--resolv-conf={POD_FILE}" in flags, flags
    lines = [line.split() for line in node.machine.read(POD_FILE).splitlines()]
    servers = [words[1] for words in lines if words[:1] == ["nameserver"]]
    instance = control_plane.machine.instance
    private = f"{instance.hostname}.{instance.domain}"
    assert servers
    assert [answer_code(node, server, private) for server in servers] == [0] * len(servers)
    assert answer_code(node, "8.8.8.8", private) == 3, "the lab's public server knows everything: this proves nothing"
