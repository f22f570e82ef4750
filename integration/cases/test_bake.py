"""An image that `node bake` made: nothing of its builder in it, and instances of it join without installing anything."""
from __future__ import annotations

import datetime
import json
import os
import re
from pathlib import Path
from typing import Any, Iterator

import pytest
from cases.conftest import Image
from cases.node import Node, labelled, names, ready

from lab import layer
from lab.cluster import CONTROL_PLANE, WORKER, Cluster, Spec, wait_converged
from lab.lab import Lab
from lab.machine import Machine, wait_for

DOWNLOADS = ("packages", "images", "files")  # services of the lab that software comes from
SECRET = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----|\b(AKIA|ASIA)[A-Z0-9]{16}\b|\b[a-z0-9]{6}\.[a-z0-9]{16}\b|"
                    rb"client-key-data|aws_secret_access_key")
# Software speaks of keys, too: libraries and their tests, documentation, images' layers.
SOFTWARE = ("usr/lib/", "usr/share/", "usr/bin/", "usr/sbin/", "usr/local/lib/nodeboot-lab/", "usr/local/bin/nodeboot",
            "var/lib/dpkg/", "var/lib/containerd/", "opt/cni/")
IDENTITY = ("etc/hostname", "etc/ssh/ssh_host_*", "root/.ssh/authorized_keys", "root/.bash_history",
            "root/.kube/*", "etc/kubernetes/*.conf", "etc/kubernetes/pki/*", "etc/kubernetes/manifests/*.yaml",
            "etc/nodeboot/config.toml", "var/lib/kubelet/pki/*", "var/lib/etcd/*", "var/lib/cloud/*",
            "var/log/cloud-init*", "var/log/journal/*", "var/log/apt/*", "var/lib/nodeboot/runs/*",
            "var/lib/nodeboot/store/*", "var/lib/systemd/random-seed", "var/lib/apt/lists/*_*",
            "var/cache/apt/archives/*.deb", "var/cache/apt/*.bin")


@pytest.fixture(scope="module")
def root(lab: Lab, image: Image) -> Iterator[Path]:
    """The image's file system."""
    image.builder.disk.attach(layer.lower_layers(lab.folder))
    yield image.builder.disk.root
    image.builder.disk.detach()


@pytest.fixture(scope="module")
def baked(request: pytest.FixtureRequest, lab: Lab, image: Image, bundle: Path) -> Iterator[list[Machine]]:
    """A control plane and a worker from the image, told by user-data what they are."""
    one = Cluster(lab, Spec(name="baked", bundle=bundle))
    one.prepare()
    made = [one.launch(f"baked-{role}", role, user_data=one.user_data_baked(role), image=image.id)
            for role in (CONTROL_PLANE, WORKER)]
    for machine in made:
        wait_converged(machine)
    yield made
    for machine in made:
        if not request.config.getoption("--keep"):
            machine.terminate()


def test_a_second_bake_changes_nothing(image: Image) -> None:
    assert image.first["changed"] and not image.second["changed"], image.second["changes"]


def test_nothing_of_the_builder_is_in_the_image(root: Path) -> None:
    left = [str(path.relative_to(root)) for pattern in IDENTITY for path in root.glob(pattern)]
    assert left == []
    assert (root / "etc/machine-id").read_text() == ""


def test_nothing_in_the_image_looks_like_a_secret(root: Path) -> None:
    found = []
    for folder, folders, files in os.walk(root):
        inside = os.path.relpath(folder, root) + "/"
        folders[:] = [name for name in folders if not (inside.removeprefix("./") + name + "/").startswith(SOFTWARE)]
        for name in files:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink() and not str(path.relative_to(root)).startswith(SOFTWARE):
                found += [f"{path}: {match[0]!r}" for match in SECRET.finditer(path.read_bytes())]
    assert found == []


def test_the_image_holds_what_a_node_needs(root: Path) -> None:
    for name in ("usr/bin/kubeadm", "usr/bin/kubelet", "usr/bin/containerd", "usr/local/bin/nodeboot"):
        assert (root / name).exists(), name
    for unit in ("nodeboot", "containerd", "kubelet"):
        assert (root / f"etc/systemd/system/multi-user.target.wants/{unit}.service").is_symlink(), unit


