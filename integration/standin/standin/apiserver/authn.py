"""Who is asking: a client certificate of the cluster's CA, a bootstrap token, or anonymous."""
import base64
import hmac
import re
import time
from dataclasses import dataclass

from .. import gotext
from . import answers, resources

_TOKEN = re.compile(r"^([a-z0-9]{6})\.([a-z0-9]{16})$")
SECRETS = resources.BY_PLURAL["secrets"]


@dataclass(frozen=True)
class User:
    name: str
    groups: tuple[str, ...]

    @property
    def node(self) -> str | None:
        """The node's name when this is a kubelet."""
        if self.name.startswith("system:node:") and "system:nodes" in self.groups:
            return self.name.removeprefix("system:node:")
        return None


ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))


def identify(store, accounts, certificate: dict | None, authorization: str | None) -> User:
    """`certificate` as ssl.getpeercert() gives it. Raises a 401 for a bearer token that is not good."""
    if certificate:
        return _from_certificate(certificate)
    if not authorization:
        return ANONYMOUS
    scheme, _, token = authorization.partition(" ")
    user = None
    if scheme.lower() == "bearer":
        user = _from_token(store, token.strip()) or accounts.identify(store, token.strip())
    if user is None:
        raise answers.unauthorized()
    return user


def _from_certificate(certificate: dict) -> User:
    names = [pair for part in certificate.get("subject", ()) for pair in part]
    common = next((value for field, value in names if field == "commonName"), "")
    groups = tuple(value for field, value in names if field == "organizationName")
    return User(common, groups + ("system:authenticated",))


def secret_value(secret: dict, name: str) -> str:
    return base64.b64decode(secret.get("data", {}).get(name, "")).decode()


def expired(secret: dict) -> bool:
    when = secret_value(secret, "expiration")
    try:
        return bool(when) and gotext.parse_time(when) <= time.time()
    except ValueError:
        return True


def _from_token(store, token: str) -> User | None:
    parts = _TOKEN.match(token)
    secret = store.get(SECRETS, "kube-system", f"bootstrap-token-{parts[1]}") if parts else None
    if secret is None or secret.get("type") != "bootstrap.kubernetes.io/token" or expired(secret):
        return None
    right = hmac.compare_digest(secret_value(secret, "token-secret"), parts[2])
    if not right or secret_value(secret, "usage-bootstrap-authentication") != "true":
        return None
    extra = tuple(g for g in secret_value(secret, "auth-extra-groups").split(",") if g)
    return User(f"system:bootstrap:{parts[1]}", ("system:bootstrappers",) + extra + ("system:authenticated",))
