"""kubelet's client certificate: from kubelet.conf, or asked for with the bootstrap token (TLS bootstrap)."""
import base64
import datetime
import hashlib
import os
import time

from .. import client, files, gotext, kubeconfig, pki, place, yamldoc
from .settings import Refused, Settings

_CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"


def prepare(found: Settings) -> bool:
    """True when a certificate has yet to be asked for. Raises Refused when there is nothing to start from."""
    config, bootstrap = found.flags.get("kubeconfig", ""), found.flags.get("bootstrap-kubeconfig", "")
    if _still_valid(config):
        _store_embedded(found, config)
        return False
    if not bootstrap or not files.exists(bootstrap):
        raise Refused(f"failed to run Kubelet: unable to load bootstrap kubeconfig: stat {bootstrap}: no such file or "
                      "directory")
    try:
        access = kubeconfig.Access(bootstrap)
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(f"failed to run Kubelet: unable to load bootstrap kubeconfig: {error}") from None
    # Like the real one, kubelet.conf is there before the certificate that it names.
    pem = _current(found)
    document = kubeconfig.make(access.server, "default-cluster", "default-auth", access.ca,
                               {"client-certificate": pem, "client-key": pem})
    files.write(config, yamldoc.dump(document), 0o600)
    return True


def _current(found: Settings) -> str:
    return f"{found.certificates}/kubelet-client-current.pem"


def _still_valid(path: str) -> bool:
    try:
        access = kubeconfig.Access(path)
        cert = pki.load_cert(access.cert)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return pki.not_after(cert) > datetime.datetime.now(datetime.timezone.utc)


def _store_embedded(found: Settings, path: str) -> None:
    """After `kubeadm init` kubelet.conf holds the certificate itself; kubelet copies it to where it rotates it."""
    access = kubeconfig.Access(path)
    if not files.exists(_current(found)):
        _store(found, access.cert, access.key)


def _store(found: Settings, cert: bytes, key: bytes) -> None:
    name = f"kubelet-client-{datetime.datetime.now():%Y-%m-%d-%H-%M-%S}.pem"
    files.write(f"{found.certificates}/{name}", cert + key, 0o600)
    link = place.at(_current(found))
    temporary = link.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(f"{found.certificates}/{name}" if not place.ROOTED else name)
    os.replace(temporary, link)


def ask(found: Settings) -> None:
    """Asks until a certificate is there; the same key, and so the same request name, after a restart."""
    bootstrap = found.flags["bootstrap-kubeconfig"]
    key = _key(found)
    subject = f"system:node:{found.node_name}"
    request = pki.request(key, subject, ["system:nodes"])
    digest = hashlib.sha256(pki.public_pem(key)).digest()
    name = "node-csr-" + base64.urlsafe_b64encode(digest).decode().rstrip("=").replace("_", "x").lower().replace("-", "y")
    body = {"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": name},
            "spec": {"request": base64.b64encode(request).decode(), "usages": ["digital signature", "client auth"],
                     "signerName": "kubernetes.io/kube-apiserver-client-kubelet"}}
    while True:
        try:
            api = client.from_kubeconfig(bootstrap)
            certificate = _signed(api, name, body)
            if certificate:
                _store(found, certificate, pki.key_pem(key))
                place.at(_temporary_key(found)).unlink(missing_ok=True)
                return
        except (client.ApiError, client.Unreachable, OSError, ValueError) as error:
            gotext.klog("E", f'"Failed while requesting a signed certificate from the control plane" '
                        f"err={gotext.quote(str(error))}", "certificate_manager.go:562")
        time.sleep(1)


def _signed(api: client.Client, name: str, body: dict) -> bytes | None:
    found = api.find(f"{_CSRS}/{name}")
    if found is None:
        api.create(_CSRS, body)
        return None
    certificate = (found.get("status") or {}).get("certificate")
    return base64.b64decode(certificate) if certificate else None


def _temporary_key(found: Settings) -> str:
    return f"{found.certificates}/kubelet-client.key.tmp"


def _key(found: Settings):
    path = _temporary_key(found)
    if files.exists(path):
        return pki.load_key(files.read(path).encode())
    key = pki.new_key("ECDSA-P256")
    files.write(path, pki.key_pem(key), 0o600)
    return key
