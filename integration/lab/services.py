"""The lab's servers, in one process inside the lab's network: `python3 -m lab.services LAB FOLDER`.

Metadata, names, AWS, archives and files for the machines; a control socket for the lab's own programs.
"""
from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from . import control, dhcp, dns, imagestore, instance, layer, moto, network, pki, policy
from .credentials import RoleCredentials
from .faults import Faults
from .front import FrontHandler
from .imds import ImdsHandler, Tokens
from .paths import write_file
from .serve import Server

PUBLIC_SUFFIXES = ("amazonaws.com", "k8s.io", "lab.internal", *layer.REGISTRY_HOSTS)


class Services:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.region = json.loads((folder / "lab.json").read_text())["region"]
        self.faults = Faults()
        self.tokens = Tokens()
        self.admin = moto.Admin(self.region)
        self.credentials = RoleCredentials(self.admin)
        self._policies: dict[str, list[policy.Document]] = {}
        self._log_lock = threading.Lock()

    # ---- what the handlers ask

    def instance_at(self, address: str) -> instance.Instance | None:
        return instance.by_address(self.folder / "machines", address)

    def instance_with_mac(self, mac: str) -> instance.Instance | None:
        return next((one for one in instance.all_instances(self.folder / "machines") if one.mac == mac), None)

    def user_data(self, one: instance.Instance) -> bytes | None:
        path = self.folder / "machines" / one.id / "user-data"
        return path.read_bytes() if path.exists() else None

    def policies_of(self, role: str) -> list[policy.Document]:
        return self._policies.get(role, [])

    def is_operator(self, access_key: str) -> bool:
        return access_key == self.admin.credentials.access_key

    def image(self, name: str) -> tuple[imagestore.Entry, Path] | None:
        """The manifest of a reference, and the folder of its blobs."""
        for store in (self.folder / "images").glob("*"):
            if entry := imagestore.load(store).get(name):
                return entry, store / "blobs"
        return None

    def log_request(self, **what: Any) -> None:
        line = json.dumps({"time": round(time.time(), 3)} | what) + "\n"
        with self._log_lock, open(self.folder / "requests.jsonl", "a") as log:
            log.write(line)

    # ---- names

    def public_name(self, name: str) -> str | None:
        return network.INTERNET if name.endswith(PUBLIC_SUFFIXES) else None

    def vpc_name(self, name: str) -> str | None:
        for one in instance.all_instances(self.folder / "machines"):
            if name == one.fqdn:
                return one.address
            if name == ".".join(reversed(one.address.split("."))) + ".in-addr.arpa":
                return one.fqdn
        return self.public_name(name)

    # ---- control: each method is a call of the control socket

    def call_ping(self) -> str:
        return "ready"

    def call_add_fault(self, **what: Any) -> int:
        return self.faults.add(**what)

    def call_clear_faults(self, fault: int | None = None) -> None:
        self.faults.clear(fault)

    def call_faults(self) -> list[dict[str, Any]]:
        return self.faults.listing()

    def call_put_role(self, name: str, document: policy.Document) -> None:
        policy.check(document)
        if name not in self._policies:
            self.admin.create_role(name)
        self._policies[name] = [document]

    def call_rotate_credentials(self, lifetime: float | None = None) -> None:
        self.credentials.rotate(lifetime)

    def call_expire_credentials(self) -> None:
        self.credentials.expire()

    def call_expire_tokens(self) -> None:
        self.tokens.expire_all()

    def call_aws(self, service: str, target: str, parameters: dict[str, Any]) -> dict[str, Any]:
        return self.admin.json(service, target, parameters)

    # ---- life

    def start(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority = pki.Authority(self.folder / "pki")
        context.load_cert_chain(authority.certificate, authority.key)
        for server in (Server((network.IMDS, 80), ImdsHandler, self),
                       Server((network.INTERNET, 80), FrontHandler, self),
                       Server((network.INTERNET, 443), FrontHandler, self, context)):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        dhcp.serve(self.instance_with_mac)
        for address in network.RESOLVERS:
            dns.serve(address, self.vpc_name)
        for address in network.PUBLIC_RESOLVERS:
            dns.serve(address, self.public_name)


def start_moto(folder: Path) -> subprocess.Popen[bytes]:
    with open(folder / "moto.log", "ab") as log:
        return subprocess.Popen(moto.argv(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def main(folder: Path) -> int:
    services = Services(folder)
    child = start_moto(folder)
    services.start()
    moto.wait()
    services.admin.take_over()
    server = control.serve(folder / "control.sock", services)
    write_file(folder / "services.ready", f"{os.getpid()}\n")
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    server.shutdown()
    child.kill()
    return 0


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    sys.exit(main(Path(sys.argv[1])))
