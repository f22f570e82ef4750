"""What kubeadm init leaves on the disk and in the cluster; reruns, deaths in the middle, reset."""
import base64
import datetime
import json
import signal
import subprocess

import pytest
import yaml
from fakemachine import wait_for, wait_until

from standin import client, pki

PKI = "/etc/kubernetes/pki"


def cert(machine, name: str):
    return pki.load_cert(machine.read(f"{PKI}/{name}.crt").encode())


def mode(machine, path: str) -> int:
    return (machine.root / path.lstrip("/")).stat().st_mode & 0o777


@pytest.mark.parametrize("path, wanted", [
    (f"{PKI}/ca.key", 0o600), (f"{PKI}/ca.crt", 0o644), (f"{PKI}/sa.key", 0o600), (f"{PKI}/sa.pub", 0o600),
    (f"{PKI}/etcd/server.key", 0o600), ("/etc/kubernetes/admin.conf", 0o600),
    ("/etc/kubernetes/super-admin.conf", 0o600), ("/etc/kubernetes/kubelet.conf", 0o600),
    ("/etc/kubernetes/manifests", 0o700), (f"{PKI}/etcd", 0o755),
    ("/etc/kubernetes/manifests/kube-apiserver.yaml", 0o600), ("/var/lib/etcd", 0o700),
    ("/var/lib/kubelet/config.yaml", 0o600), ("/var/lib/kubelet/kubeadm-flags.env", 0o644)])
def test_files_have_kubeadms_modes(cluster, path, wanted):
    assert mode(cluster, path) == wanted


def test_certificates_are_signed_by_their_ca_for_the_right_names_and_time(cluster):
    ca, etcd = cert(cluster, "ca"), cert(cluster, "etcd/ca")
    assert pki.signed_by(cert(cluster, "apiserver"), ca) and not pki.signed_by(cert(cluster, "apiserver"), etcd)
    assert pki.signed_by(cert(cluster, "etcd/server"), etcd)
    names = set(pki.alternative_names(cert(cluster, "apiserver")))
    assert {"cp1", "kubernetes", "kubernetes.default.svc.cluster.local", "10.96.0.1", "127.0.0.1"} <= names
    days = (pki.not_after(cert(cluster, "apiserver")) - datetime.datetime.now(datetime.timezone.utc)).days
    assert days in (364, 365)
    assert pki.organizations(cert(cluster, "apiserver-kubelet-client").subject) == ["kubeadm:cluster-admins"]


def test_openssl_accepts_the_chain(cluster):
    done = subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", cluster.root / f"{PKI}/ca.crt".lstrip("/"),
                           cluster.root / f"{PKI}/apiserver.crt".lstrip("/")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_cluster_holds_what_joining_nodes_read(cluster):
    found = cluster.get("/api/v1/namespaces/kube-system/configmaps/kubeadm-config")["data"]["ClusterConfiguration"]
    assert yaml.safe_load(found)["apiVersion"] == "kubeadm.k8s.io/v1beta4"
    kubelet = yaml.safe_load(cluster.get("/api/v1/namespaces/kube-system/configmaps/kubelet-config")["data"]["kubelet"])
    assert kubelet["cgroupDriver"] == "systemd" and kubelet["clusterDNS"] == ["10.96.0.10"]
    info = wait_for(lambda: (lambda d: d if "jws-kubeconfig-abcdef" in d else None)(
        cluster.get("/api/v1/namespaces/kube-public/configmaps/cluster-info")["data"]))
    assert yaml.safe_load(info["kubeconfig"])["clusters"][0]["cluster"]["server"].endswith(str(6443 + cluster.offset))


