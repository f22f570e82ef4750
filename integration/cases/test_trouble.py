"""What passes by itself is waited for; what does not is refused with a reason."""
from __future__ import annotations

import json
import os
import time
from typing import Any, Callable, Iterator

import pytest
from cases.node import Node, forget, kube_nodes, ready

from lab.cluster import WORKER, Cluster, journal, wait_converged
from lab.lab import Lab
from lab.machine import Machine, wait_for

JOIN = "/nodeboot/test/join"
# Seconds. What the issue calls minutes: by then a worker asks at the longest of its intervals, and it would go on like
# that until join.deadline (an hour). NODEBOOT_LATE=300 waits for five real ones.
LATE = float(os.environ.get("NODEBOOT_LATE", "45"))


def ssm(lab: Lab, action: str, **parameters: Any) -> dict[str, Any]:
    return lab.call("aws", service="ssm", target=f"AmazonSSM.{action}", parameters=parameters)  # type: ignore


@pytest.fixture
def secret(lab: Lab, machines: list[Machine], control_plane: Node) -> Iterator[dict[str, Any]]:
    """The published join secret. The control plane publishes no other meanwhile; whatever a case does to it, a good
    one afterwards."""
    control_plane.machine.must("systemctl stop nodeboot-rotate-token.timer nodeboot-rotate-token.service")
    yield published(lab)
    control_plane.machine.must("systemctl start nodeboot-rotate-token.timer nodeboot-rotate-token.service")


def published(lab: Lab) -> dict[str, Any]:
    return json.loads(ssm(lab, "GetParameter", Name=JOIN, WithDecryption=True)["Parameter"]["Value"])  # type: ignore


def publish(lab: Lab, document: dict[str, Any]) -> None:
    ssm(lab, "PutParameter", Name=JOIN, Value=json.dumps(document), Type="SecureString", Overwrite=True)


def asked(lab: Lab, node: Node) -> int:
    """How often the machine has asked for the secret."""
    return len(lab.requests_of(node.machine, action="GetParameter"))


def start(node: Node) -> None:
    node.machine.must("systemd-run --unit=try --service-type=exec nodeboot node up")


def finished(node: Node) -> bool:
    return node.machine.run("systemctl is-active --quiet try.service").code != 0


def test_a_secret_that_is_minutes_late_is_waited_for(lab: Lab, secret: dict[str, Any], prepared: Callable[..., Node],
                                                     control_plane: Node) -> None:
    ssm(lab, "DeleteParameter", Name=JOIN)
    node = prepared()
    start(node)
    wait_for("the worker to ask", lambda: asked(lab, node), 120)
    time.sleep(LATE)
    assert not finished(node), "it gave up"
    publish(lab, secret)
    wait_for("the node to be Ready", lambda: ready(control_plane.machine, node.machine.node_name), 120, 1)
    assert asked(lab, node) <= 60, "more than once a second"


def test_throttling_and_errors_of_ssm_are_outlasted(lab: Lab, secret: dict[str, Any],
                                                    prepared: Callable[..., Node]) -> None:
    node = prepared()
    with lab.fault("aws", "error", "ThrottlingException", count=3, action="GetParameter"), \
            lab.fault("aws", "status", 503, count=2, action="GetParameter"), \
            lab.fault("aws", "lost", count=1, action="GetParameter"):
        node.up()
    node.converged()


def test_metadata_that_is_10_seconds_late_is_waited_for(lab: Lab, cluster: Cluster, control_plane: Node) -> None:
    with lab.fault("imds", "refuse", seconds=10):
        machine = cluster.launch("late-imds", WORKER)
        try:
            wait_converged(machine)
            assert ready(control_plane.machine, machine.node_name)
        finally:
            forget(control_plane.machine, machine)


def test_metadata_that_goes_away_for_10_seconds_is_waited_for(lab: Lab, secret: dict[str, Any],
                                                              prepared: Callable[..., Node]) -> None:
    """By then cloud-init is through: this one is nodeboot's own waiting."""
    node = prepared()
    began = time.monotonic()
    with lab.fault("imds", "refuse", seconds=10):
        node.up()
    assert time.monotonic() - began > 10
    node.converged()


def test_credentials_that_are_not_there_yet_are_waited_for(lab: Lab, secret: dict[str, Any],
                                                           prepared: Callable[..., Node]) -> None:
    node = prepared()
    with lab.fault("imds", "status", 404, seconds=8, path="security-credentials"):
        node.up()
    node.converged()


def test_an_expired_token_is_waited_out_until_it_is_rotated(lab: Lab, secret: dict[str, Any],
                                                            prepared: Callable[..., Node], control_plane: Node) -> None:
    publish(lab, secret | {"expires": "2020-01-01T00:00:00Z"})
    node = prepared()
    start(node)
    wait_for("the worker to ask", lambda: asked(lab, node), 120)
    time.sleep(5)
    assert node.machine.node_name not in kube_nodes(control_plane.machine)
    control_plane.machine.must("nodeboot node rotate-token")
    wait_for("the node to be Ready", lambda: ready(control_plane.machine, node.machine.node_name), 120, 1)


