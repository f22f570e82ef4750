"""/etc/kubernetes/pki: the certificate authorities, what they sign, and the service account key."""
import datetime
import ipaddress

from .. import files, gotext, pki, place
from . import config
from .errors import KubeadmError

# name -> (CA, common name, organizations, usages)
_SIGNED = {
    "apiserver": ("ca", "kube-apiserver", (), (pki.SERVER,)),
    "apiserver-kubelet-client": ("ca", "kube-apiserver-kubelet-client", ("kubeadm:cluster-admins",), (pki.CLIENT,)),
    "front-proxy-client": ("front-proxy-ca", "front-proxy-client", (), (pki.CLIENT,)),
    "etcd/server": ("etcd/ca", None, (), (pki.SERVER, pki.CLIENT)),
    "etcd/peer": ("etcd/ca", None, (), (pki.SERVER, pki.CLIENT)),
    "etcd/healthcheck-client": ("etcd/ca", "kube-etcd-healthcheck-client", (), (pki.CLIENT,)),
    "apiserver-etcd-client": ("etcd/ca", "kube-apiserver-etcd-client", (), (pki.CLIENT,)),
}
_AUTHORITIES = {"ca": "kubernetes", "front-proxy-ca": "front-proxy-ca", "etcd/ca": "etcd-ca"}
_ORDER = ["ca", "apiserver", "apiserver-kubelet-client", "front-proxy-ca", "front-proxy-client", "etcd/ca",
          "etcd/server", "etcd/peer", "etcd/healthcheck-client", "apiserver-etcd-client"]


def create_all(loaded: "config.Init") -> None:
    """Makes what is missing; keeps what is there and still good, as kubeadm does."""
    folder = loaded.cluster["certificatesDir"]
    print(f'[certs] Using certificateDir folder "{folder}"')
    for name in _ORDER:
        if name in _AUTHORITIES:
            _authority(loaded, folder, name)
        else:
            _signed(loaded, folder, name)
    _service_account(loaded, folder)


def load_pair(folder: str, name: str):
    """(certificate, key) of <folder>/<name>."""
    return (pki.load_cert(files.read(f"{folder}/{name}.crt").encode()),
            pki.load_key(files.read(f"{folder}/{name}.key").encode()))


def _there(folder: str, name: str) -> bool:
    return files.exists(f"{folder}/{name}.crt") and files.exists(f"{folder}/{name}.key")


def _write(folder: str, name: str, cert, key) -> None:
    files.write(f"{folder}/{name}.key", pki.key_pem(key), 0o600)
    files.write(f"{folder}/{name}.crt", pki.cert_pem(cert), 0o644)


def _authority(loaded, folder: str, name: str) -> None:
    if _there(folder, name):
        _check_period(load_pair(folder, name)[0], name)
        print(f"[certs] Using existing {name} certificate authority")
        return
    if files.exists(f"{folder}/{name}.crt"):
        raise KubeadmError(f'error execution phase certs/{name}: failure loading {name} certificate: failed to load '
                           f'key: couldn\'t load the private key file {folder}/{name}.key')
    print(f'[certs] Generating "{name}" certificate and key')
    key = pki.new_key(loaded.cluster["encryptionAlgorithm"])
    seconds = gotext.parse_duration(loaded.cluster["caCertificateValidityPeriod"])
    _write(folder, name, pki.self_signed_ca(_AUTHORITIES[name], key, seconds), key)


def _signed(loaded, folder: str, name: str) -> None:
    authority, common, groups, usages = _SIGNED[name]
    ca_cert, ca_key = load_pair(folder, authority)
    names = _names(loaded, name)
    if _there(folder, name):
        cert = load_pair(folder, name)[0]
        _check_period(cert, name)
        if not pki.signed_by(cert, ca_cert):
            raise KubeadmError(f"error execution phase certs/{name}: [certs] certificate {name} not signed by CA "
                               f"certificate {authority}: crypto/rsa: verification error")
        missing = [n for n in names if n not in pki.alternative_names(cert)]
        if missing:
            raise KubeadmError(f"error execution phase certs/{name}: certificate {name} is invalid: x509: certificate "
                               f"is valid for {', '.join(pki.alternative_names(cert))}, not {missing[0]}")
        print(f"[certs] Using existing {name} certificate and key on disk")
        return
    print(f'[certs] Generating "{name}" certificate and key')
    key = pki.new_key(loaded.cluster["encryptionAlgorithm"])
    seconds = gotext.parse_duration(loaded.cluster["certificateValidityPeriod"])
    common = common or loaded.node["name"]
    if place.minor() < 29 and groups:
        groups = ("system:masters",)
    _write(folder, name, pki.issue(ca_cert, ca_key, key.public_key(), common, groups, usages, names, seconds), key)
    if names:
        dns = [n for n in names if not _is_ip(n)]
        print(f"[certs] {name} serving cert is signed for DNS names {gotext.go_list(dns)} and IPs "
              f"{gotext.go_list(n for n in names if _is_ip(n))}")


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
        return True
    except ValueError:
        return False


def _names(loaded, name: str) -> list[str]:
    """The subject alternative names of a serving certificate."""
    node, cluster = loaded.node["name"], loaded.cluster
    if name == "apiserver":
        domain = cluster["networking"]["dnsDomain"]
        found = [node, "kubernetes", "kubernetes.default", "kubernetes.default.svc",
                 f"kubernetes.default.svc.{domain}", config.service_ip(cluster, 1), loaded.address]
        endpoint = cluster.get("controlPlaneEndpoint")
        found += [endpoint.rpartition(":")[0].strip("[]")] if endpoint else []
        found += cluster["apiServer"].get("certSANs") or []
    elif name in ("etcd/server", "etcd/peer"):
        found = ["localhost", node, loaded.address, "127.0.0.1", "::1"]
        found += cluster["etcd"]["local"].get("serverCertSANs" if name == "etcd/server" else "peerCertSANs") or []
    else:
        return []
    return sorted(dict.fromkeys(n.lower() for n in found), key=lambda n: (_is_ip(n), n if not _is_ip(n) else ""))


def _check_period(cert, name: str) -> None:
    if pki.not_after(cert) < datetime.datetime.now(datetime.timezone.utc):
        raise KubeadmError(f"error execution phase certs/{name}: the certificate {name} has expired: certificate has "
                           f"expired or is not yet valid")


def _service_account(loaded, folder: str) -> None:
    if files.exists(f"{folder}/sa.key"):
        print('[certs] Using the existing "sa" key')
        return
    print('[certs] Generating "sa" key and public key')
    key = pki.new_key("RSA-2048")
    files.write(f"{folder}/sa.key", pki.key_pem(key), 0o600)
    files.write(f"{folder}/sa.pub", pki.public_pem(key), 0o600)
