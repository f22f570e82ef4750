"""/etc/kubernetes/*.conf: admin, super-admin (1.29 and later), kubelet, controller-manager, scheduler."""
import base64

from .. import files, gotext, kubeconfig, pki, place, yamldoc
from . import certs
from .errors import KubeadmError


def _wanted(loaded) -> dict[str, tuple[str, tuple[str, ...], str]]:
    """file -> (user, organizations, server)"""
    local = loaded.local_endpoint
    admins = ("kubeadm:cluster-admins",) if place.minor() >= 29 else ("system:masters",)
    found = {"admin.conf": ("kubernetes-admin", admins, loaded.endpoint)}
    if place.minor() >= 29:
        found["super-admin.conf"] = ("kubernetes-super-admin", ("system:masters",), loaded.endpoint)
    kubelet = local if place.minor() >= 33 else loaded.endpoint  # ControlPlaneKubeletLocalMode
    return found | {
        "kubelet.conf": (f"system:node:{loaded.node['name']}", ("system:nodes",), kubelet),
        "controller-manager.conf": ("system:kube-controller-manager", (), local),
        "scheduler.conf": ("system:kube-scheduler", (), local)}


def create_all(loaded) -> None:
    print(f'[kubeconfig] Using kubeconfig folder "{place.KUBERNETES_DIR}"')
    ca_cert, ca_key = certs.load_pair(loaded.cluster["certificatesDir"], "ca")
    seconds = gotext.parse_duration(loaded.cluster["certificateValidityPeriod"])
    for name, (user, groups, server) in _wanted(loaded).items():
        path = f"{place.KUBERNETES_DIR}/{name}"
        if files.exists(path):
            _check(path, pki.cert_pem(ca_cert), server)
            print(f'[kubeconfig] Using existing kubeconfig file: "{path}"')
            continue
        print(f'[kubeconfig] Writing "{name}" kubeconfig file')
        key = pki.new_key(loaded.cluster["encryptionAlgorithm"])
        cert = pki.issue(ca_cert, ca_key, key.public_key(), user, groups, (pki.CLIENT,), (), seconds)
        document = kubeconfig.make(server, loaded.cluster["clusterName"], user, pki.cert_pem(ca_cert),
                                   kubeconfig.with_client_cert(cert, key))
        files.write(path, yamldoc.dump(document), 0o600)


def _check(path: str, ca: bytes, server: str) -> None:
    """A kubeconfig that is there already must be for this CA."""
    lead = f"error execution phase kubeconfig/{path.rpartition('/')[2].removesuffix('.conf')}: "
    try:
        access = kubeconfig.Access(path)
    except (ValueError, KeyError, TypeError) as error:
        raise KubeadmError(f"{lead}couldn't load kubeconfig file that already exists on disk: {error}") from None
    if access.ca.strip() != ca.strip():
        raise KubeadmError(f'{lead}a kubeconfig file "{path}" exists already but has got the wrong CA cert')
    if access.server != server:
        gotext.warning(f'a kubeconfig file "{path}" exists already but has an unexpected API Server URL: expected: '
                       f'{server}, got: {access.server}')


def point_kubelet_to_rotated() -> None:
    """kubelet-finalize: kubelet.conf names the certificate that kubelet rotates, when it is there."""
    pem = f"{place.KUBELET_DIR}/pki/kubelet-client-current.pem"
    if not files.exists(pem):
        return
    print(f'[kubelet-finalize] Updating "{place.KUBERNETES_DIR}/kubelet.conf" to point to a rotatable kubelet client '
          "certificate and key")
    document = yamldoc.load(files.read(f"{place.KUBERNETES_DIR}/kubelet.conf"))
    user = document["users"][0]["user"]
    user.pop("client-certificate-data", None), user.pop("client-key-data", None)
    user["client-certificate"] = user["client-key"] = pem
    files.write(f"{place.KUBERNETES_DIR}/kubelet.conf", yamldoc.dump(document), 0o600)


def bootstrap(server: str, ca: bytes, token: str) -> str:
    """bootstrap-kubelet.conf's text."""
    return yamldoc.dump(kubeconfig.make(server, "kubernetes", "tls-bootstrap-token-user", ca, {"token": token}))


def cluster_info(server: str, ca: bytes) -> str:
    """The kubeconfig in the cluster-info ConfigMap: a server and its CA, nobody's credentials."""
    return yamldoc.dump({"apiVersion": "v1", "kind": "Config", "preferences": {}, "contexts": None, "users": None,
                         "current-context": "", "clusters": [{"name": "", "cluster": {
                             "certificate-authority-data": base64.b64encode(ca).decode(), "server": server}}]})
