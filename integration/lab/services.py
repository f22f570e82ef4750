"""The lab's servers, in one process inside the lab's network: `python3 -m lab.services FOLDER`.

Metadata, names, archives and files for the machines; a control socket for the lab's own programs, and for the lab's
AWS, which is a process of its own (`lab.cloud`) and has machines booted here.
"""
from __future__ import annotations

import base64
import ipaddress
import json
import os
import signal
import ssl
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import control, dhcp, dns, imagestore, instance, layer, network, pki
from .command import LabError
from .credentials import RoleCredentials
from .faults import Faults
from .front import FrontHandler
from .imds import ImdsHandler, Tokens, public_name
from .lab import Lab
from .machine import Machine
from .paths import write_file
from .serve import Server

PUBLIC_SUFFIXES = ("k8s.io", "lab.internal", *layer.REGISTRY_HOSTS)


class Services:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.region = json.loads((folder / "lab.json").read_text())["region"]
        self.faults = Faults()
        self.tokens = Tokens()
        self.lab = Lab(folder.name)
        self.credentials = RoleCredentials(lambda role, session, lifetime: self._ask_cloud(
            "issue", role=role, session=session, lifetime=lifetime))
        self._log_lock = threading.Lock()

    # ---- what the handlers ask

    def instance_at(self, address: str) -> instance.Instance | None:
        return instance.by_address(self.folder / "machines", address)

    def instance_with_mac(self, mac: str) -> instance.Instance | None:
        return next((one for one in instance.all_instances(self.folder / "machines") if one.mac == mac), None)

    def user_data(self, one: instance.Instance) -> bytes | None:
        path = self.folder / "machines" / one.id / "user-data"
        return path.read_bytes() if path.exists() else None

    def _ask_cloud(self, name: str, **parameters: Any) -> Any:
        return control.call(self.folder / "cloud.sock", name, **parameters)

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
        if name.endswith("amazonaws.com"):
            return self._instance_with_public_name(name) if name.startswith("ec2-") else network.AWS
        return network.INTERNET if name.endswith(PUBLIC_SUFFIXES) else None

    def _instance_with_public_name(self, name: str) -> str | None:
        return next((one.public_address for one in instance.all_instances(self.folder / "machines")
                     if one.public_address and public_name(one) == name), None)

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

    def call_rotate_credentials(self, lifetime: float | None = None) -> None:
        self.credentials.rotate(lifetime)

    def call_expire_credentials(self) -> None:
        """Every credential given to an instance so far is expired from now on."""
        self._ask_cloud("expire")
        self.credentials.rotate()

    def call_expire_tokens(self) -> None:
        self.tokens.expire_all()

    # ---- the machines behind the instances of the lab's AWS

    def call_launch_instance(self, instance: str, user_data: str, router: str, prefix: int, **facts: Any) -> None:
        if "refuse" in self.faults.hit("machines", instance=instance, name=facts["name"]):
            raise LabError("scripted by the lab")
        subnet = ipaddress.ip_interface(f"{router}/{prefix}").network
        wire = network.Subnet(facts["subnet"], str(subnet), facts["zone"])
        self.lab.network.ensure_subnet(wire)
        machine = self.lab.make(base64.b64decode(user_data), id=instance, router=router, prefix=prefix, **facts)
        if public := machine.instance.public_address:
            self.lab.network.map_public(public, machine.instance.address)
        machine.boot()

    def _machine(self, name: str) -> Machine:
        return Machine(self.lab.name, self.folder / "machines" / name)

    def call_address_instance(self, instance: str, public: str) -> None:
        machine = self._machine(instance)
        if old := machine.instance.public_address:
            self.lab.network.unmap_public(old, machine.instance.address)
        if public:
            self.lab.network.map_public(public, machine.instance.address)
        self.call_change_instance(instance, public_address=public)

    def call_change_instance(self, instance: str, **facts: Any) -> None:
        machine = self._machine(instance)
        replace(machine.instance, **facts).save(machine.folder)

    def call_stop_instance(self, instance: str) -> None:
        self._machine(instance).poweroff()

    def call_start_instance(self, instance: str) -> None:
        self._machine(instance).boot()

    def call_reboot_instance(self, instance: str) -> None:
        self._machine(instance).reboot()

    def call_terminate_instance(self, instance: str) -> None:
        if not (self.folder / "machines" / instance / "instance.json").exists():
            return  # it never came up
        machine = self._machine(instance)
        if public := machine.instance.public_address:
            self.lab.network.unmap_public(public, machine.instance.address)
        machine.terminate(keep_console=self.folder / "consoles" / instance)

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


def main(folder: Path) -> int:
    services = Services(folder)
    services.start()
    server = control.serve(folder / "control.sock", services)
    write_file(folder / "services.ready", f"{os.getpid()}\n")
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    server.shutdown()
    return 0


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    sys.exit(main(Path(sys.argv[1])))
