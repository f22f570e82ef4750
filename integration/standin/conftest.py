"""Bundles, machines and a cluster for the stand-in's own tests."""
import subprocess
from pathlib import Path

import pytest
from fakemachine import HERE, PYTHON, Machine


@pytest.fixture(scope="session")
def bundles(tmp_path_factory):
    """bundles("v1.34.2") is the folder of that version's bundle, made once."""
    made: dict[str, Path] = {}

    def make(version: str) -> Path:
        if version not in made:
            made[version] = tmp_path_factory.mktemp("bundle") / version
            subprocess.run([PYTHON, str(HERE / "make_bundle"), "--version", version, "--out", str(made[version])],
                           check=True, capture_output=True)
        return made[version]
    return make


@pytest.fixture
def machine(tmp_path, bundles):
    """machine("cp1", version="v1.34.2") makes a machine; all are stopped when the test ends."""
    made: list[Machine] = []

    def make(name: str = "node", version: str = "v1.34.2", **facts) -> Machine:
        made.append(Machine(tmp_path / name, bundles(version), name, **facts))
        return made[-1]
    yield make
    for each in made:
        each.close()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory, bundles):
    """A control plane that `kubeadm init` made, shared by all tests that leave it whole."""
    control = Machine(tmp_path_factory.mktemp("cluster") / "cp1", bundles("v1.34.2"), "cp1")
    done = control.kubeadm("init", "--config", control.init_config(cluster={"encryptionAlgorithm": "RSA-2048"}))
    assert done.returncode == 0, done.stdout + done.stderr + control.log("kubelet") + control.log("standin-control-plane")
    yield control
    control.close()
