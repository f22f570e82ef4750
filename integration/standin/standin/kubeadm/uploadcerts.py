"""upload-certs: the control plane's keys, encrypted with a key that is shown once, in a Secret for two hours."""
import base64
import os
import secrets
import time

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .. import files
from . import clusterdata, config

_NAMES = ["ca.crt", "ca.key", "sa.key", "sa.pub", "front-proxy-ca.crt", "front-proxy-ca.key", "etcd/ca.crt", "etcd/ca.key"]
_SECRET = "kubeadm-certs"


def new_key() -> str:
    return secrets.token_hex(32)


def upload(admin, loaded) -> str:
    """Stores the encrypted files and returns the certificate key."""
    key = loaded.init.get("certificateKey") or new_key()
    print(f'[upload-certs] Storing the certificates in Secret "{_SECRET}" in the "kube-system" Namespace')
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 7200))
    token = clusterdata.token_secret({"token": config.new_token(), "expires": ends, "usages": [],
                                      "description": "Proxy for managing TTL for the kubeadm-certs secret"})
    owner = admin.ensure("/api/v1/namespaces/kube-system/secrets", token)
    clusterdata.role(admin, "kube-system", "kubeadm:kubeadm-certs", "secrets", [_SECRET],
                     [clusterdata.subject("Group", clusterdata.BOOTSTRAPPERS)])
    folder, cipher = loaded.cluster["certificatesDir"], AESGCM(bytes.fromhex(key))
    data = {}
    for name in _NAMES:
        nonce = os.urandom(12)
        sealed = nonce + cipher.encrypt(nonce, files.read(f"{folder}/{name}").encode(), None)
        data[name.replace("/", "-")] = base64.b64encode(sealed).decode()
    admin.ensure("/api/v1/namespaces/kube-system/secrets", {
        "apiVersion": "v1", "kind": "Secret", "data": data, "metadata": {
            "name": _SECRET, "namespace": "kube-system", "ownerReferences": [{
                "apiVersion": "v1", "kind": "Secret", "name": owner["metadata"]["name"],
                "uid": owner["metadata"]["uid"]}]}})
    print(f"[upload-certs] Using certificate key:\n{key}")
    return key

