"""kubeadm join: what it refuses, with the real words; and what it leaves when it dies."""
import base64
import signal
import time
from concurrent.futures import ThreadPoolExecutor

from fakemachine import wait_for

from standin import client


def join(worker, control, **more):
    return worker.kubeadm("join", "--config", worker.join_config(control, **more))


def signed(control, token: str) -> bool:
    """Does cluster-info bear the token's signature?"""
    info = control.get("/api/v1/namespaces/kube-public/configmaps/cluster-info")["data"]
    return f"jws-kubeconfig-{token[:6]}" in info


def test_a_wrong_ca_hash_is_refused(cluster, machine):
    worker = machine("w1")
    done = join(worker, cluster, token={"caCertHashes": ["sha256:" + "ab" * 32]})
    assert done.returncode == 1
    assert ("couldn't validate the identity of the API Server: cluster CA found in cluster-info ConfigMap is invalid: "
            f'none of the public keys "{cluster.pin()}" are pinned') in done.stderr
    assert not worker.exists("/etc/kubernetes/bootstrap-kubelet.conf") and not worker.exists("/var/lib/kubelet")


def test_an_unknown_token_is_tried_until_the_discovery_timeout(cluster, machine):
    began = time.monotonic()
    done = join(machine("w1"), cluster, token={"token": "nosuch.0123456789abcdef"}, discovery="2s")
    assert done.returncode == 1 and time.monotonic() - began >= 2
    assert ('couldn\'t validate the identity of the API Server: could not find a JWS signature in the cluster-info '
            'ConfigMap for token ID "nosuch"') in done.stderr


def test_a_token_with_the_wrong_secret_cannot_verify_the_signature(cluster, machine):
    done = join(machine("w1"), cluster, token={"token": "abcdef.ffffffffffffffff"})
    assert "failed to verify JWS signature of received cluster info object, can't trust this API Server" in done.stderr


def test_an_expired_token_is_gone(cluster, machine):
    token = cluster.kubeadm("token", "create", "--ttl", "1h").stdout.strip()
    wait_for(lambda: signed(cluster, token))
    # Its hour is over. (One of two seconds could be over before it was ever signed.)
    cluster.api().patch(f"/api/v1/namespaces/kube-system/secrets/bootstrap-token-{token[:6]}", {"data": {
        "expiration": base64.b64encode(b"2020-01-01T00:00:00Z").decode()}})
    wait_for(lambda: not signed(cluster, token))
    done = join(machine("w1"), cluster, token={"token": token}, discovery="1s")
    assert f'could not find a JWS signature in the cluster-info ConfigMap for token ID "{token[:6]}"' in done.stderr


def test_a_token_that_is_signed_late_works_then(cluster, machine):
    cluster.faults(token_signing_delay=3600)
    token = cluster.kubeadm("token", "create").stdout.strip()
    worker = machine("late")
    with ThreadPoolExecutor(1) as runs:
        joining = runs.submit(join, worker, cluster, token={"token": token})
        time.sleep(2)  # for it to ask in vain
        assert not signed(cluster, token) and not joining.done()
        cluster.faults()
        done = joining.result()
    assert done.returncode == 0, done.stderr + worker.log("kubelet")


def test_a_server_that_is_not_there_is_named(cluster, machine):
    done = join(machine("w1"), cluster, token={"apiServerEndpoint": "127.0.0.1:1"}, discovery="1s")
    assert "failed to request the cluster-info ConfigMap" in done.stderr and "connection refused" in done.stderr


def test_the_name_of_a_ready_node_is_taken(cluster, machine):
    (cluster.root / "etc/cni/net.d/10-x.conflist").write_text("{}")
    wait_for(lambda: any(c["type"] == "Ready" and c["status"] == "True"
                         for c in cluster.get("/api/v1/nodes/cp1")["status"]["conditions"]))
    worker = machine("cp1")
    done = join(worker, cluster)
    assert ('a Node with name "cp1" and status "Ready" already exists in the cluster. You must delete the existing Node '
            'or change the name of this new joining Node') in done.stderr
    assert not worker.exists("/etc/kubernetes/bootstrap-kubelet.conf")
    assert worker.exists("/etc/kubernetes/pki/ca.crt"), "as for real: the next join trips over it"


def test_a_second_join_is_refused_and_after_reset_it_works(cluster, machine):
    worker = machine("again")
    done = join(worker, cluster)
    assert done.returncode == 0, done.stderr + worker.log("kubelet")
    done = join(worker, cluster)
    assert "/etc/kubernetes/kubelet.conf already exists" in done.stderr
    assert f"Port {10250 + worker.offset} is in use" in done.stderr
    assert worker.kubeadm("reset", "-f").returncode == 0
    assert cluster.kubectl("delete", "node", "again").returncode == 0
    done = join(worker, cluster)
    assert done.returncode == 0, done.stderr
    wait_for(lambda: "again" in cluster.kubectl("get", "nodes").stdout)


def test_a_death_in_the_middle_leaves_a_half_join(cluster, machine):
    worker = machine("half")
    worker.faults(die_after="join/kubelet-files")
    assert join(worker, cluster).returncode == -signal.SIGKILL
    assert worker.exists("/etc/kubernetes/bootstrap-kubelet.conf") and worker.exists("/etc/kubernetes/pki/ca.crt")
    worker.faults()
    done = join(worker, cluster)
    assert "bootstrap-kubelet.conf already exists" in done.stderr and "pki/ca.crt already exists" in done.stderr


def test_a_csr_that_nobody_approves_ends_in_the_timeout(cluster, machine):
    cluster.faults(csr_approval_delay=600)
    worker = machine("waits")
    done = join(worker, cluster, tls_bootstrap="1s")
    cluster.faults()
    assert done.returncode == 1 and "timed out waiting for the condition" in done.stderr
    assert worker.exists("/etc/kubernetes/kubelet.conf"), "as for real: written before the certificate it names"


def test_registration_follows_the_configuration(cluster, machine):
    worker = machine("shaped")
    done = join(worker, cluster, nodeRegistration={
        "name": "other-name", "taints": [{"key": "dedicated", "value": "db", "effect": "NoSchedule"}],
        "kubeletExtraArgs": [{"name": "node-labels", "value": "tier=db"}, {"name": "node-ip", "value": "127.0.0.9"}]})
    assert done.returncode == 0, done.stderr + worker.log("kubelet")
    node = wait_for(lambda: next((n for n in cluster.get("/api/v1/nodes")["items"]
                                  if n["metadata"]["name"] == "other-name"), None))
    assert node["metadata"]["labels"]["tier"] == "db"
    assert {"key": "dedicated", "value": "db", "effect": "NoSchedule"} in node["spec"]["taints"]
    assert node["status"]["addresses"][0] == {"type": "InternalIP", "address": "127.0.0.9"}
    assert "--hostname-override=other-name" in worker.read("/var/lib/kubelet/kubeadm-flags.env")


def test_a_bootstrap_token_may_do_what_a_join_does_and_no_more(cluster):
    api = cluster.with_token("abcdef.0123456789abcdef")
    assert api.get("/api/v1/nodes/cp1") and api.get("/api/v1/namespaces/kube-system/configmaps/kubelet-config")
    for path in ("/api/v1/nodes", "/api/v1/namespaces/kube-system/secrets", "/api/v1/pods"):
        try:
            api.get(path)
            raise AssertionError(f"{path} was readable")
        except client.ApiError as error:
            assert error.code == 403 and 'User "system:bootstrap:abcdef" cannot list resource' in str(error)
