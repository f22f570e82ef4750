"""A small HTTPS client for the Kubernetes API, for kubeadm, kubelet and kubectl."""
import http.client
import json
import os
import ssl
import tempfile
import urllib.parse

from . import kubeconfig

MERGE, STRATEGIC, APPLY = ("application/merge-patch+json", "application/strategic-merge-patch+json",
                           "application/apply-patch+yaml")


class ApiError(Exception):
    """An answer that is not 2xx: `code`, `reason` and `message` of its Status."""

    def __init__(self, code: int, status: dict):
        self.code, self.reason = code, status.get("reason", "")
        super().__init__(status.get("message", f"the server answered {code}"))


class Unreachable(Exception):
    """No answer came; the text is what Go's HTTP client would print."""


class Client:
    def __init__(self, server: str, context: ssl.SSLContext, token: str | None = None, timeout: float = 10):
        parts = urllib.parse.urlsplit(server)
        self.server, self.host, self.port = server, parts.hostname, parts.port or 443
        self.context, self.token, self.timeout = context, token, timeout
        self.connection = None

    def get(self, path: str):
        return self.request("GET", path)

    def create(self, path: str, body: dict):
        return self.request("POST", path, body)

    def replace(self, path: str, body: dict):
        return self.request("PUT", path, body)

    def delete(self, path: str):
        return self.request("DELETE", path)

    def patch(self, path: str, body: dict, kind: str = STRATEGIC):
        return self.request("PATCH", path, body, kind)

    def apply(self, path: str, body: dict, manager: str = "kubeadm"):
        return self.request("PATCH", f"{path}?fieldManager={manager}&force=true", body, APPLY)

    def find(self, path: str):
        """The object, or None when there is none."""
        try:
            return self.get(path)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def ensure(self, collection: str, body: dict):
        """Creates the object, or replaces the one that is there."""
        try:
            return self.create(collection, body)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
        return self.replace(f"{collection}/{body['metadata']['name']}", body)

    def request(self, method: str, path: str, body=None, kind: str = "application/json"):
        """The decoded answer (text where it is not JSON). Raises ApiError, Unreachable."""
        answer = self._send(method, path, body, kind)
        data = answer.read()
        if answer.headers.get("Content-Type", "").startswith("application/json"):
            data = json.loads(data)
        else:
            data = data.decode()
        if answer.status >= 300:
            raise ApiError(answer.status, data if isinstance(data, dict) else {"message": data})
        return data

    def _send(self, method, path, body, kind):
        headers = {"Accept": "application/json", "User-Agent": "standin"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), kind
        for last in (self.connection is None, True):
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPSConnection(self.host, self.port, timeout=self.timeout,
                                                                  context=self.context)
                self.connection.request(method, path, data, headers)
                return self.connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                self.connection.close()
                self.connection = None
                if last:
                    raise Unreachable(self._words(method, path, error)) from None
        raise AssertionError("not reached")

    def _words(self, method: str, path: str, error: Exception) -> str:
        what = f'{method.capitalize()} "{self.server}{path}": '
        if isinstance(error, ConnectionRefusedError):
            return what + f"dial tcp {self.host}:{self.port}: connect: connection refused"
        if isinstance(error, TimeoutError):
            return what + "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        if isinstance(error, ssl.SSLCertVerificationError):
            return what + ("tls: failed to verify certificate: x509: certificate signed by unknown authority"
                           if "hostname" not in str(error) and "IP address" not in str(error)
                           else f"tls: failed to verify certificate: x509: {error.verify_message}")
        return what + str(error)


def insecure(server: str, timeout: float = 10) -> Client:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return Client(server, context, timeout=timeout)


def trusting(server: str, ca_pem: bytes, token: str | None = None, timeout: float = 10) -> Client:
    context = ssl.create_default_context(cadata=ca_pem.decode())
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    return Client(server, context, token, timeout)


def from_kubeconfig(path: str, timeout: float = 10) -> Client:
    """A client for the kubeconfig's current context. Raises OSError or ValueError when it cannot be used."""
    access = kubeconfig.Access(path)
    made = trusting(access.server, access.ca, access.token, timeout)
    if access.cert:
        load_pair(made.context, access.cert, access.key)
    return made


def load_pair(context: ssl.SSLContext, cert: bytes, key: bytes) -> None:
    handle, name = tempfile.mkstemp()
    try:
        os.write(handle, cert + b"\n" + key)
        os.close(handle)
        context.load_cert_chain(name)
    finally:
        os.unlink(name)
