"""The configuration of a run: the file's documents, defaulted, in one form whatever the API version was.

Dictionaries keep the field names of v1beta4 (extraArgs as lists of {name, value}, timeouts).
"""
import copy
import ipaddress
import re
import secrets
from dataclasses import dataclass, field

from .. import files, gotext, host, images, place
from . import documents, validation
from .errors import KubeadmError

TIMEOUTS = {"controlPlaneComponentHealthCheck": "4m0s", "kubeletHealthCheck": "4m0s", "kubernetesAPICall": "1m0s",
            "etcdAPICall": "2m0s", "tlsBootstrap": "5m0s", "discovery": "5m0s", "upgradeManifests": "5m0s"}
CONTROL_PLANE_TAINT = {"effect": "NoSchedule", "key": "node-role.kubernetes.io/control-plane"}


@dataclass
class Init:
    """InitConfiguration and ClusterConfiguration, and the component configurations of the same file."""
    init: dict
    cluster: dict
    kubelet: dict = field(default_factory=dict)
    proxy: dict = field(default_factory=dict)

    @property
    def node(self) -> dict:
        return self.init["nodeRegistration"]

    @property
    def address(self) -> str:
        return self.init["localAPIEndpoint"]["advertiseAddress"]

    @property
    def port(self) -> int:
        return self.init["localAPIEndpoint"]["bindPort"]

    @property
    def local_endpoint(self) -> str:
        return f"https://{self.address}:{self.port}"

    @property
    def endpoint(self) -> str:
        """https:// and controlPlaneEndpoint, or the local API server's address."""
        return "https://" + (self.cluster.get("controlPlaneEndpoint") or f"{self.address}:{self.port}")

    def timeout(self, name: str) -> float:
        return gotext.parse_duration(self.init["timeouts"][name])


@dataclass
class Join:
    join: dict

    @property
    def node(self) -> dict:
        return self.join["nodeRegistration"]

    def timeout(self, name: str) -> float:
        return gotext.parse_duration(self.join["timeouts"][name])


def text_of(path: str) -> str:
    try:
        return files.read(path) if path.startswith("/") else open(path).read()
    except OSError as error:
        raise KubeadmError(f'unable to read config from "{path}" : open {path}: {error.strerror.lower()}') from None


def load_init(path: str | None, overrides: dict | None = None, strict: bool = False) -> Init:
    """From a file, or from flags alone when `path` is None. `overrides`: nodeRegistration.name and such."""
    found = documents.read(text_of(path), strict) if path else documents.Documents()
    if path and not {"InitConfiguration", "ClusterConfiguration"} & set(found.kinds):
        raise KubeadmError("no InitConfiguration or ClusterConfiguration kind was found in the configuration file")
    init = _internal(found.kinds.get("InitConfiguration", {}), found.version)
    cluster = _internal(found.kinds.get("ClusterConfiguration", {}), found.version)
    timeout = (cluster.get("apiServer") or {}).pop("timeoutForControlPlane", None)
    if timeout:
        init.setdefault("timeouts", {})["controlPlaneComponentHealthCheck"] = timeout
    loaded = Init(init, cluster, found.kinds.get("KubeletConfiguration", {}), found.kinds.get("KubeProxyConfiguration", {}))
    for name, value in (overrides or {}).items():
        section, _, key = name.rpartition(".")
        target = {"node": init.setdefault("nodeRegistration", {}), "cluster": cluster, "init": init,
                  "networking": cluster.setdefault("networking", {}),
                  "local": init.setdefault("localAPIEndpoint", {})}[section]
        target[key] = value
    default_init(loaded)
    validation.check_init(loaded)
    return loaded


def load_join(path: str | None, flags: dict | None = None, strict: bool = False) -> Join:
    found = documents.read(text_of(path), strict) if path else documents.Documents()
    if path and "JoinConfiguration" not in found.kinds:
        raise KubeadmError("no JoinConfiguration found in config file " + path if place.minor() < 29 else
                           "no JoinConfiguration found in the supplied config")
    join = _internal(found.kinds.get("JoinConfiguration", flags or {}), found.version)
    discovery = join.setdefault("discovery", {})
    timeout = discovery.pop("timeout", None)
    join["timeouts"] = TIMEOUTS | (join.get("timeouts") or {}) | ({"discovery": timeout} if timeout else {})
    join.setdefault("caCertPath", f"{place.PKI_DIR}/ca.crt")
    if discovery.get("bootstrapToken") and not discovery.get("tlsBootstrapToken"):
        discovery["tlsBootstrapToken"] = discovery["bootstrapToken"].get("token", "")
    _default_node(join.setdefault("nodeRegistration", {}), join.get("controlPlane") is not None)
    if join.get("controlPlane") is not None:
        join["controlPlane"] = join["controlPlane"] or {}
        _default_endpoint(join["controlPlane"].setdefault("localAPIEndpoint", {}))
    loaded = Join(join)
    validation.check_join(loaded)
    return loaded


