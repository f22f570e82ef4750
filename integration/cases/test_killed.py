"""SIGKILL in the middle of each phase, at steps of a first run; the next run goes on from there.

NODEBOOT_KILLS=all kills at every step, half an hour's work; else one step in five, and at least one in each phase.
"""
from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from cases.node import KUBECTL, Node, ready

from lab.cluster import WORKER, Cluster
from lab.command import LabError
from lab.machine import wait_for
from lab.pki import Authority

KILLER = Path(__file__).with_name("killer.py")
KILLER_AT = Path(__file__).with_name("killer_at.py")
# What kubeadm makes, in its order: kubeadm is killed at the sight of each.
MADE_BY_INIT = ("/etc/kubernetes/pki/ca.key", "/etc/kubernetes/pki/apiserver.crt", "/etc/kubernetes/pki/sa.key",
                "/etc/kubernetes/admin.conf", "/etc/kubernetes/scheduler.conf", "/var/lib/kubelet/config.yaml",
                "/etc/kubernetes/manifests/kube-apiserver.yaml", "/etc/kubernetes/manifests/etcd.yaml",
                "/var/lib/etcd/member", "namespace/kube-system", "-n kube-system configmap/kubeadm-config",
                "-n kube-public configmap/cluster-info", "-n kube-system deployment/coredns",
                "-n kube-system configmap/kube-proxy", "-n kube-system daemonset/kube-proxy")
BOOTSTRAP = "/etc/kubernetes/bootstrap-kubelet.conf"  # goes again when a join has ended
MADE_BY_JOIN = (BOOTSTRAP, "/etc/kubernetes/pki/ca.crt", "/var/lib/kubelet/config.yaml",
                "/var/lib/kubelet/kubeadm-flags.env", "/etc/kubernetes/kubelet.conf",
                "/var/lib/kubelet/pki/kubelet-client-current.pem")
DELAYS = ("0", "0.3")  # seconds after a step began
PICK = "1" if os.environ.get("NODEBOOT_KILLS") == "all" else "5"
# Phases that change nothing on a machine of the lab: preflight and cluster-dns only look and wait, the lab leaves the
# host's clock alone, and roles are for nodes that are there when the control plane runs.
LOOKING = {"preflight", "cluster-dns", "time-sync", "node-roles"}
SWAP = "/swap.img none swap sw 0 0"


@dataclass
class Kills:
    at: list[dict[str, str]]
    code: int  # of the run that was left alone

    @property
    def phases(self) -> set[str]:
        return {kill["phase"] for kill in self.at}

    def __str__(self) -> str:
        return "\n".join(f"{kill['delay']}: {kill['line']}" for kill in self.at)


def kill_at_every_step(node: Node) -> Kills:
    node.machine.write("/tmp/killer.py", KILLER.read_text())
    said = json.loads(node.machine.must(["python3", "/tmp/killer.py", PICK, *DELAYS], timeout=3600))
    return Kills(said["kills"], said["code"])


def in_the_middle_of_each_phase(node: Node, installed_from: str) -> None:
    node.machine.must(f"echo '{SWAP}' >> /etc/fstab")
    kills = kill_at_every_step(node)
    errors = node.machine.run("tail -c 3000 /tmp/killer.err").out
    assert kills.code == 0, f"the run after the last kill ended with {kills.code}: {errors}\n{kills}"
    unused = {"bundle"} if installed_from == "repository" else set()
    missed = set(node.phases()) - LOOKING - unused - kills.phases
    assert not missed, f"never killed in {missed}:\n{kills}"
    node.converged()
    assert node.machine.must("grep -c '^/swap.img' /etc/fstab || true").strip() == "0"
    assert node.machine.must("find / -xdev -name '.*.nodeboot-*'") == "", "half-written files are left"
    assert node.machine.must("systemctl --failed --plain --no-legend") == ""


