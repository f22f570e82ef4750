"""The lab's certificate authority and the one certificate its servers show, made afresh with every lab."""
from __future__ import annotations

from pathlib import Path

from .command import must
from .layer import DEBIAN_HOST, FILES_HOST, KUBERNETES_HOST, REGISTRY_HOSTS
from .paths import write_file

EC_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


class Authority:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = folder / "ca.pem"
        self.certificate = folder / "server.pem"
        self.key = folder / "server.key"

    def create(self, names: list[str]) -> None:
        """A CA, and a server certificate for `names` (wildcards allowed)."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        # A configuration of our own: the distribution's would add extensions that contradict ours.
        write_file(self.folder / "openssl.cnf", "[req]\ndistinguished_name = dn\n[dn]\n")
        request = ["openssl", "req", "-x509", "-config", self.folder / "openssl.cnf"]
        must([*request, *EC_KEY, "-days", "30", "-subj", "/O=nodeboot lab/CN=nodeboot lab CA",
              "-keyout", self.folder / "ca.key", "-out", self.ca,
              "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"])
        must([*request, *EC_KEY, "-days", "30", "-subj", "/O=nodeboot lab/CN=nodeboot lab server",
              "-CA", self.ca, "-CAkey", self.folder / "ca.key", "-keyout", self.key, "-out", self.certificate,
              "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names),
              "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth"])


def server_names(region: str) -> list[str]:
    return ["amazonaws.com", "*.amazonaws.com", f"*.{region}.amazonaws.com", f"*.s3.{region}.amazonaws.com",
            "*.s3.amazonaws.com", KUBERNETES_HOST, DEBIAN_HOST, FILES_HOST, *REGISTRY_HOSTS]
