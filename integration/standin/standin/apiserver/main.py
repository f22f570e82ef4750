"""The process that stands for all static pods of a control plane: API server, controllers, etcd's open ports.

It reads the same manifests that a real kubelet would start containers from; kubelet starts it and stops it.
"""
import http.server
import os
import ssl
import sys
import threading
import time
import urllib.parse

from .. import pki, place
from . import accounts, authn, manifests, policy, resources
from .controllers.loop import Loop
from .rest import Request, Rest
from .server import Server
from .store import Store

_SYSTEM = authn.User("system:apiserver", ("system:masters",))


def run() -> None:
    flags = manifests.read()
    if "kube-apiserver" not in flags or "etcd" not in flags:
        sys.exit("stand-in control plane: no manifests of kube-apiserver and etcd to start from")
    os.umask(0o077)
    api, etcd = flags["kube-apiserver"], flags["etcd"]
    store = Store(place.at(etcd["data-dir"]))
    _open_etcd(etcd)
    time.sleep(place.fault("apiserver_start_delay", 0))
    rest = Rest(store, api.get("service-cluster-ip-range", "10.96.0.0/12"))
    server = _serve(api, store, rest)
    _bootstrap(store, rest, api)
    server.ready.set()
    Loop(store, rest, manifests.read).start()
    _component_ports(api)
    print(f"{place.banner('control plane')} serves on port {api['secure-port']}", flush=True)
    server.serve_forever()


def _serve(api: dict, store, rest: Rest) -> Server:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place.at(api["tls-cert-file"]), place.at(api["tls-private-key-file"]))
    context.load_verify_locations(place.at(api["client-ca-file"]))
    context.verify_mode = ssl.CERT_OPTIONAL
    key = pki.load_key(place.at(api["service-account-signing-key-file"]).read_bytes())
    return Server(("0.0.0.0", int(api["secure-port"])), context, store, rest, accounts.Tokens(key))


def _bootstrap(store, rest: Rest, api: dict) -> None:
    for resource, obj in policy.objects():
        namespace, name = obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
        if store.get(resource, namespace, name) is None:
            obj = {"apiVersion": resource.api_version, "kind": resource.kind, **obj}
            if resource is resources.BY_PLURAL["services"]:
                obj["spec"]["ports"][0]["targetPort"] = int(api["secure-port"])
            rest.create(Request(_SYSTEM, resource, namespace, agent="kube-apiserver"), obj)


def _open_etcd(etcd: dict) -> None:
    """Listens where etcd would: it takes connections and says nothing of use; health on the metrics port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place.at(etcd["cert-file"]), place.at(etcd["key-file"]))
    for name in ("listen-client-urls", "listen-peer-urls", "listen-metrics-urls"):
        for url in etcd.get(name, "").split(","):
            parts = urllib.parse.urlsplit(url)
            if parts.hostname:
                _health_server((parts.hostname, parts.port), context if parts.scheme == "https" else None)


def _component_ports(api: dict) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place.at(api["tls-cert-file"]), place.at(api["tls-private-key-file"]))
    for name, port in (("kube-controller-manager", 10257), ("kube-scheduler", 10259)):
        threading.Thread(target=_follow_manifest, args=(name, place.port(port), context), daemon=True).start()


def _follow_manifest(name: str, port: int, context: ssl.SSLContext) -> None:
    server = None
    while True:
        there = place.at(f"{place.MANIFESTS_DIR}/{name}.yaml").exists()
        if there and server is None:
            server = _health_server(("127.0.0.1", port), context)
        if not there and server is not None:
            server.shutdown()
            server.server_close()
            server = None
        time.sleep(0.5)


class _Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"health":"true"}' if self.path == "/health" else b"ok")

    def log_message(self, *_):
        pass


def _health_server(address: tuple[str, int], context: ssl.SSLContext | None):
    server = http.server.ThreadingHTTPServer(address, _Health)
    server.handle_error = lambda *_: None
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
