"""HTTPS: routes a request to authentication, authorization and the verbs, and writes the answer."""
import http.server
import json
import re
import socket
import ssl
import threading
import time
import traceback
import urllib.parse

from .. import place
from . import answers, authn, authz, resources, selectors
from .rest import Request, Rest

_RESOURCE = re.compile(r"^/(?:api/(?P<core>v1)|apis/(?P<group>[^/]+)/(?P<version>[^/]+))"
                       r"(?:/namespaces/(?P<namespace>[^/]+)(?=/[^/]))?/(?P<plural>[^/]+)(?:/(?P<name>[^/]+)"
                       r"(?:/(?P<subresource>[^/]+))?)?/?$")
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class Server(http.server.ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 128

    def __init__(self, address: tuple[str, int], context: ssl.SSLContext, store, rest: Rest, tokens):
        self.store, self.rest, self.context, self.tokens = store, rest, context, tokens
        self.ready = threading.Event()
        super().__init__(address, Handler)

    def get_request(self):
        connection, address = super().get_request()
        connection.settimeout(60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request, client_address):
        """A client that hangs up or fails its handshake is no event."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version, server_version, sys_version = "HTTP/1.1", "standin-apiserver", ""

    def setup(self):
        self.request.do_handshake()
        super().setup()

    def log_message(self, *_):
        pass

    def do_GET(self):
        self._answer()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_GET

    def _answer(self) -> None:
        self.warnings: list[str] = []
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        try:
            self._route(body)
        except answers.Refusal as refusal:
            self._send(refusal.code, refusal.status())
        except OSError:
            raise
        except Exception as error:
            traceback.print_exc()
            self._send(500, answers.Refusal(500, "InternalError", f"Internal error occurred: {error!r}").status())

    def _route(self, body: bytes) -> None:
        parts = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        user = authn.identify(self.server.store, self.server.tokens, self.request.getpeercert(),
                              self.headers.get("Authorization"))
        found = _RESOURCE.match(parts.path)
        resource = found and resources.find(found["group"] or "", found["core"] or found["version"], found["plural"])
        if found is None:
            return self._other(user, parts.path)
        namespace, name = found["namespace"] or "", found["name"] or ""
        subresource = found["subresource"] or ""
        verb = self._verb(name, query)
        authz.check(self.server.store, user, authz.Question(
            verb, found["group"] or "", found["plural"], subresource, namespace, name))
        if resource is None:
            raise answers.no_such_path()
        if self.command == "GET":
            if subresource not in ("", "status"):
                raise answers.no_such_path()
            return self._read(resource, namespace, name, verb, query)
        request = Request(user, resource, namespace, name, subresource, query, self.headers.get("User-Agent", ""))
        code, answer = self._write(request, body)
        self.warnings = request.warnings
        self._send(code, answer)

    def _verb(self, name: str, query: dict) -> str:
        if self.command in ("GET", "HEAD"):
            if query.get("watch") in ("1", "true"):
                return "watch"
            return "get" if name else "list"
        verb = _VERBS[self.command]
        return "deletecollection" if verb == "delete" and not name else verb

    def _write(self, request: Request, body: bytes) -> tuple[int, dict]:
        rest = self.server.rest
        if (self.command, request.resource.kind, request.subresource) == ("POST", "ServiceAccount", "token"):
            return 201, self.server.tokens.create(self.server.store, request.namespace, request.name)
        if request.subresource not in ("", "status", "approval"):
            raise answers.no_such_path()
        media = (self.headers.get("Content-Type") or "application/json").split(";")[0].strip()
        if self.command in ("POST", "PUT") and media != "application/json":
            raise answers.unsupported_media(["application/json", "application/yaml",
                                             "application/vnd.kubernetes.protobuf"])
        if self.command == "POST":
            if request.name:
                raise answers.not_allowed()
            return 201, rest.create(request, rest.decode(request, body))
        if not request.name:
            raise answers.not_allowed()
        if self.command == "PUT":
            return 200, rest.update(request, rest.decode(request, body))
        if self.command == "PATCH":
            before = self.server.store.get(request.resource, request.namespace, request.name)
            done = rest.patch(request, body, self.headers.get("Content-Type", ""))
            return (200 if before else 201), done
        return 200, rest.delete(request)

    def _read(self, resource, namespace: str, name: str, verb: str, query: dict) -> None:
        store = self.server.store
        if verb == "watch":
            return self._watch(resource, namespace, name, query)
        if name:
            obj = store.get(resource, namespace, name)
            if obj is None:
                raise answers.not_found(resource, name)
            return self._send(200, obj)
        items = [o for o in store.list(resource, namespace) if selectors.match(query, o)]
        for item in items:
            item.pop("kind", None), item.pop("apiVersion", None)
        self._send(200, {"kind": resource.kind + "List", "apiVersion": resource.api_version,
                         "metadata": {"resourceVersion": str(store.revision)}, "items": items})

    def _watch(self, resource, namespace: str, name: str, query: dict) -> None:
        store = self.server.store
        after = int(query.get("resourceVersion") or store.revision)
        end = time.monotonic() + float(query.get("timeoutSeconds") or 300)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while True:
            with store.lock:
                events = [e for e in store.events if e[0] > after]
            for revision, kind, where, obj in events:
                after = revision
                if (where[0] == resource.qualified and (not namespace or where[1] == namespace)
                        and (not name or where[2] == name) and selectors.match(query, obj)):
                    line = json.dumps({"type": kind, "object": obj}).encode() + b"\n"
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.wfile.flush()
            if time.monotonic() >= end:
                break
            store.wait_past(after, min(5.0, max(0.0, end - time.monotonic())))
        self.wfile.write(b"0\r\n\r\n")

    def _other(self, user, path: str) -> None:
        authz.check(self.server.store, user, authz.Question("get", path=path))
        if path.split("/")[1] in ("healthz", "readyz", "livez"):
            return self._text(200, "ok") if self.server.ready.is_set() else self._text(500, "[-]poststarthook failed")
        if path.rstrip("/") == "/version":
            return self._send(200, version_info())
        found = discovery(path.rstrip("/"))
        if found is None:
            raise answers.no_such_path()
        self._send(200, found)

    def _text(self, code: int, text: str) -> None:
        self._out(code, "text/plain; charset=utf-8", text.encode())

    def _send(self, code: int, obj: dict) -> None:
        self._out(code, "application/json", json.dumps(obj).encode() + b"\n")

    def _out(self, code: int, kind: str, data: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for warning in self.warnings:
            escaped = warning.replace("\\", "\\\\").replace('"', '\\"')
            self.send_header("Warning", f'299 - "{escaped}"')
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def version_info() -> dict:
    found = place.version()
    major, minor = found.lstrip("v").split(".")[:2]
    return {"major": major, "minor": minor, "gitVersion": found, "gitCommit": "standin", "gitTreeState": "clean",
            "buildDate": "1970-01-01T00:00:00Z", "goVersion": "none (stand-in, not Kubernetes)", "compiler": "python",
            "platform": f"linux/{place.build()['arch']}"}


def discovery(path: str) -> dict | None:
    """/api, /apis and the list of resources of a group: what kubectl asks first."""
    groups = sorted({r.group for r in resources.ALL if r.group})
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
    if path == "/apis":
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [
            {"name": g, "versions": [{"groupVersion": f"{g}/v1", "version": "v1"}],
             "preferredVersion": {"groupVersion": f"{g}/v1", "version": "v1"}} for g in groups]}
    inside = [r for r in resources.ALL if r.root == path]
    if not inside:
        return None
    entries = []
    for resource in inside:
        entry = {"name": resource.plural, "singularName": resource.kind.lower(), "namespaced": resource.namespaced,
                 "kind": resource.kind, "shortNames": list(resource.short),
                 "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"]}
        entries.append(entry)
        if resource.status:
            entries.append({**entry, "name": f"{resource.plural}/status", "verbs": ["get", "patch", "update"]})
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": inside[0].api_version, "resources": entries}
