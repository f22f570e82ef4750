"""What kubeadm checks in a configuration whose fields are all known and of the right type."""
import ipaddress
import re

from .. import gotext, place
from ..apiserver.validation import SUBDOMAIN
from .errors import KubeadmError

TOKEN = re.compile(r"^[a-z0-9]{6}\.[a-z0-9]{16}$")
INIT_PHASES = ["preflight", "certs", "kubeconfig", "etcd", "control-plane", "kubelet-start", "wait-control-plane",
               "upload-config", "upload-certs", "mark-control-plane", "bootstrap-token", "kubelet-finalize", "addon",
               "show-join-command"]
JOIN_PHASES = ["preflight", "control-plane-prepare", "check-etcd", "kubelet-start", "etcd-join",
               "control-plane-join", "wait-control-plane", "kubelet-wait-bootstrap"]


class _Errors(list):
    def invalid(self, field: str, value, why: str) -> None:
        shown = f'"{value}"' if isinstance(value, str) else str(value)
        self.append(f"{field}: Invalid value: {shown}: {why}")

    def stop(self) -> None:
        if self:
            raise KubeadmError(self[0] if len(self) == 1 else "[" + ", ".join(self) + "]", code=3)


def check_init(loaded) -> None:
    errors = _Errors()
    _node(errors, loaded.node)
    for index, token in enumerate(loaded.init["bootstrapTokens"]):
        if not TOKEN.match(token["token"]):
            raise KubeadmError(f'the bootstrap token "{token["token"]}" was not of the form '
                               r'"\\A([a-z0-9]{6})\\.([a-z0-9]{16})\\z"')
        for usage in token["usages"]:
            if usage not in ("signing", "authentication"):
                errors.invalid(f"bootstrapTokens[{index}].usages", ",".join(token["usages"]),
                               f"invalid bootstrap token usage string: {usage}, valid usage options: "
                               "[authentication signing]")
        for group in token["groups"]:
            if not re.match(r"^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$", group):
                errors.invalid(f"bootstrapTokens[{index}].groups", token["groups"],
                               f'bootstrap group "{group}" is invalid (must match '
                               r"\Asystem:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]\z)")
    _cluster(errors, loaded.cluster)
    _endpoint(errors, loaded.init["localAPIEndpoint"], "localAPIEndpoint")
    _certificate_key(errors, loaded.init.get("certificateKey"), "certificateKey")
    check_phases(loaded.init.get("skipPhases") or [], INIT_PHASES)
    errors.stop()


def check_phases(skipped: list[str], known: list[str]) -> None:
    for phase in skipped:
        if phase.split("/")[0] not in known:
            raise KubeadmError(f"invalid phase name: {phase}")


def _cluster(errors: _Errors, cluster: dict) -> None:
    version = cluster["kubernetesVersion"]
    found = re.match(r"^v(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?$", version)
    if not found:
        raise KubeadmError(f'version "{version}" doesn\'t match patterns for neither semantic version nor labels '
                           "(stable, latest, ...)")
    if int(found[2]) < place.minor() - 1:
        raise KubeadmError("this version of kubeadm only supports deploying clusters with the control plane version "
                           f">= 1.{place.minor() - 1}.0. Current version: {version}")
    networking = cluster["networking"]
    _subnet(errors, networking["serviceSubnet"], "serviceSubnet", 10)
    if networking.get("podSubnet"):
        _subnet(errors, networking["podSubnet"], "podSubnet", 14)
        _node_mask(errors, networking["podSubnet"], cluster.get("controllerManager") or {})
    if not SUBDOMAIN.match(networking["dnsDomain"]):
        errors.invalid("dnsDomain", networking["dnsDomain"], "a lowercase RFC 1123 subdomain must consist of lower "
                       "case alphanumeric characters, '-' or '.'")
    _host_port(errors, cluster.get("controlPlaneEndpoint"), "controlPlaneEndpoint")
    for index, san in enumerate(cluster["apiServer"].get("certSANs") or []):
        if not _is_address(san) and not SUBDOMAIN.match(san.lower().removeprefix("*.")):
            errors.invalid("apiServer.certSANs", san, "altname is not a valid IP address, DNS label or a DNS label "
                           "with subdomain wildcards")
    for name in cluster.get("featureGates") or {}:
        if name not in _feature_gates():
            errors.invalid("featureGates", cluster["featureGates"], f"{name} is not a valid feature name.")
    if cluster["encryptionAlgorithm"] not in ("ECDSA-P256", "RSA-2048", "RSA-3072", "RSA-4096"):
        errors.invalid("encryptionAlgorithm", cluster["encryptionAlgorithm"],
                       "must be one of [ECDSA-P256 RSA-2048 RSA-3072 RSA-4096]")
    if not cluster["certificatesDir"].startswith("/"):
        errors.invalid("certificatesDir", cluster["certificatesDir"], "path is not absolute")
    for component in ("apiServer", "controllerManager", "scheduler"):
        _arguments(errors, cluster[component].get("extraArgs") or [], f"{component}.extraArgs")