def test_a_wrong_ca_hash_is_refused(lab: Lab, secret: dict[str, Any], prepared: Callable[..., Node],
                                    control_plane: Node) -> None:
    publish(lab, secret | {"ca_cert_hashes": ["sha256:" + "0" * 64]})
    node = prepared(config={"join": {"deadline": "1m"}})
    said = node.nodeboot("node", "up")
    assert said.code == 1
    assert f"the join secret pins sha256:{'0' * 64}" in said.err, said.err
    assert node.machine.node_name not in kube_nodes(control_plane.machine)
    assert not node.machine.exists("/etc/kubernetes/kubelet.conf")


def test_a_worker_that_joins_long_after(lab: Lab, secret: dict[str, Any], prepared: Callable[..., Node],
                                        control_plane: Node) -> None:
    """The token of the first day is gone from the cluster, and what SSM holds has expired with it. What the timer
    starts puts both right, so that the worker of an Auto Scaling group joins next month."""
    first = str(secret["token"]).partition(".")[0]
    control_plane.machine.must(f"kubeadm token delete {first}")
    publish(lab, secret | {"expires": "2020-01-01T00:00:00Z"})
    control_plane.machine.must("systemctl start nodeboot-rotate-token.service")
    later = published(lab)
    assert later["expires"] >= secret["expires"] and later["token"] != secret["token"]
    node = prepared()
    node.up()
    node.converged()
    assert ready(control_plane.machine, node.machine.node_name)


def test_the_timer_that_does_so_runs_before_half_of_the_tokens_life_is_over(control_plane: Node) -> None:
    said = control_plane.machine.must("systemctl show nodeboot-rotate-token.timer -P TimersMonotonic; nodeboot config "
                                      "show | grep token_ttl")
    assert "OnUnitActiveUSec=15min" in said and '"1h"' in said, said


def test_dpkg_lock_held_by_another_is_waited_for(fresh: Callable[..., Node]) -> None:
    node = fresh()
    hold = ("import fcntl, time; f = open('/var/lib/dpkg/lock-frontend', 'w'); fcntl.lockf(f, fcntl.LOCK_EX); "
            "time.sleep(600)")
    node.machine.must(["systemd-run", "--unit=holder", "python3", "-c", hold])
    start(node)
    wait_for("apt to wait", lambda: node.machine.run("pgrep -f 'apt-get.*containerd'").ok, 120)
    time.sleep(10)
    assert node.machine.run("pgrep -f 'apt-get.*containerd'").ok and not finished(node), journal(node.machine, "try")
    assert not node.machine.exists("/usr/bin/containerd")
    node.machine.must("systemctl stop holder")
    wait_for("nodeboot to end", lambda: finished(node), 300, 0.5)
    node.converged()


def test_a_half_configured_dpkg_is_repaired(fresh: Callable[..., Node]) -> None:
    node = fresh()
    node.machine.must("apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q runc && "
                      "sed -i '/^Package: runc$/,/^$/s/^Status: .*/Status: install ok half-configured/' "
                      "/var/lib/dpkg/status")
    node.up()
    node.converged()


@pytest.mark.parametrize("target, path", [("packages", r"\.deb$"), ("images", "blobs")])
def test_a_truncated_download_is_repeated(lab: Lab, fresh: Callable[..., Node], target: str, path: str) -> None:
    node = fresh()
    with lab.fault(target, "truncate", 100, count=2, path=path):
        node.up()
    node.converged()


def test_a_truncated_binary_is_fetched_again(lab: Lab, cluster: Cluster, control_plane: Node) -> None:
    with lab.fault("files", "truncate", 1000, count=2, path="nodeboot$"):
        machine = cluster.launch("truncated", WORKER)
        try:
            wait_converged(machine)
        finally:
            forget(control_plane.machine, machine)


def test_a_binary_with_another_sha256_is_refused(lab: Lab, cluster: Cluster, control_plane: Node) -> None:
    with lab.fault("files", "corrupt", path="nodeboot$"):
        machine = cluster.launch("corrupt", WORKER)
        try:
            wait_for("the refusal", lambda: "sha256-mismatch" in machine.console(), 60)
            assert not machine.exists("/usr/local/bin/nodeboot")
        finally:
            machine.terminate()


def test_the_error_of_a_failed_boot_is_on_the_console(lab: Lab, cluster: Cluster) -> None:
    """A node that never joined can be explained from outside."""
    with lab.fault("packages", "status", 404, path="core:"):
        machine = cluster.launch("hopeless", WORKER)
        try:
            wait_for("a failure record", lambda: any(
                line.startswith("nodeboot: ") and "fail" in line for line in machine.console().splitlines()), 300)
            assert "pkgs.k8s.io" in machine.console() or "kubernetes" in journal(machine)
        finally:
            machine.terminate()
