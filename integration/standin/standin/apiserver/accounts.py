"""Service account tokens: signed with sa.key as Kubernetes signs them, so that what runs in a pod can ask the API."""
import base64
import json
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from .. import gotext
from . import answers, resources
from .authn import User

ACCOUNTS = resources.BY_PLURAL["serviceaccounts"]


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Tokens:
    def __init__(self, key, seconds: int = 3607):
        self.key, self.seconds = key, seconds

    def create(self, store, namespace: str, name: str) -> dict:
        """The answer to a TokenRequest."""
        if store.get(ACCOUNTS, namespace, name) is None:
            raise answers.not_found(ACCOUNTS, name)
        expires = int(time.time()) + self.seconds
        claims = {"sub": f"system:serviceaccount:{namespace}:{name}", "exp": expires,
                  "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": name}}}
        signed = _encode(b'{"alg":"RS256"}') + "." + _encode(json.dumps(claims).encode())
        signature = self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(expires))
        return {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1",
                "metadata": {"name": name, "namespace": namespace, "creationTimestamp": gotext.now_rfc3339()},
                "spec": {"expirationSeconds": self.seconds},
                "status": {"token": f"{signed}.{_encode(signature)}", "expirationTimestamp": stamp}}

    def identify(self, store, token: str) -> User | None:
        try:
            signed, _, signature = token.rpartition(".")
            self.key.public_key().verify(_decode(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
            claims = json.loads(_decode(signed.partition(".")[2]))
        except (InvalidSignature, ValueError):
            return None
        inside = claims["kubernetes.io"]
        namespace, name = inside["namespace"], inside["serviceaccount"]["name"]
        if claims["exp"] < time.time() or store.get(ACCOUNTS, namespace, name) is None:
            return None
        return User(claims["sub"], ("system:serviceaccounts", f"system:serviceaccounts:{namespace}",
                                    "system:authenticated"))
