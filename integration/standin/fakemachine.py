"""A machine for the stand-in's own tests: a temporary root with a bundle's programs in it, no privilege needed."""
import base64
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"
sys.path.insert(0, str(HERE))

from standin import client, pki  # noqa: E402

_FIRST, _LAST = 11000, 22400  # with them every port lies below those that the kernel gives to outgoing connections
_next_block = (_FIRST + n % (_LAST - _FIRST) for n in itertools.count(os.getpid() * 50, 10))


def _free_offset() -> tuple[int, socket.socket]:
    """An offset that leaves kubelet's, etcd's and the other fixed ports free, and what keeps it from tests that run
    beside these until it is closed: the ports themselves are not bound before the programs run."""
    for offset in _next_block:
        taken = socket.socket(socket.AF_UNIX)
        try:
            taken.bind(f"\0nodeboot-standin-{offset}")
            if all(_is_free(p + offset) for p in (10248, 10250, 10257, 10259, 2379, 2380, 2381, 6443)):
                return offset, taken
        except OSError:
            pass
        taken.close()
    raise RuntimeError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
            return True
        except (OSError, OverflowError):
            return False


class Machine:
    """One machine: a root folder, its own ports, and what a test says about its hardware."""

    def __init__(self, root: Path, bundle: Path, name: str, **facts):
        self.root, self.name = root, name
        self.offset, self._taken = _free_offset()
        self.version = json.loads((bundle / "manifest.json").read_text())["kubernetes"]
        for folder in ("usr/bin", "run", "etc/cni/net.d", "proc/sys/net/ipv4", "proc/sys/net/bridge", "var/lib"):
            (root / folder).mkdir(parents=True)
        for program in (bundle / "bin").iterdir():
            (root / "usr/bin" / program.name).write_bytes(program.read_bytes())
        (root / "opt/cni").mkdir(parents=True)
        subprocess.run(["cp", "-r", bundle / "cni", root / "opt/cni/bin"], check=True)
        (root / "proc/sys/net/ipv4/ip_forward").write_text("1\n")
        (root / "proc/sys/net/bridge/bridge-nf-call-iptables").write_text("1\n")
        (root / "etc/resolv.conf").write_text("nameserver 127.0.0.9\n")
        (root / "proc/swaps").write_text("Filename Type Size Used Priority\n")
        self.facts(hostname=name, address="127.0.0.1", **facts)
        self.cri()

    def facts(self, **facts) -> None:
        path = self.root / "standin-host.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        self._put("standin-host.json", known | facts)

    def cri(self, **state) -> None:
        self._put("run/standin-cri.json", state)

    def faults(self, **faults) -> None:
        (self.root / "etc/standin").mkdir(parents=True, exist_ok=True)
        self._put("etc/standin/faults.json", faults)

    def _put(self, path: str, content: dict) -> None:
        """At once: programs that run read it meanwhile."""
        new = self.root / f"{path}.new"
        new.write_text(json.dumps(content))
        new.replace(self.root / path)

    @property
    def env(self) -> dict:
        return {"PATH": "/usr/bin:/bin", "STANDIN_ROOT": str(self.root), "STANDIN_PORT_OFFSET": str(self.offset),
                "HOME": "/nonexistent"}

    def run(self, program: str, *words: str, timeout: float = 600, stdin: str = "") -> subprocess.CompletedProcess:
        return subprocess.run([PYTHON, str(self.root / "usr/bin" / program), *words], env=self.env, text=True,
                              capture_output=True, timeout=timeout, input=stdin)

    def kubeadm(self, *words: str, **more) -> subprocess.CompletedProcess:
        return self.run("kubeadm", *words, **more)

    def kubectl(self, *words: str) -> subprocess.CompletedProcess:
        return self.run("kubectl", "--request-timeout=2m", "--kubeconfig", "/etc/kubernetes/admin.conf", *words)

    def get(self, path: str):
        found = self.kubectl("get", "--raw", path)
        assert found.returncode == 0, found.stderr
        return json.loads(found.stdout) if found.stdout.startswith("{") else found.stdout

    def api(self, conf: str = "admin.conf"):
        """A client with the credentials of /etc/kubernetes/<conf>."""
        document = yaml.safe_load(self.read(f"/etc/kubernetes/{conf}"))
        cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
        made = client.trusting(cluster["server"], base64.b64decode(cluster["certificate-authority-data"]))
        cert, key = (base64.b64decode(user[f"client-{n}-data"]) if f"client-{n}-data" in user
                     else (self.root / user[f"client-{n}"].lstrip("/")).read_bytes() for n in ("certificate", "key"))
        client.load_pair(made.context, cert, key)
        return made

    def with_token(self, token: str | None):
        """A client with a bearer token, or with nothing at all."""
        ca = self.read("/etc/kubernetes/pki/ca.crt").encode()
        return client.trusting(f"https://127.0.0.1:{6443 + self.offset}", ca, token)

    def write(self, path: str, text: str) -> str:
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return path

    def read(self, path: str) -> str:
        return (self.root / path.lstrip("/")).read_text()

    def exists(self, path: str) -> bool:
        return (self.root / path.lstrip("/")).exists()

    def log(self, name: str) -> str:
        path = self.root / f"var/log/{name}.log"
        return path.read_text() if path.exists() else ""

    def start_kubelet(self) -> subprocess.Popen:
        words = ["--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf",
                 "--kubeconfig=/etc/kubernetes/kubelet.conf", "--config=/var/lib/kubelet/config.yaml"]
        with open(self.root / "kubelet-by-test.log", "ab") as log:
            started = subprocess.Popen([PYTHON, str(self.root / "usr/bin/kubelet"), *words], env=self.env, stdout=log,
                                       stderr=log, start_new_session=True)
        (self.root / "run/kubelet.pid").write_text(str(started.pid))
        return started

    def kill(self, name: str) -> None:
        """SIGKILL to "kubelet" or "standin-control-plane"."""
        path = self.root / f"run/{name}.pid"
        if path.exists():
            pid = int(path.read_text())
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            wait_for(lambda: _is_gone(pid))  # what is started in its place needs its ports
            path.unlink()

    def stop(self) -> None:
        for name in ("kubelet", "standin-control-plane"):
            self.kill(name)

    def close(self) -> None:
        self.stop()
        self._taken.close()

    def init_config(self, version: str = "v1beta4", **more) -> str:
        """A kubeadm configuration file; `more`: nodeRegistration=..., cluster=..., extra documents as `documents`."""
        init = {"apiVersion": f"kubeadm.k8s.io/{version}", "kind": "InitConfiguration",
                "bootstrapTokens": [{"token": "abcdef.0123456789abcdef", "ttl": "1h"}],
                "localAPIEndpoint": {"advertiseAddress": "127.0.0.1", "bindPort": 6443 + self.offset}}
        init.update(more.get("init", {}))
        cluster = {"apiVersion": f"kubeadm.k8s.io/{version}", "kind": "ClusterConfiguration",
                   "kubernetesVersion": self.version, "controlPlaneEndpoint": f"127.0.0.1:{6443 + self.offset}",
                   "networking": {"podSubnet": "10.244.0.0/16"}}
        if version == "v1beta4":
            cluster["encryptionAlgorithm"] = "ECDSA-P256"  # seconds faster; the shared cluster keeps kubeadm's RSA
        cluster.update(more.get("cluster", {}))
        documents = [init, cluster, *more.get("documents", [])]
        return self.write("/etc/nodeboot/kubeadm.yaml", "\n---\n".join(json.dumps(d) for d in documents))

    def join_config(self, control: "Machine", version: str = "v1beta4", discovery: str = "3m", tls_bootstrap: str = "3m",
                    **more) -> str:
        """`discovery`, `tls_bootstrap`: how long kubeadm tries, for tests in which it is to give up."""
        token = {"token": "abcdef.0123456789abcdef", "apiServerEndpoint": f"127.0.0.1:{6443 + control.offset}",
                 "caCertHashes": [control.pin()]} | more.pop("token", {})
        join = {"apiVersion": f"kubeadm.k8s.io/{version}", "kind": "JoinConfiguration",
                "discovery": {"bootstrapToken": token}}
        if version == "v1beta4":
            join["timeouts"] = {"discovery": discovery, "kubeletHealthCheck": "3m", "tlsBootstrap": tls_bootstrap}
        else:
            join["discovery"]["timeout"] = discovery
        join.update(more)
        return self.write("/etc/nodeboot/join.yaml", json.dumps(join))

    def pin(self) -> str:
        return pki.pin(pki.load_cert(self.read("/etc/kubernetes/pki/ca.crt").encode()))


PATIENCE = 180  # seconds, for what takes one or two: on a machine that is busy with others' work it takes much longer


def _is_gone(pid: int) -> bool:
    """Ended; as a zombie, too, which has let go of everything when it has no other thread."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state == "Z" and len(os.listdir(f"/proc/{pid}/task")) == 1
    except OSError:
        return True


def wait_for(what, seconds: float = PATIENCE):
    """Calls `what` until it returns something true; fails with its last answer. What is not there yet, or does not answer
    yet, is waited for, too."""
    end, last = time.monotonic() + seconds, None
    while time.monotonic() < end:
        try:
            last = what()
            if last:
                return last
        except (AssertionError, OSError, client.ApiError, client.Unreachable) as error:
            last = error
        time.sleep(0.3)
    raise AssertionError(f"not within {seconds} s: {last!r}")


def wait_until(what, wanted, seconds: float = PATIENCE) -> None:
    """Calls `what` until it returns `wanted`; fails with its last answer beside that."""
    seen = []

    def same() -> bool:
        seen[:] = [what()]
        return seen == [wanted]
    try:
        wait_for(same, seconds)
    except AssertionError as error:
        raise AssertionError(f"{error}; wanted {wanted!r}, last saw {seen}") from None
