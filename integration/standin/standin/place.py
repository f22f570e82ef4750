"""Where things are: the root folder, the fixed ports, what version this is, which faults are asked for.

A test sets STANDIN_ROOT (every file below that folder), STANDIN_PORT_OFFSET (added to Kubernetes' fixed ports)
and STANDIN_VERSION. On a machine none of these is set and the version comes from build.json in the program.
"""
import json
import os
import pkgutil
from pathlib import Path

ROOTED = "STANDIN_ROOT" in os.environ
ROOT = Path(os.environ.get("STANDIN_ROOT", "/"))
_OFFSET = int(os.environ.get("STANDIN_PORT_OFFSET", "0"))

KUBERNETES_DIR = "/etc/kubernetes"
MANIFESTS_DIR = "/etc/kubernetes/manifests"
PKI_DIR = "/etc/kubernetes/pki"
KUBELET_DIR = "/var/lib/kubelet"
ETCD_DIR = "/var/lib/etcd"
CONTAINERD_SOCKET = "unix:///var/run/containerd/containerd.sock"


def at(path: str | Path) -> Path:
    """The file that `path` (as it is on a machine) is in this run."""
    return ROOT / str(path).lstrip("/")


def port(number: int) -> int:
    return number + _OFFSET


def build() -> dict:
    """{"version": "v1.34.2", "arch": "amd64"}"""
    data = pkgutil.get_data("standin", "build.json") if "STANDIN_VERSION" not in os.environ else None
    found = json.loads(data) if data else {}
    return {"version": os.environ.get("STANDIN_VERSION", found.get("version", "v1.34.2")),
            "arch": found.get("arch", "amd64")}


def version() -> str:
    return build()["version"]


def minor() -> int:
    return int(version().lstrip("v").split(".")[1])


def fault(name: str, default=None):
    """A misbehaviour that a test asked for in /etc/standin/faults.json; `default` when it did not.

    die_after: kubeadm kills itself (SIGKILL) after this phase, for example "certs" or "kubelet-start"
    apiserver_start_delay: seconds before the API server listens
    token_signing_delay: seconds before a new bootstrap token is signed into cluster-info
    csr_approval_delay: seconds before a node's certificate request is approved
    node_monitor_grace: seconds without a sign of life until a node is Unknown (real: 50, before 1.32: 40)
    lenient_fields: true: unknown fields in a configuration are a warning only, which is what real Kubernetes does
    """
    path = at("/etc/standin/faults.json")
    try:
        return json.loads(path.read_text()).get(name, default)
    except FileNotFoundError:
        return default


def banner(program: str) -> str:
    return f"stand-in {program} (not Kubernetes) {version()}"
