"""The whole path: from an empty account, through instances that boot, to Ready nodes, and back to nothing."""
from __future__ import annotations

import subprocess
import threading
from pathlib import Path
from typing import Iterator

import pytest
from cases.node import Node, ready
from cases.operator import NOTHING, Operator

from lab.cluster import Cluster, Spec, find_binary
from lab.command import Result
from lab.demo import machines_of
from lab.lab import Lab
from lab.machine import wait_for

DEADLINE = 900.0  # seconds for one command


class Outside(Operator):
    """An operator on the Internet, who knows no endpoint but AWS's own."""
    lab: Lab

    def run(self, *words: str, timeout: float = DEADLINE, **environment: str) -> Result:
        return self.lab.as_operator(*self.argv(*words), timeout=timeout, **environment)

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self.lab.operator_argv(self.argv(*words)), stdin=subprocess.DEVNULL,
                                env=self.lab.operator_environment(), stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)


@pytest.fixture(scope="module")
def operator(request: pytest.FixtureRequest, lab: Lab, bundle: Path,
             tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    spec = Spec(bundle=bundle, source=request.config.getoption("--source"))
    one = Outside(lab.cloud, tmp_path_factory.mktemp("operator"), settings={
        "kubernetes": Cluster(lab, spec).kubernetes(), "binary": {"file": str(find_binary())},
        "instances": {"workers": 1, "image": "debian-13"}})
    one.lab = lab
    yield one
    one.run("down", "--yes")  # after a failure: a lab that is kept is for a look at its machines, not for more of them


def all_ready(lab: Lab, count: int) -> None:
    booted = machines_of(lab)
    assert len(booted) == count
    assert [one.node_name for one in booted if not ready(booted[0], one.node_name)] == []


def test_an_empty_account_becomes_a_cluster(lab: Lab, operator: Outside) -> None:
    assert lab.cloud.call("inventory") == {}
    assert operator.run("status").code != NOTHING
    operator.up()
    all_ready(lab, 2)
    status = operator.run("status")
    assert status.code == NOTHING, status.out + status.err


def test_up_again_touches_neither_the_account_nor_the_nodes(lab: Lab, operator: Outside) -> None:
    before, account = [Node(one).footprint() for one in machines_of(lab)], lab.cloud.call("inventory")
    assert operator.changes() == []
    operator.up()
    assert [was.against(Node(one).footprint()) for was, one in zip(before, machines_of(lab))] == [[], []]
    assert lab.cloud.call("inventory") == account


def test_a_node_that_cannot_join_is_explained_while_it_is_waited_for(lab: Lab, operator: Outside) -> None:
    """By its console alone: nobody can log in to it, and it has no permission to tell anybody."""
    operator.settings["instances"]["workers"] = 2
    said: list[str] = []
    with lab.fault("packages", "status", 404, path="core:"):
        up = operator.start("up")
        assert up.stdout is not None
        reader = threading.Thread(target=lambda: said.extend(line.decode() for line in up.stdout or ()))
        reader.start()
        try:
            wait_for("the reason", lambda: any("failed, tries again" in line for line in said), 300)
        except BaseException:
            up.kill()
            raise
    assert up.wait(DEADLINE) == 0, "".join(said)
    reader.join()
    reason = next(line for line in said if "failed, tries again" in line)
    assert "worker-2" in reason and "pkgs.k8s.io" in "".join(said), "".join(said)
    all_ready(lab, 3)


def test_an_instance_terminated_by_hand_is_made_again_and_joins(lab: Lab, operator: Outside) -> None:
    gone = next(one for one in machines_of(lab) if one.instance.tags["nodeboot.io/name"] == "worker-1")
    lab.as_operator("/usr/bin/python3", "-c", "import boto3; boto3.client('ec2').terminate_instances("
                    f"InstanceIds=['{gone.instance.id}'])", check=True)
    wait_for("the instance to go", lambda: gone.instance.id not in [one.instance.id for one in lab.machines()], 60)
    operator.up()
    all_ready(lab, 3)


def test_down_leaves_nothing(lab: Lab, operator: Outside) -> None:
    operator.down()
    assert lab.cloud.call("inventory") == {}
    wait_for("the machines to go", lambda: lab.machines() == [], 60)  # EC2's word for it comes before their last moment