def test_instances_of_the_image_become_ready_nodes(baked: list[Machine]) -> None:
    for name in names(baked):
        wait_for(f"{name} to be Ready", lambda: ready(baked[0], name), 60)
    wait_for("the role labels", lambda: all(labelled(baked[0], one) for one in baked), 120, 1)
    for machine in baked:
        Node(machine).converged()
        assert machine.must("systemctl --failed --plain --no-legend").strip() == ""


def test_they_downloaded_nothing(lab: Lab, baked: list[Machine]) -> None:
    asked = [one for machine in baked for one in lab.requests_of(machine)]
    assert [one for one in asked if one["service"] in DOWNLOADS] == []
    assert {one["service"] for one in asked} >= {"ssm"}  # the log does know these machines


def test_they_ran_no_script(baked: list[Machine]) -> None:
    for machine in baked:
        assert not machine.exists("/usr/local/lib/nodeboot/install")
        assert "runcmd" not in machine.read("/var/lib/cloud/instance/user-data.txt")


def test_each_has_an_identity_of_its_own(baked: list[Machine]) -> None:
    for path in ("/etc/machine-id", "/etc/ssh/ssh_host_ed25519_key.pub", "/etc/hostname"):
        seen = {machine.read(path).strip() for machine in baked}
        assert len(seen) == len(baked) and "" not in seen, path


def first_run(machine: Machine) -> dict[str, Any]:
    record = machine.must("ls /var/lib/nodeboot/runs/*.json | head -1").strip()
    return json.loads(machine.read(record))  # type: ignore[no-any-return]


def seconds_to_converge(machine: Machine) -> float:
    """From power-on to the end of the first run."""
    record = first_run(machine)
    began = datetime.datetime.fromisoformat(record["began"].replace("Z", "+00:00")).timestamp()
    return began + record["took_ms"] / 1000 - machine.powered_on


SOFTWARE_PHASES = ("containerd-install", "containerd", "kubernetes-packages", "images")


def seconds_for_software(machine: Machine) -> float:
    return sum(float(one["applying_ms"]) / 1000 for one in first_run(machine)["phases"] if one["name"] in SOFTWARE_PHASES)


def test_they_are_ready_sooner_than_bare_machines(baked: list[Machine], machines: list[Machine]) -> None:
    """By what the image saves: software is installed in seconds against none. The whole is shown, but other work on the
    lab's own machine may change that by more."""
    fast, slow = [[seconds_to_converge(one) for one in pair] for pair in (baked, machines)]
    for kind, of_kind in (("from an image", fast), ("from a bare machine", slow)):
        print(f"{kind}: control plane {of_kind[0]:.1f} s, worker {of_kind[1]:.1f} s after power-on")
    for one, bare in zip(baked, machines):
        assert seconds_for_software(one) < seconds_for_software(bare) / 2, one.name


@pytest.mark.parametrize("phase", ["containerd-install", "containerd", "kubernetes-packages", "images", "kubelet",
                                   "kernel-modules", "sysctl", "swap", "boot-service"])
def test_the_phase_found_its_work_done(baked: list[Machine], phase: str) -> None:
    for machine in baked:
        record = json.loads(Node(machine).nodeboot("node", "timeline", "--output", "json").out)
        changes = {one["name"]: [(change["subject"], change["from"], change["to"]) for change in one["changes"]]
                   for one in record["phases"]}
        assert changes[phase] == [], machine.name


def test_a_configuration_of_one_cluster_is_refused_before_anything_is_changed(fresh: Any) -> None:
    node = fresh()
    before = node.footprint()
    said = node.nodeboot("node", "bake")  # with the node's own config.toml
    assert said.code == 1 and "cannot become an image" in said.err
    assert "cluster.name" in said.err and "/etc/nodeboot/config.toml" in said.err
    assert before.against(node.footprint()) == []
