"""init, flannel, join, Ready: the path on which nothing goes wrong; and what is left on the disk."""
import json

import flannel_manifest
from fakemachine import wait_for, wait_until

FLANNEL = ("desiredNumberScheduled", "numberReady")


def apply(control, objects) -> None:
    text = "\n---\n".join(json.dumps(o) for o in objects)
    done = control.run("kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "apply", "--server-side", "-f", "-",
                       stdin=text)
    assert done.returncode == 0, done.stderr


def ready(control, name: str) -> bool:
    node = next((n for n in control.get("/api/v1/nodes")["items"] if n["metadata"]["name"] == name), None)
    conditions = node["status"]["conditions"] if node else []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def counts(control, namespace: str, path: str, *names: str) -> list:
    """These numbers of a workload's status. They lag behind a node's Ready, as for real: that needs no more than a CNI
    configuration, and the controllers count pods when they get to it. So wait for what they shall be."""
    status = control.get(f"/apis/apps/v1/namespaces/{namespace}/{path}").get("status", {})
    return [status.get(name) for name in names]


def test_a_cluster_comes_up_on_the_happy_path(machine):
    control, worker = machine("cp1"), machine("worker1")
    done = control.kubeadm("init", "--config", control.init_config())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "initialized successfully" in done.stdout and "stand-in" in done.stdout
    assert control.get("/readyz") == "ok\n"
    assert not ready(control, "cp1"), "no CNI yet"
    apply(control, flannel_manifest.objects())
    wait_for(lambda: ready(control, "cp1"))
    assert json.loads(control.read("/etc/cni/net.d/10-flannel.conflist"))["name"] == "cbr0"
    wait_until(lambda: counts(control, "kube-flannel", "daemonsets/kube-flannel-ds", *FLANNEL), [1, 1])
    assert "FLANNEL_SUBNET=10.244.0.1/24" in control.read("/run/flannel/subnet.env")
    wait_until(lambda: counts(control, "kube-system", "deployments/coredns", "availableReplicas"), [2])

    done = worker.kubeadm("join", "--config", worker.join_config(control))
    assert done.returncode == 0, done.stdout + done.stderr + worker.log("kubelet")
    wait_for(lambda: ready(control, "worker1"))
    assert not worker.exists("/etc/kubernetes/bootstrap-kubelet.conf"), "the token does not stay on the disk"
    wait_until(lambda: counts(control, "kube-flannel", "daemonsets/kube-flannel-ds", *FLANNEL), [2, 2])
    shown = control.kubectl("get", "nodes", "-o", "wide").stdout
    assert control.kubectl("--request-timeout=1m", "-n", "kube-system", "get", "configmap/kube-proxy").returncode == 0
    assert "cp1" in shown and "control-plane" in shown and "worker1" in shown
