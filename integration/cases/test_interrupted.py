"""Stopped at any instant, the next run converges to the same machine. test_killed.py does it phase by phase."""
from __future__ import annotations

import random
import time
from typing import Callable

from cases.node import Node, forget, ready

from lab.cluster import WORKER, Cluster
from lab.machine import wait_for

SEED = 20261


def test_killed_at_random_moments_then_run_again(fresh: Callable[..., Node], control_plane: Node) -> None:
    node, chance = fresh(), random.Random(SEED)
    for _ in range(12):
        node.machine.run(f"timeout --signal=KILL {chance.uniform(0.02, 2.5):.2f} nodeboot node up >/dev/null 2>&1")
    node.up()
    node.converged()
    assert ready(control_plane.machine, node.machine.node_name)


def test_power_lost_in_the_middle_of_a_first_boot(cluster: Cluster, control_plane: Node) -> None:
    """Nobody types anything afterwards: the unit has to see to it at the next boot."""
    machine = cluster.launch("power", WORKER)
    try:
        wait_for("nodeboot to install packages", lambda: machine.run("pgrep -x 'dpkg|apt-get'").ok, 60, 0.05)
        machine.cut_power()
        time.sleep(0.5)
        machine.boot()
        wait_for("the node to be Ready", lambda: ready(control_plane.machine, machine.node_name), 180, 1)
        wait_for("nodeboot to end", lambda: machine.must(
            "systemctl show -P ActiveState nodeboot.service").strip() == "active", 120, 1)
        Node(machine).converged()
    finally:
        forget(control_plane.machine, machine)


def test_two_first_runs_at_once(fresh: Callable[..., Node]) -> None:
    node = fresh()
    node.machine.must("nodeboot node up >/tmp/a 2>&1 & nodeboot node up >/tmp/b 2>&1; wait", timeout=300)
    node.up()
    node.converged()


def test_a_full_disk_is_named_and_leaves_nothing_half_done(fresh: Callable[..., Node]) -> None:
    node = fresh(disk_gib=12)
    free = int(node.machine.must("df --output=avail -k / | tail -1"))
    node.machine.must(f"fallocate -l {free - 30_000}K /filler")  # some 30 MB left: less than the packages need
    said = node.nodeboot("node", "up", "--set", "host.min_disk_gib=0")
    assert said.code == 1
    assert "space" in (said.out + said.err).lower(), said.out + said.err
    node.machine.must("rm /filler")
    node.up()
    node.converged()