def _internal(document: dict, version: str) -> dict:
    """v1beta3's maps of extra arguments become v1beta4's lists."""
    made = copy.deepcopy(document)
    if version == "v1beta3":
        for section in (made.get("apiServer"), made.get("controllerManager"), made.get("scheduler"),
                        (made.get("etcd") or {}).get("local"), made.get("nodeRegistration")):
            for key in ("extraArgs", "kubeletExtraArgs"):
                if isinstance((section or {}).get(key), dict):
                    section[key] = [{"name": n, "value": v} for n, v in sorted(section[key].items())]
    made.pop("apiVersion", None), made.pop("kind", None)
    return {k: v for k, v in made.items() if v is not None}


def default_init(loaded: Init) -> None:
    init, cluster = loaded.init, loaded.cluster
    init["timeouts"] = TIMEOUTS | (init.get("timeouts") or {})
    _default_node(init.setdefault("nodeRegistration", {}), control_plane=True)
    _default_endpoint(init.setdefault("localAPIEndpoint", {}))
    for token in init.setdefault("bootstrapTokens", [{}]) or []:
        token.setdefault("token", new_token())
        token.setdefault("ttl", "24h0m0s" if "expires" not in token else None)
        token.setdefault("usages", ["signing", "authentication"])
        token.setdefault("groups", ["system:bootstrappers:kubeadm:default-node-token"])
    networking = cluster.setdefault("networking", {})
    networking.setdefault("serviceSubnet", "10.96.0.0/12")
    networking.setdefault("dnsDomain", "cluster.local")
    cluster.setdefault("clusterName", "kubernetes")
    cluster.setdefault("certificatesDir", place.PKI_DIR)
    cluster.setdefault("imageRepository", images.REPOSITORY)
    cluster.setdefault("kubernetesVersion", place.version())
    if not cluster["kubernetesVersion"].startswith("v"):
        cluster["kubernetesVersion"] = "v" + cluster["kubernetesVersion"]
    local = cluster.setdefault("etcd", {"local": {}}).setdefault("local", {})
    local.setdefault("dataDir", place.ETCD_DIR)
    for component in ("apiServer", "controllerManager", "scheduler", "dns", "proxy"):
        cluster.setdefault(component, {})
    cluster.setdefault("certificateValidityPeriod", "8760h0m0s")
    cluster.setdefault("caCertificateValidityPeriod", "87600h0m0s")
    cluster.setdefault("encryptionAlgorithm", "RSA-2048")
    endpoint = cluster.get("controlPlaneEndpoint")
    if endpoint and not re.search(r":\d+$", endpoint):
        cluster["controlPlaneEndpoint"] = f"{endpoint}:{loaded.port}"


def _default_node(node: dict, control_plane: bool) -> None:
    node["name"] = (node.get("name") or host.hostname()).strip().lower()
    if node.get("taints") is None and control_plane:
        node["taints"] = [dict(CONTROL_PLANE_TAINT)]
    node.setdefault("criSocket", place.CONTAINERD_SOCKET)
    if "://" not in node["criSocket"]:
        gotext.warning('Usage of CRI endpoints without URL scheme is deprecated and can cause kubelet errors in the '
                       f'future. Automatically prepending scheme "unix" to the "criSocket" with value '
                       f'"{node["criSocket"]}". Please update your configuration!')
        node["criSocket"] = "unix://" + node["criSocket"]
    node.setdefault("imagePullPolicy", "IfNotPresent")


def _default_endpoint(endpoint: dict) -> None:
    endpoint.setdefault("bindPort", 6443)
    if not endpoint.get("advertiseAddress"):
        endpoint["advertiseAddress"] = host.default_address() or "0.0.0.0"


def new_token() -> str:
    letters = "0123456789abcdefghijklmnopqrstuvwxyz"
    pick = lambda count: "".join(secrets.choice(letters) for _ in range(count))
    return f"{pick(6)}.{pick(16)}"


def service_ip(cluster: dict, index: int) -> str:
    return str(ipaddress.ip_network(cluster["networking"]["serviceSubnet"].split(",")[0])[index])
