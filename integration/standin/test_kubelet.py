"""The kubelet process: what it refuses to start with, and what it does once it runs."""
import json
import os
import time
import urllib.request

import pytest
from fakemachine import wait_for, wait_until

CONFIG = {"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration", "cgroupDriver": "systemd"}


def start(node, *flags: str, config: dict | None = CONFIG):
    """Runs kubelet until it gives up; its stderr."""
    if config is not None:
        node.write("/var/lib/kubelet/config.yaml", json.dumps(config))
    done = node.run("kubelet", "--config=/var/lib/kubelet/config.yaml", "--kubeconfig=/etc/kubernetes/kubelet.conf",
                    "--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf", *flags)
    assert done.returncode == 1, done.stderr
    assert '"command failed"' in done.stderr and "stand-in" in done.stderr
    return done.stderr


def test_version_is_kubernetes_words(machine):
    assert machine().run("kubelet", "--version").stdout == "Kubernetes v1.34.2\n"


def test_without_config_it_ends(machine):
    assert "open /var/lib/kubelet/config.yaml: no such file or directory" in start(machine(), config=None)


def test_without_any_credentials_it_ends(machine):
    assert ("unable to load bootstrap kubeconfig: stat /etc/kubernetes/bootstrap-kubelet.conf: no such file or "
            "directory") in start(machine())


def test_unknown_flags_are_refused_by_version(machine):
    assert "unknown flag: --no-such" in start(machine("a"), "--no-such=1")
    pause = "--pod-infra-container-image=registry.k8s.io/pause:3.10.1"
    assert "unknown flag" not in start(machine("b", version="v1.34.2"), pause)
    assert "unknown flag: --pod-infra-container-image" in start(machine("c", version="v1.35.1"), pause)


def test_reserved_labels_are_refused(machine):
    found = start(machine(), "--node-labels=node-role.kubernetes.io/worker=,tier=db")
    assert "unknown 'kubernetes.io' or 'k8s.io' labels specified with --node-labels: " in found
    assert "[node-role.kubernetes.io/worker]" in found


