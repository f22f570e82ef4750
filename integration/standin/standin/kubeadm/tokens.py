"""kubeadm token create|list|delete|generate, and the join command that is printed with a token."""
import json
import time

from .. import client, gotext, kubeconfig, pki, place
from ..apiserver.authn import secret_value
from . import clusterdata, config, validation
from .errors import KubeadmError

_SECRETS = "/api/v1/namespaces/kube-system/secrets"


def admin(path: str) -> client.Client:
    try:
        return client.from_kubeconfig(path)
    except FileNotFoundError:
        raise KubeadmError(f"failed to load admin kubeconfig: open {path}: no such file or directory") from None
    except ValueError as error:
        raise KubeadmError(f"failed to load admin kubeconfig: {error}") from None


def join_command(token: str, path: str = f"{place.KUBERNETES_DIR}/admin.conf") -> str:
    access = kubeconfig.Access(path)
    return (f"kubeadm join {access.server.removeprefix('https://')} --token {token} "
            f"--discovery-token-ca-cert-hash {pki.pin(pki.load_cert(access.ca))} ")


def create(api: client.Client, path: str, token: str | None, ttl: str | None, groups: list[str] | None,
           usages: list[str] | None, description: str, print_join: bool) -> None:
    found = {"token": token or config.new_token(), "ttl": ttl or "24h0m0s", "description": description,
             "groups": groups or ["system:bootstrappers:kubeadm:default-node-token"],
             "usages": usages or ["signing", "authentication"]}
    if not validation.TOKEN.match(found["token"]):
        raise KubeadmError(f'the bootstrap token "{found["token"]}" was not of the form '
                           r'"\\A([a-z0-9]{6})\\.([a-z0-9]{16})\\z"')
    try:
        if gotext.parse_duration(found["ttl"]) < 0:
            raise KubeadmError(f'ttl: Invalid value: "{ttl}": ttl must be non-negative')
    except ValueError as error:
        raise KubeadmError(f'invalid argument "{ttl}" for "--ttl" flag: {error}') from None
    secret = clusterdata.token_secret(found)
    if api.find(f"{_SECRETS}/{secret['metadata']['name']}"):
        raise KubeadmError(f'a token with id "{found["token"][:6]}" already exists')
    api.create(_SECRETS, secret)
    print(join_command(found["token"], path) if print_join else found["token"])


def _all(api: client.Client) -> list[dict]:
    items = api.get(_SECRETS + "?fieldSelector=type=bootstrap.kubernetes.io/token")["items"]
    return [{"token": f"{secret_value(s, 'token-id')}.{secret_value(s, 'token-secret')}",
             "expires": secret_value(s, "expiration"), "description": secret_value(s, "description"),
             "usages": [u for u in ("authentication", "signing") if secret_value(s, f"usage-bootstrap-{u}") == "true"],
             "groups": [g for g in secret_value(s, "auth-extra-groups").split(",") if g]} for s in items]


def show(api: client.Client, output: str) -> None:
    found = _all(api)
    if output == "json":
        for token in found:
            document = {"kind": "BootstrapToken", "apiVersion": "output.kubeadm.k8s.io/v1alpha3",
                        "creationTimestamp": None} | {k: v for k, v in token.items() if v}
            print(json.dumps(document, indent=4))
        return
    rows = [["TOKEN", "TTL", "EXPIRES", "USAGES", "DESCRIPTION", "EXTRA GROUPS"]]
    for token in found:
        left = _left(token["expires"])
        rows.append([token["token"], left, token["expires"] or "<never>", ",".join(token["usages"]) or "<none>",
                     token["description"] or "<none>", ",".join(token["groups"]) or "<none>"])
    widths = [max(len(r[i]) for r in rows) + 3 for i in range(6)]
    for row in rows if len(rows) > 1 else []:
        print("".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def _left(expires: str) -> str:
    if not expires:
        return "<forever>"
    seconds = gotext.parse_time(expires) - time.time()
    if seconds < 0:
        return "<invalid>"
    for unit, size in (("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def delete(api: client.Client, names: list[str]) -> None:
    if not names:
        raise KubeadmError('missing subcommand; "token delete" is missing token of form "[a-z0-9]{6}"')
    for name in names:
        token_id = name[:6] if validation.TOKEN.match(name) else name
        if len(token_id) != 6:
            raise KubeadmError(f'given token didn\'t match pattern "^([a-z0-9]{{6}})\\.([a-z0-9]{{16}})$" or '
                               '"^([a-z0-9]{6})$"')
        try:
            api.delete(f"{_SECRETS}/bootstrap-token-{token_id}")
        except client.ApiError as error:
            raise KubeadmError(f'failed to delete bootstrap token "{token_id}": {error}') from None
        print(f'bootstrap token "{token_id}" deleted')
