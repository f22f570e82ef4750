"""One cluster a session, booted through cloud-init as on EC2, and fresh machines for what would spoil it.

A case leaves the cluster converged: the fixture checks it after each, so that a case which does not is the one that
fails.
"""
from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from bundles.conftest import publishing
from bundles.official import CONTAINERD
from cases.node import FROM_ARCHIVE, Node, bring, forget, labelled

from lab import standin
from lab.cluster import CONTROL_PLANE, WORKER, Cluster, Spec, find_binary, wait_converged
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
def archive(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A bundle as a site makes it, containerd included: by `nodeboot bundle create`, from servers of this machine."""
    folder = tmp_path_factory.mktemp("archive")
    with publishing(folder, bundle) as publishers:
        publishers.create(folder / "bundle.tar.gz", "--kubernetes", publishers.official.version,
                          "--containerd", CONTAINERD).check()
    yield folder / "bundle.tar.gz"
    shutil.rmtree(folder)


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


class Image:
    """The builder, switched off, and what its two bakes said."""
    id = "ami-0ba4ed"

    def __init__(self, builder: Machine, first: dict[str, Any], second: dict[str, Any]) -> None:
        self.builder, self.first, self.second = builder, first, second


def bake(builder: Machine, version: str) -> dict[str, Any]:
    said = builder.run(["nodeboot", "node", "bake", "--output", "json", "--set", f"kubernetes.version={version}"],
                       timeout=600)
    assert said.ok, said.err[-3000:] + said.out[-3000:]
    return json.loads(said.out)  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def image(lab: Lab, cluster: Cluster) -> Iterator[Image]:
    builder = lab.launch("builder", user_data="#cloud-config\n{}\n")
    builder.wait_booted()
    builder.run(["cloud-init", "status", "--wait"])
    builder.write("/usr/local/bin/nodeboot", find_binary().read_bytes(), 0o755)
    # What a builder has that must not be handed on.
    builder.must("ssh-keygen -A && mkdir -p /root/.ssh && echo 'ssh-ed25519 AAAA packer' > /root/.ssh/authorized_keys "
                 "&& echo 'export AWS_SECRET_ACCESS_KEY=x' > /root/.bash_history")
    version = str(cluster.kubernetes()["version"])
    first = bake(builder, version)
    second = bake(builder, version)
    builder.poweroff()
    lab.make_image(builder, Image.id)
    yield Image(builder, first, second)
    builder.terminate()


@pytest.fixture(params=[CONTROL_PLANE, WORKER])
def node(request: pytest.FixtureRequest, control_plane: Node, worker: Node) -> Node:
    return control_plane if request.param == CONTROL_PLANE else worker


@pytest.fixture
def fresh(cluster: Cluster, control_plane: Node) -> Iterator[Callable[..., Node]]:
    """Makes booted workers on which nodeboot has not run; gone after the case, from the cluster too."""
    made: list[Machine] = []

    def make(role: str = WORKER, **options: object) -> Node:
        made.append(cluster.launch_bare(f"fresh-{len(made) + 1}", role, **options))
        return Node(made[-1])

    yield make
    for one in made:
        forget(control_plane.machine, one)


@pytest.fixture
def prepared(fresh: Callable[..., Node], image: Image) -> Callable[..., Node]:
    """As `fresh`, from an image that has all the software: for cases about what comes after."""
    return lambda **options: fresh(image=image.id, **options)


@pytest.fixture
def first_of_another_cluster(cluster: Cluster, archive: Path) -> Iterator[Node]:
    """A control plane to be, that installs from a bundle and has no package of Kubernetes or containerd."""
    other = Cluster(cluster.lab, Spec(**vars(cluster.spec) | {"name": "other"}))
    other.prepare()
    node = Node(other.launch_bare("other", CONTROL_PLANE, config=FROM_ARCHIVE))
    bring(archive, node)
    yield node
    node.machine.terminate()
