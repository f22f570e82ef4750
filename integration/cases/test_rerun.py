"""A converged node stays untouched, however often nodeboot runs."""
from __future__ import annotations

from datetime import datetime, timedelta, timezone

from cases.node import NOTHING, Node, ready

from lab.machine import wait_for


def test_plan_finds_nothing_to_change(node: Node) -> None:
    node.converged()


def test_a_second_up_changes_and_restarts_nothing(node: Node) -> None:
    before = node.footprint()
    run = node.up()
    assert run.changes == [], str(run)
    assert before.against(node.footprint()) == []


def test_plan_writes_nothing_and_starts_nothing(node: Node) -> None:
    before = node.footprint()
    runs = node.machine.must("ls /var/lib/nodeboot/runs")
    node.plan()
    assert before.against(node.footprint()) == []
    assert node.machine.must("ls /var/lib/nodeboot/runs") == runs


def test_the_service_may_run_again(node: Node) -> None:
    before = node.footprint()
    node.machine.must(["systemctl", "restart", "nodeboot.service"], timeout=300)
    assert before.against(node.footprint()) == []


def test_status_says_that_all_is_well(node: Node) -> None:
    said = node.nodeboot("node", "status")
    assert said.code == NOTHING, said.out + said.err


def test_status_names_the_certificates_and_when_they_end(node: Node) -> None:
    ends = {str(one["name"]): datetime.fromisoformat(one["not_after"].replace("Z", "+00:00"))
            for one in node.status()["certificates"]}
    expected = {"cluster CA", "kubelet client"}
    if node.machine.exists("/etc/kubernetes/manifests/etcd.yaml"):
        expected |= {"API server", "API server to etcd", "etcd CA", "etcd server", "etcd health check", "front proxy CA",
                     "front proxy client", "admin.conf", "controller manager", "scheduler"}
    assert expected - set(ends) == set()
    soon = [name for name, end in ends.items() if end - datetime.now(timezone.utc) < timedelta(days=300)]
    assert soon == []


def test_two_at_once_do_not_hurt_each_other(node: Node) -> None:
    before = node.footprint()
    said = node.machine.must("nodeboot node up >/tmp/a 2>&1 & nodeboot node up >/tmp/b 2>&1; b=$?; wait $!; "
                             "echo $? $b; rm -f /tmp/a /tmp/b")
    codes = {int(word) for word in said.split()}
    assert 0 in codes and codes <= {0, 1}
    assert before.against(node.footprint()) == []


def test_a_reboot_comes_back_ready_by_itself(node: Node, control_plane: Node) -> None:
    node.machine.reboot()
    node.machine.wait_booted(300)
    wait_for(f"{node.machine.name} to be Ready", lambda: ready(control_plane.machine, node.machine.node_name), 120)
    node.converged()