REFUSED = {
    "an unknown field": (CONFIG | {"containerLogMaxSiez": "10Mi"}, 'unknown field \\"containerLogMaxSiez\\"'),
    "a wrong type": (CONFIG | {"maxPods": "110"}, "cannot unmarshal string into Go struct field"),
    "one log file": (CONFIG | {"containerLogMaxFiles": 1}, "containerLogMaxFiles"),
    "cgroupfs": (CONFIG | {"cgroupDriver": "cgroups"}, "unsupported cgroup driver"),
    "a resource that cannot be reserved": (CONFIG | {"kubeReserved": {"gpu": "1"}}, 'cannot reserve \\"gpu\\"'),
    "another kind": (CONFIG | {"kind": "KubeProxyConfiguration"}, "no kind"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_bad_configuration_ends_it(machine, what):
    config, words = REFUSED[what]
    assert words in start(machine(), config=config)


def test_swap_ends_it_unless_allowed(machine):
    node = machine()
    node.write("/proc/swaps", "Filename Type\n/swapfile file\n")
    assert "running with swap on is not supported, please disable swap" in start(node)
    assert "unable to load bootstrap" in start(node, config=CONFIG | {"failSwapOn": False})


def test_cgroup_v1_ends_it_from_1_35(machine):
    assert "unable to load bootstrap" in start(machine("a", version="v1.34.2", cgroup_v2=False))
    node = machine("b", version="v1.35.1", cgroup_v2=False)
    assert "kubelet is configured to not run on a host using cgroup v1" in start(node)
    assert "unable to load bootstrap" in start(node, config=CONFIG | {"failCgroupV1": False})


def test_the_runtime_must_answer_with_the_systemd_driver(machine):
    node = machine()
    node.cri(driver="cgroupfs")
    assert "misconfiguration: kubelet cgroup driver" in start(node)
    node.cri(driver="cgroupfs", runtime_config=False)
    assert "misconfiguration: kubelet cgroup driver" in start(node)
    (node.root / "run/standin-cri.json").unlink()
    assert "validate CRI v1 runtime API for endpoint" in start(node)


def test_no_pod_starts_without_the_file_of_resolv_conf(machine):
    node = machine("cp1")
    done = node.kubeadm("init", "--config", node.init_config(init={"nodeRegistration": {"kubeletExtraArgs": [
        {"name": "resolv-conf", "value": "/etc/pods.conf"}]}, "timeouts": {"controlPlaneComponentHealthCheck": "1s"}}))
    assert done.returncode == 1
    words = "failed to generate sandbox config: open /etc/pods.conf: no such file or directory"
    wait_for(lambda: words in node.log("kubelet"))
    node.write("/etc/pods.conf", "nameserver 10.0.0.2\n")
    wait_for(lambda: node.api("super-admin.conf").get("/readyz"))


def test_pods_get_the_servers_of_resolv_conf_as_it_is_when_they_start(cluster):
    def servers(name: str) -> list[list[str]]:
        marks = [p.read_text().split() for p in (cluster.root / "run/standin-kubelet").iterdir()]
        return [words[3::2] for words in marks if words[1].startswith(name)]

    before = wait_for(lambda: servers("kube-proxy-"))
    assert before == [["127.0.0.9"]] * len(before)
    cluster.write("/etc/resolv.conf", "nameserver 10.0.0.2\nnameserver\nsearch x\n")
    pod = next(p for p in cluster.get("/api/v1/namespaces/kube-system/pods")["items"]
               if p["metadata"]["name"].startswith("kube-proxy-") and p["spec"]["nodeName"] == "cp1")
    assert cluster.kubectl("-n", "kube-system", "delete", "pod", pod["metadata"]["name"]).returncode == 0
    wait_for(lambda: ["10.0.0.2"] in servers("kube-proxy-"))


@pytest.fixture
def control(machine):
    node = machine("cp1")
    done = node.kubeadm("init", "--config", node.init_config())
    assert done.returncode == 0, done.stderr
    return node


def test_the_control_plane_outlives_a_restart_of_kubelet(cluster):
    def renewed() -> str:
        return cluster.get("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/cp1")["spec"]["renewTime"]

    pid = cluster.read("/run/standin-control-plane.pid")
    cluster.kill("kubelet")
    assert cluster.get("/readyz") == "ok\n"
    before = renewed()
    cluster.start_kubelet()
    wait_for(lambda: renewed() > before)
    assert cluster.read("/run/standin-control-plane.pid") == pid


def test_a_reboot_keeps_what_was_stored_and_a_wiped_etcd_loses_it(control):
    control.stop()
    control.start_kubelet()
    wait_for(lambda: control.kubectl("get", "nodes").returncode == 0)
    assert "cp1" in control.kubectl("get", "nodes").stdout
    control.stop()
    for path in (control.root / "var/lib/etcd/member/snap").iterdir():
        path.unlink()
    control.start_kubelet()
    wait_for(lambda: control.api("super-admin.conf").get("/readyz"))
    assert control.api("super-admin.conf").find("/api/v1/namespaces/kube-system/configmaps/kubeadm-config") is None


def test_the_control_plane_ends_with_its_manifest_and_returns_with_it(control):
    path = control.root / "etc/kubernetes/manifests/kube-apiserver.yaml"
    text = path.read_text()
    path.unlink()
    wait_for(lambda: control.kubectl("get", "nodes").returncode != 0)
    path.write_text("this is: [no pod")
    wait_for(lambda: '"Could not process manifest file" path="kube-apiserver.yaml"' in control.log("kubelet"))
    time.sleep(1)  # for it to start what it must not
    assert control.kubectl("get", "nodes").returncode != 0
    path.write_text(text)
    wait_for(lambda: control.kubectl("get", "nodes").returncode == 0)


def test_a_changed_manifest_restarts_the_api_server(control):
    pid = control.read("/run/standin-control-plane.pid")
    path = control.root / "etc/kubernetes/manifests/kube-apiserver.yaml"
    path.write_text(path.read_text().replace("--allow-privileged=true", "--allow-privileged=false"))
    wait_for(lambda: control.read("/run/standin-control-plane.pid") != pid)
    wait_for(lambda: control.kubectl("get", "nodes").returncode == 0)


def test_static_pods_are_shown_as_mirror_pods(cluster):
    wanted = {"etcd-cp1", "kube-apiserver-cp1", "kube-controller-manager-cp1", "kube-scheduler-cp1"}

    def running() -> set[str]:
        lines = cluster.kubectl("get", "pods", "-A").stdout.splitlines()
        return wanted & {word for line in lines if " Running " in line for word in line.split()}
    wait_until(running, wanted)


def test_health_answers_on_the_loopback_only(cluster):
    with urllib.request.urlopen(f"http://127.0.0.1:{10248 + cluster.offset}/healthz") as answer:
        assert answer.read() == b"ok"


def test_a_node_that_stops_reporting_becomes_unknown(control):
    def seen() -> tuple[str, bool]:
        node = control.get("/api/v1/nodes/cp1")
        taints = {t["key"] for t in node["spec"].get("taints", [])}
        return node["status"]["conditions"][-1]["status"], "node.kubernetes.io/unreachable" in taints

    control.faults(node_monitor_grace=3600)
    control.kill("kubelet")
    assert seen() == ("False", False), "it may be silent for a while"
    control.faults(node_monitor_grace=1)
    wait_until(seen, ("Unknown", True))
    control.faults()
    control.start_kubelet()
    wait_until(seen, ("False", False))


def test_reserved_resources_are_taken_from_what_is_allocatable(machine):
    node = machine("cp1")
    done = node.kubeadm("init", "--config", node.init_config(documents=[CONFIG | {
        "kubeReserved": {"cpu": "100m", "memory": "200Mi"}, "systemReserved": {"memory": "100Mi"}}]))
    assert done.returncode == 0, done.stderr
    status = node.get("/api/v1/nodes/cp1")["status"]
    assert status["capacity"]["memory"] == f"{4096 * 1024}Ki" and status["capacity"]["cpu"] == "2"
    assert status["allocatable"]["memory"] == f"{(4096 - 400) * 1024}Ki" and status["allocatable"]["cpu"] == "1900m"


def test_files_of_kubelet_are_for_root_only(cluster):
    folder = cluster.root / "var/lib/kubelet"
    assert folder.stat().st_mode & 0o777 == 0o700
    current = folder / "pki/kubelet-client-current.pem"
    assert current.is_symlink() and os.stat(current).st_mode & 0o777 == 0o600


def test_it_makes_its_folder_for_volume_plugins_and_a_reset_leaves_it(control):
    assert control.kubeadm("reset", "-f").returncode == 0
    assert control.exists("/usr/libexec/kubernetes/kubelet-plugins/volume/exec")
