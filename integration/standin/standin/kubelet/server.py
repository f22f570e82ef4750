"""kubelet's ports: healthz on the loopback, 10250 with a self-signed certificate."""
import http.server
import ssl
import threading

from .. import files, pki, place
from .settings import Settings


class _Healthz(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        good = self.path.split("?")[0] == "/healthz"
        self._say(200 if good else 404, b"ok" if good else b"404 page not found\n")

    def _say(self, code: int, text: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class _Main(_Healthz):
    def do_GET(self):
        self._say(401, b"Unauthorized")


def start(settings: Settings) -> None:
    _serve(settings.health, _Healthz, None)
    cert, key = f"{settings.certificates}/kubelet.crt", f"{settings.certificates}/kubelet.key"
    if not files.exists(cert):
        made = pki.new_key()
        files.write(key, pki.key_pem(made), 0o600)
        files.write(cert, pki.cert_pem(pki.self_signed_ca(f"{settings.node_name}-ca@standin", made, pki.YEAR)), 0o644)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place.at(cert), place.at(key))
    _serve(("0.0.0.0", place.port(10250)), _Main, context)


def _serve(address: tuple[str, int], handler, context: ssl.SSLContext | None) -> None:
    server = http.server.ThreadingHTTPServer(address, handler)
    server.handle_error = lambda *_: None
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
