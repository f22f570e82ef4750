"""A node installed from what `nodeboot bundle create` made, and what is refused instead."""
from __future__ import annotations

from pathlib import Path
from typing import Callable

from cases.node import ARCHIVE, ERROR, FROM_ARCHIVE, Node, bring, ready


def test_a_worker_is_installed_from_a_bundle_alone(archive: Path, fresh: Callable[..., Node],
                                                   control_plane: Node) -> None:
    node = fresh(config=FROM_ARCHIVE)
    bring(archive, node)
    node.machine.must("rm /etc/apt/sources.list.d/*")  # a site without a mirror
    node.up()
    node.converged()
    assert ready(control_plane.machine, node.machine.node_name)
    assert not node.machine.run("dpkg -s containerd || dpkg -s kubelet").ok
    running = node.machine.must("readlink /proc/$(systemctl show -P MainPID containerd)/exe").strip()
    assert running == "/usr/local/bin/containerd"


def test_a_bundle_that_is_cut_short_or_changed_is_refused_before_anything_of_it_is_used(
        archive: Path, fresh: Callable[..., Node]) -> None:
    node = fresh(config=FROM_ARCHIVE)
    content = archive.read_bytes()
    half = archive.with_name("half.tar.gz")
    half.write_bytes(content[: len(content) // 2])
    bring(half, node)
    refused(node, ARCHIVE)
    # The archive is whole, one file in it is not what the manifest says.
    bring(archive, node)
    node.machine.must(f"mkdir /tmp/b && tar -C /tmp/b -xf {ARCHIVE} && printf x >> /tmp/b/bin/kubelet && "
                      f"tar -C /tmp/b -I 'gzip -1' -cf {ARCHIVE} .")
    refused(node, "bin/kubelet")
    # A good one in its place is all that it takes.
    bring(archive, node)
    node.up()
    node.converged()


def refused(node: Node, named: str) -> None:
    said = node.nodeboot("node", "up")
    assert said.code == ERROR
    assert named in said.out + said.err, said.out + said.err
    for path in ("/usr/bin/kubelet", "/usr/local/bin/containerd", "/opt/cni/bin", "/etc/kubernetes/kubelet.conf"):
        assert not node.machine.exists(path), f"{path} was installed"
