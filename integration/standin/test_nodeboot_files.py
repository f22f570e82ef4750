"""nodeboot's own golden files, read by the stand-in of the version that each is for."""
import json
import re
import subprocess

import pytest
import yaml
from fakemachine import HERE, PYTHON, wait_for, wait_until
from test_bootstrap import apply, counts, ready

from standin import schema

GOLDEN = HERE.parents[1] / "tests/golden"
CONFIGURATIONS = sorted(p for p in (GOLDEN / "kubeadm").glob("*.yaml") if int(p.stem.rpartition(".")[2]) >= 29)
FLANNEL = [entry["object"] for entry in json.loads((GOLDEN / "flannel/defaults.json").read_text())]


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda p: p.stem)
def test_kubeadm_reads_nodeboots_configuration(bundles, path):
    documents = [d for d in yaml.safe_load_all(path.read_text()) if d]
    version = next((d["kubernetesVersion"] for d in documents if "kubernetesVersion" in d),
                   f"v{re.search(r'1[.][0-9]+', path.stem)[0]}.0")
    done = subprocess.run([PYTHON, bundles(version) / "bin/kubeadm", "config", "validate", "--config", path],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("minor", schema.API_TABLES)
def test_flannels_objects_have_known_fields_only(minor):
    types = schema.table(f"api-1.{minor}")
    groups = {"v1": "core", "apps/v1": "apps", "rbac.authorization.k8s.io/v1": "rbac"}
    for obj in FLANNEL:
        assert schema.check(types, f"{groups[obj['apiVersion']]}.{obj['kind']}", obj) == []


def test_flannels_objects_make_a_node_ready(machine):
    control = machine("cp1")
    pod_range = json.loads(next(o for o in FLANNEL if o["kind"] == "ConfigMap")["data"]["net-conf.json"])["Network"]
    done = control.kubeadm("init", "--config", control.init_config(cluster={"networking": {"podSubnet": pod_range}}))
    assert done.returncode == 0, done.stderr
    images = control.kubeadm("config", "images", "list").stdout.split()
    spec = next(o for o in FLANNEL if o["kind"] == "DaemonSet")["spec"]["template"]["spec"]
    control.cri(images=images + [c["image"] for c in spec["initContainers"] + spec["containers"]])
    apply(control, FLANNEL)
    wait_for(lambda: ready(control, "cp1"))
    wait_until(lambda: counts(control, "kube-flannel", "daemonsets/kube-flannel-ds", "numberReady"), [1])
    wait_until(lambda: counts(control, "kube-system", "deployments/coredns", "availableReplicas"), [2])


def test_a_bundle_holds_the_images_that_nodeboots_flannel_wants(bundles):
    listed = json.loads((bundles("v1.34.2") / "manifest.json").read_text())["files"]
    refs = {r for f in listed for r in f.get("refs", [])}
    spec = next(o for o in FLANNEL if o["kind"] == "DaemonSet")["spec"]["template"]["spec"]
    assert {c["image"] for c in spec["initContainers"] + spec["containers"]} <= refs