def test_the_node_is_labelled_tainted_and_annotated(cluster):
    node = cluster.get("/api/v1/nodes/cp1")
    assert node["metadata"]["labels"]["node-role.kubernetes.io/control-plane"] == ""
    assert {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"} in node["spec"]["taints"]
    assert node["metadata"]["annotations"]["kubeadm.alpha.kubernetes.io/cri-socket"].startswith("unix://")
    wait_until(lambda: cluster.get("/api/v1/nodes/cp1")["spec"].get("podCIDR"), "10.244.0.0/24")
    info = node["status"]["nodeInfo"]
    assert info["kubeletVersion"] == "v1.34.2" and info["containerRuntimeVersion"] == "containerd://2.1.5"


def test_kubelet_conf_points_to_the_certificate_that_rotates(cluster):
    user = yaml.safe_load(cluster.read("/etc/kubernetes/kubelet.conf"))["users"][0]["user"]
    assert user["client-certificate"] == "/var/lib/kubelet/pki/kubelet-client-current.pem"


def test_a_second_init_is_refused_and_changes_nothing(cluster):
    before = cluster.read(f"{PKI}/ca.crt")
    done = cluster.kubeadm("init", "--config", cluster.init_config())
    assert done.returncode == 1
    for words in ("manifests-kube-apiserver.yaml already exists", f"Port {10250 + cluster.offset} is in use",
                  "/var/lib/etcd is not empty"):
        assert words.replace("manifests-", "/etc/kubernetes/manifests/") in done.stderr or words in done.stderr
    assert cluster.read(f"{PKI}/ca.crt") == before and cluster.get("/readyz") == "ok\n"


def test_certificates_expiry_is_shown(cluster):
    shown = cluster.kubeadm("certs", "check-expiration").stdout
    assert "CERTIFICATE AUTHORITY" in shown and "etcd-server" in shown and "364d" in shown
    found = json.loads(cluster.kubeadm("certs", "check-expiration", "-o", "json").stdout)
    assert {c["name"] for c in found["certificates"]} >= {"admin.conf", "apiserver", "etcd-peer"}
    assert not any(c["missing"] for c in found["certificates"])


def test_tokens_are_made_listed_and_deleted(cluster):
    token = cluster.kubeadm("token", "create", "--ttl", "10m", "--description", "a test").stdout.strip()
    assert token in cluster.kubeadm("token", "list").stdout
    listed = cluster.kubeadm("token", "list", "-o", "json").stdout
    assert '"description": "a test"' in listed
    command = cluster.kubeadm("token", "create", "--print-join-command").stdout
    assert command.startswith(f"kubeadm join 127.0.0.1:{6443 + cluster.offset} --token ") and cluster.pin() in command
    again = cluster.kubeadm("token", "create", token)
    assert f'a token with id "{token[:6]}" already exists' in again.stderr
    assert "deleted" in cluster.kubeadm("token", "delete", token).stdout
    assert token not in cluster.kubeadm("token", "list").stdout
    assert "time: invalid duration" in cluster.kubeadm("token", "create", "--ttl", "soon").stderr


def test_upload_certs_stores_them_encrypted(cluster):
    done = cluster.kubeadm("init", "phase", "upload-certs", "--upload-certs")
    key = done.stdout.strip().splitlines()[-1]
    assert len(bytes.fromhex(key)) == 32
    data = cluster.get("/api/v1/namespaces/kube-system/secrets/kubeadm-certs")["data"]
    assert "ca.key" in data and b"PRIVATE" not in base64.b64decode(data["ca.key"])


def test_a_death_in_the_middle_leaves_what_was_done_and_a_rerun_is_refused(machine):
    node = machine()
    node.faults(die_after="control-plane")
    done = node.kubeadm("init", "--config", node.init_config())
    assert done.returncode == -signal.SIGKILL
    assert node.exists("/etc/kubernetes/manifests/kube-apiserver.yaml") and not node.exists("/var/lib/kubelet/config.yaml")
    node.faults()
    done = node.kubeadm("init", "--config", node.init_config())
    assert done.returncode == 1 and "already exists" in done.stderr
    ignored = "FileAvailable--etc-kubernetes-manifests-kube-apiserver.yaml,FileAvailable--etc-kubernetes-manifests-etcd.yaml"
    ca = node.read(f"{PKI}/ca.crt")
    done = node.kubeadm("init", "--config", node.init_config(), "--ignore-preflight-errors",
                        ignored + ",FileAvailable--etc-kubernetes-manifests-kube-controller-manager.yaml,"
                                  "FileAvailable--etc-kubernetes-manifests-kube-scheduler.yaml")
    assert done.returncode == 0, done.stderr
    assert "[certs] Using existing ca certificate authority" in done.stdout and node.read(f"{PKI}/ca.crt") == ca


def test_reset_stops_everything_and_empties_kubeadms_folders(machine):
    node = machine()
    assert node.kubeadm("init", "--config", node.init_config()).returncode == 0
    refused = node.kubeadm("reset")
    assert "aborted reset operation" in refused.stderr and node.get("/readyz") == "ok\n"
    done = node.kubeadm("reset", "-f")
    assert done.returncode == 0, done.stderr
    for path in (f"{PKI}/ca.crt", "/etc/kubernetes/admin.conf", "/var/lib/kubelet/config.yaml", "/var/lib/etcd/member"):
        assert not node.exists(path)
    again = node.kubeadm("init", "--config", node.init_config())
    assert again.returncode == 0, again.stderr


def test_reset_with_another_certificate_folder_leaves_the_usual_one(machine):
    node = machine()
    node.write(f"{PKI}/ca.key", "somebody's")
    node.write("/etc/kubernetes/nodeboot-init.unfinished", "begun")
    done = node.kubeadm("reset", "-f", "--cert-dir", "/run/nothing-there")
    assert done.returncode == 0, done.stderr
    assert node.read(f"{PKI}/ca.key") == "somebody's"
    assert node.exists("/etc/kubernetes/nodeboot-init.unfinished"), "it removes what it knows, not the folder's content"


def test_an_api_server_that_is_too_slow_is_an_error(machine):
    node = machine()
    node.faults(apiserver_start_delay=3600)
    path = node.init_config(init={"timeouts": {"controlPlaneComponentHealthCheck": "1s"}})
    done = node.kubeadm("init", "--config", path)
    assert done.returncode == 1
    assert "[control-plane-check] kube-apiserver is not healthy after 1s" in done.stdout
    assert "error execution phase wait-control-plane" in done.stderr


def test_1_29_speaks_v1beta3_and_gives_kubelet_its_socket_by_flag(machine):
    node = machine(version="v1.29.15")
    done = node.kubeadm("init", "--config", node.init_config("v1beta3"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert node.exists("/etc/kubernetes/super-admin.conf")
    flags = node.read("/var/lib/kubelet/kubeadm-flags.env")
    assert "--container-runtime-endpoint=unix:///var/run/containerd/containerd.sock" in flags
    assert "--pod-infra-container-image=registry.k8s.io/pause:3.9" in flags
    assert yaml.safe_load(node.get("/api/v1/namespaces/kube-system/configmaps/kubeadm-config")["data"][
        "ClusterConfiguration"])["apiVersion"] == "kubeadm.k8s.io/v1beta3"


def test_an_administrator_is_somebody_only_after_init(cluster):
    assert cluster.api().get("/api/v1/secrets")["items"]
    with pytest.raises(client.ApiError) as refused:
        cluster.with_token(None).get("/api/v1/secrets")
    assert refused.value.code == 403