def _feature_gates() -> set[str]:
    minor = place.minor()
    gates = {"PublicKeysECDSA", "RootlessControlPlane", "EtcdLearnerMode"} if minor < 34 else {"RootlessControlPlane"}
    if minor >= 31:
        gates |= {"ControlPlaneKubeletLocalMode", "WaitForAllControlPlaneComponents"}
    if minor >= 32:
        gates |= {"NodeLocalCRISocket"}
    return gates


def _arguments(errors: _Errors, arguments: list, field: str) -> None:
    for index, argument in enumerate(arguments):
        if not argument.get("name"):
            errors.invalid(field, "", f"argument at index {index} has no name")


def _subnet(errors: _Errors, text: str, field: str, least: int) -> None:
    for part in text.split(","):
        try:
            network = ipaddress.ip_network(part, strict=False)
        except ValueError:
            errors.invalid(field, text, f"couldn't parse subnet: invalid CIDR address: {part}")
            continue
        if network.num_addresses < least:
            errors.invalid(field, text, f"subnet is too small. The minimum subnet size is {least}")
        if field == "serviceSubnet" and network.max_prefixlen - network.prefixlen > 20:
            errors.invalid(field, text, f"specified service subnet is too large; for {network.max_prefixlen}-bit "
                           f"addresses, the mask must be >= {network.max_prefixlen - 20}")


def _node_mask(errors: _Errors, text: str, manager: dict) -> None:
    arguments = {a["name"]: a["value"] for a in manager.get("extraArgs") or []}
    mask = int(arguments.get("node-cidr-mask-size", 24))
    for part in text.split(","):
        try:
            network = ipaddress.ip_network(part, strict=False)
        except ValueError:
            return
        if network.version == 4 and not network.prefixlen <= mask <= network.prefixlen + 16:
            errors.invalid("podSubnet", text, f"the size of pod subnet with mask {network.prefixlen} is smaller than "
                           f"the size of node subnet with mask {mask}")


def _endpoint(errors: _Errors, endpoint: dict, field: str) -> None:
    if not _is_address(endpoint["advertiseAddress"]):
        raise KubeadmError(f'couldn\'t use "{endpoint["advertiseAddress"]}" as "apiserver-advertise-address", must be '
                           "ipv4 or ipv6 address")
    if not 0 < endpoint["bindPort"] < 65536:
        errors.invalid(f"{field}.bindPort", str(endpoint["bindPort"]), "port number is not valid")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
        return True
    except ValueError:
        return False


def _host_port(errors: _Errors, text: str | None, field: str) -> None:
    if not text:
        return
    host, _, port = text.rpartition(":") if re.search(r":[^\]:]*$", text) else (text, "", "")
    good_port = not port or (port.isdigit() and 0 < int(port) < 65536)
    if not good_port or not (_is_address(host.strip("[]")) or SUBDOMAIN.match(host)):
        errors.invalid(field, text, f'"{text}" is not a valid host:port, or its host is neither an IP address nor a '
                       "DNS name" if good_port else f"port {port} is not a valid port number")


def _certificate_key(errors: _Errors, key: str | None, field: str) -> None:
    if key and not re.match(r"^[0-9a-fA-F]{64}$", key):
        errors.invalid(field, key, "certificate key must be a hex encoded AES key of 32 bytes")


