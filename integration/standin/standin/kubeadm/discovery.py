"""Token discovery: fetch cluster-info, check its signature and the CA's pin, fetch it again over verified TLS."""
import base64
import hmac
import time

from .. import client, gotext, pki, yamldoc
from ..apiserver.controllers.tokens import sign
from .errors import KubeadmError

_PATH = "/api/v1/namespaces/kube-public/configmaps/cluster-info?timeout=10s"
_INTERVAL = 5.0


def validated(loaded) -> tuple[str, bytes]:
    """(server, CA) of the cluster that the token belongs to. KubeadmError when it cannot be trusted or reached."""
    found = loaded.join["discovery"]["bootstrapToken"]
    server, timeout = f"https://{found['apiServerEndpoint']}", loaded.timeout("discovery")
    try:
        text = _signed(client.insecure(server), found["token"], timeout)
        first = _cluster(text)
        pins = found.get("caCertHashes") or []
        if pins:
            _check_pins(first[1], pins)
            again = _signed(client.trusting(server, first[1]), found["token"], timeout)
            if again != text:
                raise KubeadmError("the second kubeconfig from the cluster-info ConfigMap (using validated TLS) was "
                                   "different from the first")
        return first
    except KubeadmError as error:
        raise KubeadmError(f"couldn't validate the identity of the API Server: {error}") from None


def _signed(api: client.Client, token: str, timeout: float) -> str:
    """The kubeconfig in cluster-info once it carries the token's signature; retried every five seconds."""
    name, _, secret = token.partition(".")
    end = time.monotonic() + timeout
    while True:
        try:
            data = api.get(_PATH).get("data") or {}
            if f"jws-kubeconfig-{name}" in data:
                break
            last = f'could not find a JWS signature in the cluster-info ConfigMap for token ID "{name}"'
        except (client.ApiError, client.Unreachable) as error:
            last = f"failed to request the cluster-info ConfigMap: {error}"
        left = end - time.monotonic()
        if left <= 0:
            raise KubeadmError(last)
        time.sleep(min(_INTERVAL, left))
    text = data.get("kubeconfig")
    if not text:
        raise KubeadmError("there is no kubeconfig key in the cluster-info ConfigMap. This API Server isn't set up for "
                           "token bootstrapping, can't connect")
    if not hmac.compare_digest(sign(text, name, secret), data[f"jws-kubeconfig-{name}"]):
        raise KubeadmError("failed to verify JWS signature of received cluster info object, can't trust this API Server")
    return text


def _cluster(text: str) -> tuple[str, bytes]:
    cluster = yamldoc.load(text)["clusters"][0]["cluster"]
    return cluster["server"], base64.b64decode(cluster["certificate-authority-data"])


def _check_pins(ca: bytes, pins: list[str]) -> None:
    actual = pki.pin(pki.load_cert(ca))
    if actual not in [p.lower() for p in pins]:
        raise KubeadmError("cluster CA found in cluster-info ConfigMap is invalid: none of the public keys "
                           f"{gotext.quote(actual)} are pinned")
