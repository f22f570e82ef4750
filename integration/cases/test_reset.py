"""`node reset` leaves a machine as nodeboot found it, and `node up` makes a member of it again."""
from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from cases.node import KUBECTL, Node, ready

from lab.cluster import Cluster
from lab.machine import wait_for

INVENTORY = Path(__file__).with_name("inventory.py")
# What a person may have put there before nodeboot came, where nodeboot wants something else.
MINE = {"/etc/sysctl.d/10-mine.conf": "net.ipv4.ip_forward = 0\nnet.ipv4.conf.all.rp_filter = 2\n",
        "/etc/sysctl.d/99-zz-mine.conf": "# overrides\nnet.ipv4.ip_forward=0\n",
        "/etc/modules-load.d/mine.conf": "loop\n",
        "/etc/crictl.yaml": "timeout: 7\n"}
SWAP = "/swap.img none swap sw 0 0"
PROGRAMS = "kubelet|kube-apiserver|kube-controller|kube-scheduler|kube-proxy|etcd|flanneld|coredns"


@dataclass
class Inventory:
    everything: dict[str, str]
    sysctls: dict[str, str]

    @staticmethod
    def of(node: Node) -> "Inventory":
        said = json.loads(node.machine.run(["python3", "-B", "-"], stdin=INVENTORY.read_text(), check=True).out)
        return Inventory(said["all"], said["sysctls"])

    def against(self, later: "Inventory") -> list[str]:
        return differences(self.everything, later.everything)


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return [f"{name}: {before.get(name, 'absent')} -> {after.get(name, 'absent')}"
            for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]


def with_mine(node: Node) -> Inventory:
    node.machine.must("rm /etc/systemd/system/nodeboot.service")  # user-data brings it, a reset takes it away
    for path, text in MINE.items():
        node.machine.write(path, text)
    node.machine.must("mkdir -p /usr/lib/modules")  # kube-proxy's pod mounts it; a machine with a kernel has it
    node.machine.must(f"printf '%s' '{SWAP}' >> /etc/fstab")  # without a newline at the end
    node.machine.reboot()
    node.machine.wait_booted()
    return Inventory.of(node)


def with_packages(node: Node, cluster: Cluster) -> None:
    """Packages stay after a reset, so here they are there before: whatever else is left over is nodeboot's."""
    packages = "containerd runc"  # the distribution's, also where a bundle brings Kubernetes
    if cluster.spec.source == "repository":
        minor = "v" + str(cluster.kubernetes()["version"]).rpartition(".")[0]
        node.machine.write("/etc/apt/sources.list.d/kubernetes.list",
                           f"deb [trusted=yes] https://pkgs.k8s.io/core:/stable:/{minor}/deb/ /\n")
        packages += " kubelet kubeadm kubectl"
    node.machine.must("apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y "
                      f"--no-install-recommends {packages} && rm -f /etc/apt/sources.list.d/kubernetes.list", timeout=300)


def left_over(before: Inventory, after: Inventory) -> list[str]:
    """But for what `kubeadm reset` and containerd do in folders of their own."""
    return [line for line in before.against(after)
            if "/.kubelet-keep:" not in line and not line.startswith("file /opt/containerd")]


def is_reset_to(before: Inventory, node: Node) -> None:
    """Resets the machine; it is as it was then, also after a reboot, and there is nothing left to undo."""
    said = node.nodeboot("node", "reset", "--yes")
    assert said.ok, said.out + said.err
    assert not (left := left_over(before, Inventory.of(node))), "\n".join(left)
    assert node.machine.must("sysctl -n net.ipv4.ip_forward").strip() == "0"
    assert not node.machine.run(["pgrep", "-x", PROGRAMS]).ok
    assert node.machine.must("grep -c /var/lib/kubelet /proc/mounts || true").strip() == "0"
    again = json.loads(node.nodeboot("node", "reset", "--yes", "--output", "json").out)
    assert again["changes"] == []
    node.machine.reboot()
    node.machine.wait_booted()
    after = Inventory.of(node)
    left = left_over(before, after) + differences(before.sysctls, after.sysctls)
    assert not left, "\n".join(left)


def test_a_worker_is_as_before_after_a_reset_and_joins_again(cluster: Cluster, fresh: Callable[..., Node],
                                                             control_plane: Node) -> None:
    node = fresh()
    with_packages(node, cluster)
    before = with_mine(node)
    node.up()
    assert before.against(Inventory.of(node)) != []
    is_reset_to(before, node)
    # Somebody has to: the machine has no right to.
    control_plane.machine.must([*KUBECTL, "delete", "node", node.machine.node_name])
    node.up()
    node.converged()
    wait_for("the node to be Ready", lambda: ready(control_plane.machine, node.machine.node_name), 60)


def test_a_member_leaves_and_joins_again_when_asked_to(prepared: Callable[..., Node], control_plane: Node) -> None:
    node = prepared()
    node.up()
    certificate = "readlink /var/lib/kubelet/pki/kubelet-client-current.pem; " \
                  "sha256sum < /var/lib/kubelet/pki/kubelet-client-current.pem"
    before = node.machine.must(certificate)
    said = node.nodeboot("node", "repair", "--rejoin", "--yes", "--output", "json")
    assert said.ok, said.err[-3000:] + said.out[-3000:]
    changed = {phase["name"] for phase in json.loads(said.out)["phases"] if phase["outcome"] == "changed"}
    assert {"repair", "join-secret", "kubeadm-join"} <= changed, changed
    assert node.machine.must(certificate) != before, "it kept its old certificate"
    assert ready(control_plane.machine, node.machine.node_name)
    node.converged()


def test_a_control_plane_is_as_before_after_a_reset_and_begins_anew(first_of_another_cluster: Node) -> None:
    node = first_of_another_cluster
    before = with_mine(node)
    node.up()
    first = node.machine.read("/etc/kubernetes/pki/ca.crt")
    is_reset_to(before, node)
    node.up()
    node.converged()
    assert node.machine.read("/etc/kubernetes/pki/ca.crt") != first
    wait_for("the node to be Ready", lambda: ready(node.machine, node.machine.node_name), 60)