def _node(errors: _Errors, node: dict) -> None:
    if not SUBDOMAIN.match(node["name"]) or len(node["name"]) > 253:
        errors.invalid("nodeRegistration.name", node["name"], "a lowercase RFC 1123 subdomain must consist of lower "
                       "case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character")
    if not node["criSocket"].startswith("unix:///"):
        errors.invalid("nodeRegistration.criSocket", node["criSocket"], "only URL scheme \"unix\" with an absolute "
                       "path is supported")
    if node["imagePullPolicy"] not in ("Always", "IfNotPresent", "Never"):
        errors.invalid("nodeRegistration.imagePullPolicy", node["imagePullPolicy"], "supported values: Always, "
                       "IfNotPresent, Never")
    _arguments(errors, node.get("kubeletExtraArgs") or [], "nodeRegistration.kubeletExtraArgs")


def check_join(loaded) -> None:
    errors, discovery = _Errors(), loaded.join["discovery"]
    token = discovery.get("bootstrapToken")
    if not token and not discovery.get("file"):
        errors.invalid("discovery", "", "bootstrapToken or file must be set")
    if token and discovery.get("file"):
        errors.invalid("discovery", "", "bootstrapToken and file cannot both be set")
    if token:
        _token_discovery(errors, token)
    if discovery.get("tlsBootstrapToken") and not TOKEN.match(discovery["tlsBootstrapToken"]):
        errors.invalid("discovery.tlsBootstrapToken", discovery["tlsBootstrapToken"], "the bootstrap token is invalid")
    if not discovery.get("tlsBootstrapToken") and token:
        errors.invalid("discovery.tlsBootstrapToken", "", "the bootstrap token is invalid")
    if not loaded.join["caCertPath"].startswith("/"):
        errors.invalid("caCertPath", loaded.join["caCertPath"], "path is not absolute")
    _node(errors, loaded.node)
    if loaded.join.get("controlPlane"):
        _endpoint(errors, loaded.join["controlPlane"]["localAPIEndpoint"], "controlPlane.localAPIEndpoint")
        _certificate_key(errors, loaded.join["controlPlane"].get("certificateKey"), "controlPlane.certificateKey")
    check_phases(loaded.join.get("skipPhases") or [], JOIN_PHASES)
    errors.stop()


def _token_discovery(errors: _Errors, found: dict) -> None:
    field = "discovery.bootstrapToken"
    if not TOKEN.match(found.get("token") or ""):
        errors.invalid(f"{field}.token", found.get("token") or "", "the bootstrap token is invalid")
    if not found.get("caCertHashes") and not found.get("unsafeSkipCAVerification"):
        errors.invalid(f"{field}.caCertHashes", "", "using token-based discovery without caCertHashes can be unsafe. "
                       "Set unsafeSkipCAVerification as true in your kubeadm config file or pass "
                       "--discovery-token-unsafe-skip-ca-verification flag to continue")
    endpoint = found.get("apiServerEndpoint") or ""
    if not endpoint:
        errors.append(f'{field}.apiServerEndpoint: Required value: API server endpoint is required')
    elif not re.search(r":\d+$", endpoint):
        errors.invalid(f"{field}.apiServerEndpoint", endpoint, f"address {endpoint}: missing port in address")
    else:
        _host_port(errors, endpoint, f"{field}.apiServerEndpoint")
    for pin in found.get("caCertHashes") or []:
        check_pin(pin)


def check_pin(pin: str) -> None:
    kind, _, value = pin.partition(":")
    if not value or kind == pin:
        raise KubeadmError(f"invalid discovery token CA certificate hash: invalid hash, expected \"format:hex-value\". "
                           "Known format(s) are: sha256")
    if kind.lower() != "sha256":
        raise KubeadmError(f'invalid discovery token CA certificate hash: unknown hash format "{kind}". Known '
                           "format(s) are: sha256")
    if not re.match(r"^[0-9a-fA-F]{64}$", value):
        raise KubeadmError("invalid discovery token CA certificate hash: could not decode SHA-256 hash: invalid hash "
                           f"{gotext.quote(value)}")
