"""One cluster a session, booted through cloud-init as on EC2, and fresh machines for what would spoil it.

A case leaves the cluster converged: the fixture checks it after each, so that a case which does not is the one that
fails.
"""
from __future__ import annotations

from pathlib import Path
from typing import Callable, Iterator

import pytest
from cases.node import Node, labelled

from lab import standin
from lab.cluster import CONTROL_PLANE, WORKER, Cluster, Spec, wait_converged
from lab.lab import Lab
from lab.machine import Machine, wait_for


@pytest.fixture(scope="session")
def bundle(request: pytest.FixtureRequest) -> Path:
    named = request.config.getoption("--bundle")
    return named.resolve() if named else standin.bundle()


@pytest.fixture(scope="session")
def bundles(bundle: Path) -> list[Path]:
    return [bundle]


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, lab: Lab, bundle: Path) -> Cluster:
    one = Cluster(lab, Spec(name="test", bundle=bundle, source=request.config.getoption("--source")))
    one.prepare()
    return one


@pytest.fixture(scope="session")
def machines(cluster: Cluster) -> list[Machine]:
    """A control plane and a worker, cold-booted side by side by user-data alone."""
    booted = cluster.launch_all(workers=1)
    for one in booted:
        wait_converged(one)
    wait_for("the role labels", lambda: all(labelled(booted[0], one) for one in booted), 120, 1)
    return booted


@pytest.fixture(scope="session")
def control_plane(machines: list[Machine]) -> Node:
    return Node(machines[0])


@pytest.fixture(scope="session")
def worker(machines: list[Machine]) -> Node:
    return Node(machines[1])


@pytest.fixture(params=[CONTROL_PLANE, WORKER])
def node(request: pytest.FixtureRequest, control_plane: Node, worker: Node) -> Node:
    return control_plane if request.param == CONTROL_PLANE else worker


@pytest.fixture
def fresh(cluster: Cluster, machines: list[Machine]) -> Iterator[Callable[..., Node]]:
    """Makes booted workers on which nodeboot has not run; gone after the case, from the cluster too."""
    made: list[Machine] = []

    def make(role: str = WORKER, **options: object) -> Node:
        made.append(cluster.launch_bare(f"fresh-{len(made) + 1}", role, **options))
        return Node(made[-1])

    yield make
    for one in made:
        machines[0].run(["kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "delete", "node", one.node_name,
                         "--ignore-not-found"])
        one.terminate()