def test_a_worker_killed_in_the_middle_of_each_phase_joins(fresh: Callable[..., Node], control_plane: Node,
                                                           cluster: Cluster) -> None:
    node = fresh(WORKER)
    in_the_middle_of_each_phase(node, cluster.spec.source)
    wait_for("the node to be Ready", lambda: ready(control_plane.machine, node.machine.node_name), 60)


def test_a_control_plane_killed_in_the_middle_of_each_phase_comes_up(first_of_another_cluster: Node) -> None:
    node = first_of_another_cluster
    in_the_middle_of_each_phase(node, "bundle")
    assert ready(node.machine, node.machine.node_name)


def at_the_sight_of(marks: tuple[str, ...], node: Node) -> set[str]:
    """Kills there, lets the next run go on; returns where it was killed."""
    node.machine.write("/tmp/killer_at.py", KILLER_AT.read_text())
    said = json.loads(node.machine.must(["python3", "/tmp/killer_at.py", *marks], timeout=3600))
    try:
        node.up()
    except LabError as error:
        raise LabError(f"after {said}: {error}") from None
    node.converged()
    again = json.loads(node.machine.must(["python3", "/tmp/killer_at.py", *marks]))
    assert not again["killed"] and set(again["never"]) <= {BOOTSTRAP}, f"not all of it is there in the end: {again}"
    return set(said["killed"])


def test_a_join_killed_at_the_sight_of_each_thing_it_makes(prepared: Callable[..., Node], control_plane: Node) -> None:
    node = prepared()
    killed = at_the_sight_of(MADE_BY_JOIN, node)
    assert len(killed) >= 3, killed  # some come in the same instant as others
    wait_for("the node to be Ready", lambda: ready(control_plane.machine, node.machine.node_name), 60)


def test_an_init_killed_at_the_sight_of_each_thing_it_makes(first_of_another_cluster: Node) -> None:
    node = first_of_another_cluster
    killed = at_the_sight_of(MADE_BY_INIT, node)
    assert len(killed) >= 6, killed  # the stand-in makes several between two looks; the real one is killed at more
    assert ready(node.machine, node.machine.node_name)


def test_an_own_ca_is_used_also_by_an_init_that_was_killed(first_of_another_cluster: Node, tmp_path: Path) -> None:
    """kubeadm's documented way: the pair lies in pki/ before the first run, and may be the only copy."""
    node = first_of_another_cluster
    ca = Authority(tmp_path / "ca")
    ca.create(["unused.example"])
    own = {"ca.crt": ca.ca.read_text(), "ca.key": (ca.folder / "ca.key").read_text()}
    for name, text in own.items():
        node.machine.write(f"/etc/kubernetes/pki/{name}", text, 0o600)
    killed = at_the_sight_of(("/etc/kubernetes/pki/apiserver.crt", "/etc/kubernetes/admin.conf"), node)
    assert killed, "never killed in the middle of init"
    for name, text in own.items():
        assert node.machine.must(["cat", f"/etc/kubernetes/pki/{name}"]) == text, f"{name} is not ours any more"
    assert ready(node.machine, node.machine.node_name)


def test_a_control_plane_that_lacks_something_is_left_as_it_is(first_of_another_cluster: Node) -> None:
    """A deleted addon is somebody's choice; a file that was moved away is named, and nothing is done about it."""
    node, machine = first_of_another_cluster, first_of_another_cluster.machine
    node.up()
    machine.must([*KUBECTL, "-n", "kube-system", "delete", "configmap", "kube-proxy"])
    node.converged()
    conf = "/etc/kubernetes/scheduler.conf"
    machine.must(f"mv {conf} /root/")
    before = machine.must("find /etc/kubernetes /var/lib/etcd/member/wal -type f | sort")
    said = node.nodeboot("node", "up")
    assert said.code == 1 and conf in said.out + said.err, said.out + said.err
    assert machine.must("find /etc/kubernetes /var/lib/etcd/member/wal -type f | sort") == before
    machine.must(f"mv /root/scheduler.conf {conf}")
    node.up()
    node.converged()
