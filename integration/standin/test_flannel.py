"""What stands between a node and Ready: flannel's objects, its rights, images, plugins, the kernel module."""
import json
import subprocess

import flannel_manifest
import pytest
from fakemachine import wait_for
from test_bootstrap import apply, counts, ready

OBJECTS = flannel_manifest.objects()


@pytest.fixture
def control(machine):
    node = machine("cp1")
    done = node.kubeadm("init", "--config", node.init_config())
    assert done.returncode == 0, done.stderr
    return node


def waits_with(control, words: str) -> None:
    """flannel's pod shows these words; nothing on the pod network runs. The node may well be Ready: the CNI
    configuration comes from an init container, and that is all that Ready needs (as for real)."""
    def shown():
        pods = control.get("/api/v1/namespaces/kube-flannel/pods")["items"]
        states = [c["state"] for p in pods for c in p.get("status", {}).get("containerStatuses", [])]
        return any(words in s.get("waiting", {}).get("message", "") for s in states)
    wait_for(shown)
    assert counts(control, "kube-system", "deployments/coredns", "availableReplicas") == [None]
    assert not control.exists("/run/flannel/subnet.env")


def without(kind: str, name: str = "") -> list[dict]:
    return [o for o in OBJECTS if o["kind"] != kind or (name and o["metadata"]["name"] != name)]


def test_rights_that_are_missing_are_named(control):
    apply(control, without("ClusterRoleBinding"))
    waits_with(control, 'User "system:serviceaccount:kube-flannel:flannel" cannot get resource "pods"')
    apply(control, OBJECTS)
    wait_for(lambda: control.exists("/run/flannel/subnet.env"))


def test_a_daemon_set_without_its_service_account_gets_no_pods(control):
    apply(control, without("ServiceAccount"))
    wait_for(lambda: "desiredNumberScheduled" in control.get(
        "/apis/apps/v1/namespaces/kube-flannel/daemonsets/kube-flannel-ds").get("status", {}))
    assert control.get("/api/v1/namespaces/kube-flannel/pods")["items"] == []


def test_a_network_that_is_not_the_pod_range_is_refused(control):
    apply(control, flannel_manifest.objects("10.99.0.0/16"))
    waits_with(control, 'subnet "10.99.0.0/16" specified in the flannel net config doesn\'t contain "10.244.0.0/24"')


def test_br_netfilter_is_needed(control):
    subprocess.run(["rm", "-r", control.root / "proc/sys/net/bridge"], check=True)
    apply(control, OBJECTS)
    waits_with(control, "Failed to check br_netfilter: stat /proc/sys/net/bridge/bridge-nf-call-iptables")


def test_images_must_be_there(control):
    listed = control.kubeadm("config", "images", "list").stdout.split()
    control.cri(images=listed)
    apply(control, OBJECTS)
    waits_with(control, 'Back-off pulling image "ghcr.io/flannel-io/flannel-cni-plugin:')
    control.cri(images=listed + flannel_manifest.IMAGES)
    wait_for(lambda: ready(control, "cp1"))


def test_pods_on_the_pod_network_need_every_plugin(control):
    (control.root / "opt/cni/bin/portmap").unlink()
    apply(control, OBJECTS)
    wait_for(lambda: ready(control, "cp1"))
    wait_for(lambda: 'failed to find plugin \\"portmap\\" in path [/opt/cni/bin]' in control.log("kubelet"))
    assert counts(control, "kube-system", "deployments/coredns", "availableReplicas") == [None]


def test_a_changed_template_replaces_the_pods(control):
    apply(control, OBJECTS)
    wait_for(lambda: ready(control, "cp1"))
    before = control.get("/api/v1/namespaces/kube-flannel/pods")["items"][0]["metadata"]["name"]
    changed = json.loads(json.dumps(OBJECTS))
    changed[-1]["spec"]["template"]["spec"]["containers"][0]["args"].append("--iface-can-reach=127.0.0.1")
    apply(control, changed)
    pods = "/api/v1/namespaces/kube-flannel/pods"
    wait_for(lambda: before not in [p["metadata"]["name"] for p in control.get(pods)["items"]])
    assert control.get("/apis/apps/v1/namespaces/kube-flannel/daemonsets/kube-flannel-ds")["metadata"]["generation"] == 2
