"""bootstrapsigner and tokencleaner: signatures in cluster-info follow the bootstrap tokens, expired tokens go."""
import base64
import hashlib
import hmac
import json
import time

from ... import place
from .. import resources
from ..authn import expired, secret_value

SECRETS, CONFIGMAPS = resources.BY_PLURAL["secrets"], resources.BY_PLURAL["configmaps"]
_PREFIX = "jws-kubeconfig-"
_first_seen: dict[str, float] = {}


def sign(payload: str, token_id: str, secret: str) -> str:
    """A detached JWS (RFC 7515 appendix F), HS256, as k8s.io/cluster-bootstrap makes it."""
    def encode(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).decode().rstrip("=")
    header = encode(json.dumps({"alg": "HS256", "kid": token_id}, separators=(",", ":")).encode())
    signed = f"{header}.{encode(payload.encode())}".encode()
    return f"{header}..{encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest())}"


def clean(store) -> None:
    for secret in _tokens(store):
        if expired(secret):
            store.remove(SECRETS, "kube-system", secret["metadata"]["name"])
    everyone = {s["metadata"]["uid"] for s in store.list(SECRETS, "kube-system")}
    for secret in store.list(SECRETS, "kube-system"):  # what an expired token owned goes with it: kubeadm-certs
        owners = [r["uid"] for r in secret["metadata"].get("ownerReferences") or [] if r["kind"] == "Secret"]
        if owners and not set(owners) & everyone:
            store.remove(SECRETS, "kube-system", secret["metadata"]["name"])


def publish(store) -> None:
    with store.lock:
        info = store.get(CONFIGMAPS, "kube-public", "cluster-info")
        if info is None or not (info.get("data") or {}).get("kubeconfig"):
            return
        kept = {k: v for k, v in info["data"].items() if not k.startswith(_PREFIX)}
        for secret in _tokens(store):
            if _signs(secret):
                name = secret_value(secret, "token-id")
                kept[_PREFIX + name] = sign(info["data"]["kubeconfig"], name, secret_value(secret, "token-secret"))
        if kept != info["data"]:
            info["data"] = kept
            store.put(CONFIGMAPS, info)


def _tokens(store) -> list[dict]:
    return [s for s in store.list(SECRETS, "kube-system") if s.get("type") == "bootstrap.kubernetes.io/token"]


def _signs(secret: dict) -> bool:
    seen = _first_seen.setdefault(secret["metadata"]["uid"], time.monotonic())
    late = place.fault("token_signing_delay", 0)
    named = secret["metadata"]["name"] == "bootstrap-token-" + secret_value(secret, "token-id")
    return (named and not expired(secret) and time.monotonic() - seen >= late
            and secret_value(secret, "usage-bootstrap-signing") == "true")
