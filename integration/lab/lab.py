"""A lab: its network, its servers, its machines. Up, down, launch."""
from __future__ import annotations

import contextlib
import json
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator, Sequence

from . import archives, cgroups, control, imagestore, layer, network, paths, pki, processes, tree
from .aptrepo import SigningKey
from .cloud.handle import CloudHandle
from .command import LabError, Result, run
from .disk import Disk, mounts_below, unmount
from .instance import Instance, all_instances, new_id
from .machine import Machine, wait_for
from .mirror import DEBIAN_13, System

FIRST_ADDRESS = 10  # below it are the router, the resolver and what AWS reserves
CLOUD_CALLS = ("put_role", "aws")  # control calls that the lab's AWS answers, not its other servers


@dataclass
class Options:
    region: str = "eu-central-1"
    bundles: list[Path] = field(default_factory=list)  # Kubernetes bundles served as packages and files
    system: System = DEBIAN_13  # what instances run
    scale: float = 0.1  # seconds that one second of AWS's waiting takes (NAT gateways, instances' states)


class Lab:
    def __init__(self, name: str = "lab") -> None:
        self.name = name
        self.folder = paths.state_root() / name
        self.network = network.Network(name)
        self.cloud = CloudHandle(self.folder)

    # ---- life

    @property
    def is_up(self) -> bool:
        return processes.recall(self.folder / "services.pid") is not None

    def up(self, options: Options | None = None) -> None:
        """Starts network and servers; does nothing when they run. Leftovers of a dead lab are removed first."""
        if self.is_up:
            return
        self.down()
        try:
            self._build(options or Options())
        except BaseException:
            self.down()
            raise

    def _build(self, options: Options) -> None:
        self.folder.mkdir(parents=True)
        self.folder.chmod(0o711)
        paths.write_file(self.folder / "lab.json", json.dumps({
            "region": options.region, "system": options.system.name,
            "bundles": [str(bundle) for bundle in options.bundles]}) + "\n")
        tree.aws_tree()
        self.network.up()
        self._make_identity(options)
        self._start_services()
        self._start_cloud(options)
        self._publish(options)
        self.wait_ready()
        self.cloud.wait_ready()

    def _make_identity(self, options: Options) -> None:
        authority = pki.Authority(self.folder / "pki")
        authority.create(pki.server_names(options.region))
        keys = {name: SigningKey(self.folder / "gpg" / name, f"nodeboot lab {name} archive")
                for name in ("debian", "kubernetes")}
        for key in keys.values():
            key.create()
        layer.write(self.folder / "layer", options.system, authority.ca.read_bytes(),
                    (self.folder / "gpg/debian/key.gpg").read_bytes())

    def _key(self, name: str) -> SigningKey:
        return SigningKey(self.folder / "gpg" / name, f"nodeboot lab {name} archive")

    def _publish(self, options: Options) -> None:
        archives.publish_distribution(self.folder / "debian-archive", self._key("debian"), options.system)
        archives.publish_kubernetes(self.folder / "kubernetes-archive", self._key("kubernetes"), options.bundles)
        for bundle in options.bundles:
            link = self.folder / "files/bundles" / layer.bundle_name(bundle)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(bundle.resolve())
            images = self.folder / "images" / layer.bundle_name(bundle)
            images.parent.mkdir(exist_ok=True)
            images.symlink_to(imagestore.build(bundle))
        for name in ("debian", "kubernetes"):
            self._key(name).close()

    def _start_services(self) -> None:
        groups = cgroups.create(self.name, "services")
        started = processes.background("lab.services", self.folder, prefix=self.network.enter(), groups=groups,
                                       log=self.folder / "services.log")
        processes.remember(self.folder / "services.pid", started.pid)

    def _start_cloud(self, options: Options) -> None:
        authority = pki.Authority(self.folder / "pki")
        tls = {"tls": True, "certificate": str(authority.certificate), "key": str(authority.key)}
        self.cloud.configure(options.region, [{"address": network.AWS, "port": 443} | tls,
                                              {"address": network.AWS, "port": 80, "tls": False}],
                             machines=True, scale=options.scale)
        self.cloud.start(self.network.enter(), cgroups.create(self.name, "cloud"))

    def wait_ready(self, timeout: float = 60) -> None:
        def look() -> bool:
            if not self.is_up:
                log = (self.folder / "services.log").read_text(errors="replace")
                raise LabError(f"the lab's servers ended: {log[-2000:]}")
            return (self.folder / "services.ready").exists()
        wait_for("the lab's servers", look, timeout)

    def down(self) -> None:
        """Removes everything of this lab, also what a crash left behind; the cache stays."""
        cgroups.kill(self.name)
        for target in mounts_below(self.folder):
            unmount(target)
        self.network.down()
        for agent in (self.folder / "gpg").glob("*"):
            run(["gpgconf", "--homedir", agent, "--kill", "all"])
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- machines

    def machines(self) -> list[Machine]:
        return [Machine(self.name, self.folder / "machines" / one.id)
                for one in all_instances(self.folder / "machines")]

    def machine(self, word: str) -> Machine:
        """By name, instance id, host name or address."""
        for one in self.machines():
            if word in (one.name, one.instance.id, one.instance.hostname, one.instance.fqdn, one.instance.address):
                return one
        raise LabError(f"no machine {word}; there are: {', '.join(one.name for one in self.machines()) or 'none'}")

    def launch(self, name: str, *, subnet: str = "private-1", role: str = "", user_data: str = "",
               tags: dict[str, str] | None = None, boot: bool = True, **more: Any) -> Machine:
        """What RunInstances does: a new instance with an id, an address, a disk and its user-data; then it boots."""
        where = next((one for one in network.SUBNETS if one.name == subnet), None)
        if where is None:
            raise LabError(f"no subnet {subnet}; there are: {', '.join(one.name for one in network.SUBNETS)}")
        with paths.locked(self.folder / "launch.lock"):
            address = more.pop("address", "") or self._free_address(where)
            machine = self.make(user_data.encode(), id=new_id(), name=name, address=address, subnet=where.name,
                                prefix=where.network.prefixlen, router=where.router, zone=where.zone,
                                region=self.region, role=role, tags={"Name": name} | (tags or {}), **more)
        if boot:
            machine.boot()
        return machine

    def make(self, user_data: bytes, **facts: Any) -> Machine:
        """A machine with its disk, not booted. `facts`: the fields of an Instance."""
        instance = Instance(**facts, launched=time.time())
        folder = self.folder / "machines" / instance.id
        paths.write_file(folder / "user-data", user_data, 0o600)
        instance.save(folder)
        snapshot = self.folder / "snapshots" / instance.image
        Disk(folder).create(instance.disk_gib, snapshot if snapshot.exists() else None)
        return Machine(self.name, folder)

    def make_image(self, machine: Machine, image: str) -> None:
        """What CreateImage does, of a machine that is off: instances of `image` start with its disk."""
        machine.disk.snapshot(self.folder / "snapshots" / image)

    def _free_address(self, subnet: network.Subnet) -> str:
        taken = {one.address for one in all_instances(self.folder / "machines")}
        hosts = list(subnet.network.hosts())[FIRST_ADDRESS - 1 :]
        return next(str(host) for host in hosts if str(host) not in taken)

    @property
    def region(self) -> str:
        return str(json.loads((self.folder / "lab.json").read_text())["region"])

    # ---- servers

    def call(self, name: str, /, **parameters: Any) -> Any:
        aws = name in CLOUD_CALLS or (name == "add_fault" and parameters["target"] == "aws")
        return control.call(self.folder / ("cloud.sock" if aws else "control.sock"), name, **parameters)

    @contextlib.contextmanager
    def fault(self, target: str, effect: str, value: Any = None, *, count: int | None = None,
              seconds: float | None = None, **match: str) -> Iterator[int]:
        """Something goes wrong for as long as the block lasts; `match` as in faults.py. A block that ends well without
        having met it (all `count` times) fails: whatever it showed, it was not this."""
        call = self.cloud.call if target == "aws" else self.call
        fault = self.call("add_fault", target=target, effect=effect, value=value, count=count, seconds=seconds,
                          match=match)
        yield fault
        hits = next(int(one["hits"]) for one in call("faults") if one["id"] == fault)
        call("clear_faults", fault=fault)
        if hits < (count or 1):
            raise LabError(f"the fault '{target} {effect} {match}' struck {hits} times of {count or 'at least 1'}")

    def clear_faults(self) -> None:
        self.call("clear_faults")
        self.cloud.call("clear_faults")

    # ---- operators

    def operator_argv(self, command: Sequence[object]) -> list[str]:
        """The command as an operator outside the VPC runs it: in the lab's network, with public name servers."""
        resolv = self.folder / "resolv.conf"
        paths.write_file(resolv, "".join(f"nameserver {one}\n" for one in network.PUBLIC_RESOLVERS))
        return [*self.network.enter(), "unshare", "--mount", "--propagation=private", "sh", "-c",
                'mount --bind "$0" "$(readlink -f /etc/resolv.conf)" && exec "$@"', str(resolv), *map(str, command)]

    def operator_environment(self, user: str = "operator") -> dict[str, str]:
        """Credentials, region and the lab's CA; AWS's own addresses lead into the lab, so no endpoint is named."""
        environment = self.cloud.environment(user)
        del environment["AWS_ENDPOINT_URL"]
        bundle = str(self.folder / "layer/etc/ssl/certs/ca-certificates.crt")
        return environment | {"SSL_CERT_FILE": bundle, "AWS_CA_BUNDLE": bundle}

    def as_operator(self, *command: object, timeout: float = 600, check: bool = False, user: str = "operator",
                    **more: str) -> Result:
        """Runs a command as an operator does; `more`: of the environment."""
        result = run(self.operator_argv(command), timeout=timeout, env=self.operator_environment(user) | more)
        return result.check() if check else result

    def requests(self, **wanted: str) -> list[dict[str, Any]]:
        """The request log, oldest first, narrowed to entries whose fields equal `wanted`."""
        log = self.folder / "requests.jsonl"
        lines = log.read_text().splitlines() if log.exists() else []
        entries = [json.loads(line) for line in lines]
        return [one for one in entries if all(one.get(name) == value for name, value in wanted.items())]

    def requests_of(self, machine: Machine, **wanted: str) -> list[dict[str, Any]]:
        """Those of this machine: its address may have been that of others before it, as in a subnet of EC2."""
        one = machine.instance
        return [entry for entry in self.requests(source=one.address, **wanted) if entry["time"] >= one.launched]
