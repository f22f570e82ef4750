"""kubeadm certs check-expiration."""
import base64
import datetime
import json

from .. import files, pki, place, yamldoc

_CERTS = {"apiserver": "ca", "apiserver-etcd-client": "etcd-ca", "apiserver-kubelet-client": "ca",
          "etcd-healthcheck-client": "etcd-ca", "etcd-peer": "etcd-ca", "etcd-server": "etcd-ca",
          "front-proxy-client": "front-proxy-ca"}
_CONFS = ["admin.conf", "controller-manager.conf", "scheduler.conf", "super-admin.conf"]
_AUTHORITIES = {"ca": "ca", "etcd-ca": "etcd/ca", "front-proxy-ca": "front-proxy-ca"}


def _path(name: str) -> str:
    return f"{place.PKI_DIR}/{name.replace('etcd-', 'etcd/') if name.startswith('etcd-') else name}.crt"


def collect() -> tuple[list, list]:
    """([(name, expires, CA)], [(CA name, expires)]); expires is None where there is no such file."""
    found = [(name, _of_file(_path(name)), ca) for name, ca in _CERTS.items()]
    found += [(name, _of_conf(f"{place.KUBERNETES_DIR}/{name}"), "ca") for name in _CONFS
              if name != "super-admin.conf" or place.minor() >= 29]
    return sorted(found), [(n, _of_file(f"{place.PKI_DIR}/{p}.crt")) for n, p in _AUTHORITIES.items()]


def _of_file(path: str) -> datetime.datetime | None:
    return pki.not_after(pki.load_cert(files.read(path).encode())) if files.exists(path) else None


def _of_conf(path: str) -> datetime.datetime | None:
    if not files.exists(path):
        return None
    user = yamldoc.load(files.read(path))["users"][0]["user"]
    if "client-certificate-data" in user:
        return pki.not_after(pki.load_cert(base64.b64decode(user["client-certificate-data"])))
    return _of_file(user["client-certificate"])


def _residual(expires: datetime.datetime) -> str:
    seconds = (expires - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
    if seconds < 0:
        return "<invalid>"
    days = int(seconds // 86400)
    if days >= 730:
        return f"{days // 365}y"
    return f"{days}d" if days >= 2 else f"{int(seconds // 3600)}h"


def show(output: str) -> None:
    certificates, authorities = collect()
    if output == "json":
        print(json.dumps(_json(certificates, authorities), indent=4))
        return
    _table(["CERTIFICATE", "EXPIRES", "RESIDUAL TIME", "CERTIFICATE AUTHORITY", "EXTERNALLY MANAGED"],
           [(n, e, (ca, "no")) for n, e, ca in certificates])
    print()
    _table(["CERTIFICATE AUTHORITY", "EXPIRES", "RESIDUAL TIME", "EXTERNALLY MANAGED"],
           [(n, e, ("no",)) for n, e in authorities])


def _table(heads: list[str], rows: list) -> None:
    lines = [heads]
    for name, expires, rest in rows:
        if expires is None:
            lines.append(["!MISSING! " + name])
        else:
            lines.append([name, expires.strftime("%b %d, %Y %H:%M UTC"), _residual(expires), *rest])
    widths = [max((len(l[i]) for l in lines if i < len(l) and len(l) > 1), default=0) + 3 for i in range(len(heads))]
    for line in lines:
        print("".join(c.ljust(w) for c, w in zip(line, widths)).rstrip())


def _json(certificates: list, authorities: list) -> dict:
    def entry(name: str, expires, **more) -> dict:
        stamp = expires.strftime("%Y-%m-%dT%H:%M:%SZ") if expires else None
        left = (expires - datetime.datetime.now(datetime.timezone.utc)).total_seconds() if expires else 0
        return {"name": name, "expirationDate": stamp, "residualTime": int(left), "missing": expires is None,
                "externallyManaged": False, **more}
    return {"kind": "CertificateExpirationInfo", "apiVersion": "output.kubeadm.k8s.io/v1alpha3",
            "certificates": [entry(n, e, caName=ca) for n, e, ca in certificates],
            "certificateAuthorities": [entry(n, e) for n, e in authorities]}
