"""kubeadm's preflight checks, one by one."""
import socket

import pytest


def init(machine, *words: str):
    return machine.kubeadm("init", "--config", machine.init_config(), "--skip-phases",
                           "certs,kubeconfig,etcd,control-plane,kubelet-start,wait-control-plane,upload-config,"
                           "mark-control-plane,bootstrap-token,kubelet-finalize,addon,show-join-command", *words)


def test_a_good_machine_passes(machine):
    done = init(machine())
    assert done.returncode == 0 and "ERROR" not in done.stderr


CHECKS = {
    "NumCPU": (lambda m: m.facts(cpus=1), "the number of available CPUs 1 is less than the required 2"),
    "Mem": (lambda m: m.facts(memory_mb=969), "the system RAM (969 MB) is less than the minimum 1700 MB"),
    "IsPrivilegedUser": (lambda m: m.facts(root=False), "user is not running as root"),
    "FileContent--proc-sys-net-ipv4-ip_forward": (
        lambda m: m.write("/proc/sys/net/ipv4/ip_forward", "0\n"),
        "/proc/sys/net/ipv4/ip_forward contents are not set to 1"),
    "FileAvailable--etc-kubernetes-manifests-etcd.yaml": (
        lambda m: m.write("/etc/kubernetes/manifests/etcd.yaml", ""),
        "/etc/kubernetes/manifests/etcd.yaml already exists"),
    "DirAvailable--var-lib-etcd": (lambda m: m.write("/var/lib/etcd/member/x", ""), "/var/lib/etcd is not empty"),
    "FileExisting-losetup": (lambda m: m.facts(missing_commands=["losetup"]), "losetup not found in system path"),
    "ImagePull": (lambda m: m.cri(images=[]), "failed to pull image registry.k8s.io/kube-apiserver:v1.34.2"),
}


@pytest.mark.parametrize("name", CHECKS)
def test_a_failed_check_is_named_and_can_be_ignored(machine, name):
    node = machine()
    spoil, words = CHECKS[name]
    spoil(node)
    done = init(node)
    assert done.returncode == 1
    assert f"[ERROR {name}]: {words}" in done.stderr
    assert "error: error execution phase preflight: preflight checks failed" in done.stderr
    done = init(node, "--ignore-preflight-errors", name)
    assert done.returncode == 0, done.stderr
    assert f"[WARNING {name}]: {words}" in done.stderr


def test_a_runtime_that_does_not_answer_is_named(machine):
    node = machine()
    (node.root / "run/standin-cri.json").unlink()
    done = init(node)
    assert done.returncode == 1
    assert "[ERROR CRI]: could not connect to the container runtime: failed to create new CRI runtime" in done.stderr


@pytest.mark.parametrize("port", [6443, 10250, 10257, 10259, 2379, 2380])
def test_a_port_in_use_is_named(machine, port):
    node = machine()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port + node.offset))
        taken.listen()
        done = init(node)
    number = port + node.offset
    assert f"[ERROR Port-{number}]: Port {number} is in use" in done.stderr


def test_swap_is_a_warning(machine):
    node = machine()
    node.write("/proc/swaps", "Filename Type\n/swapfile file\n")
    done = init(node)
    assert done.returncode == 0 and "[WARNING Swap]: swap is supported for cgroup v2 only" in done.stderr


def test_every_failure_is_reported_at_once(machine):
    done = init(machine(cpus=1, memory_mb=100))
    assert "[ERROR NumCPU]" in done.stderr and "[ERROR Mem]" in done.stderr


@pytest.mark.parametrize("version, refused", [("v1.34.2", False), ("v1.35.1", True)])
def test_cgroup_v1_is_refused_from_1_35(machine, version, refused):
    done = init(machine(version=version, cgroup_v2=False))
    assert (done.returncode != 0) == refused
    assert ("[ERROR SystemVerification]" in done.stderr) == refused


@pytest.mark.parametrize("version, severity", [("v1.34.2", ""), ("v1.35.1", "WARNING"), ("v1.36.1", "ERROR")])
def test_a_runtime_without_runtimeconfig_is_on_its_way_out(machine, version, severity):
    node = machine(version=version)
    node.cri(runtime_config=False)
    found = init(node).stderr
    assert ("ContainerRuntimeVersion" in found) == bool(severity)
    assert f"[{severity} ContainerRuntimeVersion]" in found or not severity


def test_older_kubeadm_puts_the_report_into_the_error(machine):
    node = machine(version="v1.29.15", cpus=1)
    done = node.kubeadm("init", "--config", node.init_config("v1beta3"))
    assert "error execution phase preflight: [preflight] Some fatal errors occurred:\n\t[ERROR NumCPU]" in done.stderr


def test_join_refuses_what_an_earlier_join_left(machine):
    node = machine()
    for path in ("kubelet.conf", "bootstrap-kubelet.conf", "pki/ca.crt"):
        node.write(f"/etc/kubernetes/{path}", "x")
    done = node.kubeadm("join", "10.0.0.1:6443", "--token", "abcdef.0123456789abcdef",
                        "--discovery-token-ca-cert-hash", "sha256:" + "0" * 64)
    for path in ("kubelet.conf", "bootstrap-kubelet.conf", "pki/ca.crt"):
        name = f"/etc/kubernetes/{path}"
        assert f"[ERROR FileAvailable-{name.replace('/', '-')}]: {name} already exists" in done.stderr
