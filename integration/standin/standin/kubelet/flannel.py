"""What a flannel pod does to its node: CNI configuration, subnet file, VXLAN link, annotations on the Node.

It asks the API as its service account, so the manifest's RBAC rules are needed as they are for real.
"""
import ipaddress
import json
import subprocess

from .. import client, files, kubeconfig, place
from .settings import Settings

_BRIDGE = "/proc/sys/net/bridge/bridge-nf-call-iptables"


class Failed(Exception):
    """flanneld would exit with this text."""


def run(kubelet: client.Client, settings: Settings, pod: dict, proxy_runs: bool) -> None:
    config = _config(kubelet, pod)
    host_paths = {v["name"]: v["hostPath"]["path"] for v in pod["spec"].get("volumes") or [] if "hostPath" in v}
    _init_containers(pod, host_paths, config)
    network = _network(config)
    if not proxy_runs:
        raise Failed('Failed to create SubnetManager: error retrieving pod spec: Get "https://10.96.0.1:443/api/v1/": '
                     "dial tcp 10.96.0.1:443: i/o timeout")
    if not place.at(_BRIDGE).exists():
        raise Failed(f"Failed to check br_netfilter: stat {_BRIDGE}: no such file or directory")
    api = _as_account(kubelet, settings, pod)
    node = settings.node_name
    try:
        api.get(f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}")
        api.get("/api/v1/nodes")
        subnet = _subnet(api.get(f"/api/v1/nodes/{node}"), network)
        api.patch(f"/api/v1/nodes/{node}/status", {"metadata": {"annotations": _annotations(settings, network)}})
    except client.ApiError as error:
        raise Failed(f"Error registering network: failed to acquire lease: {error}") from None
    link_mtu = _link(settings, network, subnet)
    run_folder = host_paths.get("run")
    if run_folder != "/run/flannel":
        raise Failed("Failed to write subnet file: open /run/flannel/subnet.env: no such file or directory")
    gateway = f"{subnet[1]}/{subnet.prefixlen}"
    files.write(f"{run_folder}/subnet.env", f"FLANNEL_NETWORK={network['Network']}\nFLANNEL_SUBNET={gateway}\n"
                f"FLANNEL_MTU={link_mtu}\nFLANNEL_IPMASQ={str(_masquerades(pod)).lower()}\n", 0o644)


def _config(kubelet: client.Client, pod: dict) -> dict:
    namespace = pod["metadata"]["namespace"]
    for volume in pod["spec"].get("volumes") or []:
        if "configMap" in volume:
            return kubelet.get(f"/api/v1/namespaces/{namespace}/configmaps/{volume['configMap']['name']}")["data"]
    raise Failed("Failed to find net-conf.json: open /etc/kube-flannel/net-conf.json: no such file or directory")


def _init_containers(pod: dict, host_paths: dict, config: dict) -> None:
    """install-cni-plugin and install-cni, recognised by what they write to."""
    for container in pod["spec"].get("initContainers") or []:
        words = (container.get("command") or []) + (container.get("args") or [])
        mounts = {m["mountPath"].rstrip("/"): host_paths.get(m["name"]) for m in container.get("volumeMounts") or []}
        target = words[-1] if words else ""
        folder = mounts.get(target.rpartition("/")[0])
        if folder is None:
            raise Failed(f"cp: can't create '{target}': No such file or directory")
        path = f"{folder}/{target.rpartition('/')[2]}"
        if target.endswith("/flannel"):
            files.write(path, "#!/bin/sh\necho 'stand-in CNI plugin flannel (not flannel)' >&2\nexit 1\n", 0o755)
        else:
            json.loads(config.get("cni-conf.json", ""))
            files.write(path, config["cni-conf.json"], 0o644)


def _network(config: dict) -> dict:
    try:
        found = json.loads(config["net-conf.json"])
        ipaddress.ip_network(found["Network"])
    except (KeyError, ValueError) as error:
        raise Failed(f"Failed to create SubnetManager: error parsing subnet config: {error}") from None
    kind = (found.get("Backend") or {}).get("Type", "udp")
    if kind not in ("vxlan", "host-gw", "udp", "wireguard", "ipip", "alloc", "extension", "ipsec"):
        raise Failed(f"Error fetching backend: unknown backend type: {kind}")
    return found


def _subnet(node: dict, network: dict):
    name, given = node["metadata"]["name"], node["spec"].get("podCIDR")
    if not given:
        raise Failed(f'Error registering network: failed to acquire lease: node "{name}" pod cidr not assigned')
    subnet = ipaddress.ip_network(given)
    if not subnet.subnet_of(ipaddress.ip_network(network["Network"])):
        raise Failed(f'Error registering network: failed to acquire lease: subnet "{network["Network"]}" specified in '
                     f'the flannel net config doesn\'t contain "{given}" PodCIDR of the "{name}" node')
    return subnet


def _annotations(settings: Settings, network: dict) -> dict:
    prefix = "flannel.alpha.coreos.com"
    return {f"{prefix}/backend-data": json.dumps({"VNI": 1, "VtepMAC": "02:00:00:00:00:01"}),
            f"{prefix}/backend-type": network["Backend"]["Type"], f"{prefix}/kube-subnet-manager": "true",
            f"{prefix}/public-ip": settings.address}


def _as_account(kubelet: client.Client, settings: Settings, pod: dict) -> client.Client:
    account = pod["spec"].get("serviceAccountName", "default")
    path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/serviceaccounts/{account}/token"
    token = kubelet.create(path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}})
    access = kubeconfig.Access(settings.flags["kubeconfig"])
    return client.trusting(access.server, access.ca, token["status"]["token"])


def _masquerades(pod: dict) -> bool:
    return "--ip-masq" in (pod["spec"]["containers"][0].get("args") or [])


def _link(settings: Settings, network: dict, subnet) -> int:
    """Makes flannel.1 where this is a real machine; returns its MTU. A link that cannot be made is no failure."""
    backend = network.get("Backend") or {}
    if place.ROOTED or backend.get("Type") != "vxlan":
        return 1450
    device, mtu = _device(settings.address)
    _ip("link", "add", "flannel.1", "type", "vxlan", "id", str(backend.get("VNI", 1)), "dev", device, "local",
        settings.address, "dstport", str(backend.get("Port") or 8472), "nolearning")
    _ip("link", "set", "flannel.1", "mtu", str(mtu - 50), "up")
    _ip("addr", "replace", f"{subnet[0]}/32", "dev", "flannel.1")
    return mtu - 50


def _device(address: str) -> tuple[str, int]:
    """(name, MTU) of the link that has the address."""
    shown = json.loads(_ip("-json", "addr", "show") or "[]")
    for link in shown:
        if any(a.get("local") == address for a in link.get("addr_info", [])):
            return link["ifname"], link.get("mtu", 1500)
    return "lo", 1500


def _ip(*words: str) -> str:
    try:
        return subprocess.run(["ip", *words], capture_output=True, text=True, timeout=10).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
