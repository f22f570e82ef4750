"""kubeconfig files: made, and read into what a client needs."""
import base64
from pathlib import Path

from . import files, pki, place, yamldoc


def make(server: str, cluster: str, user: str, ca: bytes, credentials: dict) -> dict:
    context = f"{user}@{cluster}"
    return {
        "apiVersion": "v1", "kind": "Config", "preferences": {},
        "clusters": [{"name": cluster, "cluster": {"certificate-authority-data": b64(ca), "server": server}}],
        "contexts": [{"name": context, "context": {"cluster": cluster, "user": user}}],
        "current-context": context,
        "users": [{"name": user, "user": credentials}],
    }


def with_client_cert(cert, key) -> dict:
    return {"client-certificate-data": b64(pki.cert_pem(cert)), "client-key-data": b64(pki.key_pem(key))}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Access:
    """The current context of a kubeconfig: server, CA, and who we are. Raises ValueError when it is not usable."""

    def __init__(self, path: str):
        self.path = path
        document = yamldoc.load(files.read(path))
        if not isinstance(document, dict) or "clusters" not in document:
            raise ValueError(f"{path}: not a kubeconfig")
        context = _named(document, "contexts", document.get("current-context", ""))["context"]
        cluster = _named(document, "clusters", context["cluster"])["cluster"]
        user = _named(document, "users", context["user"])["user"]
        self.cluster_name, self.user_name = context["cluster"], context["user"]
        self.server = cluster["server"]
        self.ca = _data(cluster, "certificate-authority")
        self.cert, self.key = _data(user, "client-certificate"), _data(user, "client-key")
        self.token = user.get("token")
        if not (self.token or (self.cert and self.key)):
            raise ValueError(f"{path}: no credentials")


def _named(document: dict, section: str, name: str) -> dict:
    for entry in document.get(section) or []:
        if entry.get("name") == name:
            return entry
    raise ValueError(f"kubeconfig has no {section} entry named {name!r}")


def _data(section: dict, key: str) -> bytes:
    if f"{key}-data" in section:
        return base64.b64decode(section[f"{key}-data"])
    path = section.get(key)
    if not path:
        return b""
    return place.at(path).read_bytes() if Path(path).is_absolute() else Path(path).read_bytes()
