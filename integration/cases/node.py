"""nodeboot on a machine, as the cases speak of it: plan, up, status, and what a run touched."""
from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Sequence

from lab.command import LabError, Result
from lab.machine import Machine

NOTHING, ERROR, PENDING = 0, 1, 2  # exit codes
# Files whose change would mean that a run wrote something. Logs, records and what daemons write for themselves are out.
WATCHED = ("/etc", "/usr/local", "/usr/lib/systemd", "/opt/cni", "/root/.kube", "/var/lib/kubelet/config.yaml",
           "/var/lib/kubelet/kubeadm-flags.env", "/var/lib/kubelet/pki")
# flannel's pod writes these whenever it starts, so also some time after a reboot.
FLANNELS = ("/etc/cni/net.d/10-flannel.conflist", "/opt/cni/bin/flannel")
RESTARTABLE = ("containerd", "kubelet", "systemd-resolved", "systemd-networkd", "systemd-timesyncd", "dbus",
               "systemd-journald", "systemd-logind")
KUBECTL = ("kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf")
ARCHIVE = "/opt/nodeboot/bundle.tar.gz"
FROM_ARCHIVE = {"kubernetes": {"source": "bundle", "bundle": ARCHIVE}, "containerd": {"source": "bundle"}}


@dataclass
class Plan:
    code: int
    changes: list[dict[str, Any]]
    text: str

    @property
    def phases(self) -> set[str]:
        return {str(change["phase"]) for change in self.changes}

    def __str__(self) -> str:
        lines = [f"{one['phase']}: {one['subject']}: {one.get('from')} -> {one.get('to')}" for one in self.changes]
        return "\n".join(lines) or self.text


@dataclass
class Footprint:
    """What a run may have touched, taken before and after."""
    files: dict[str, str]
    services: dict[str, str]
    packages: str

    def against(self, later: "Footprint") -> list[str]:
        out = [f"file {name}" for name in sorted(set(self.files) | set(later.files))
               if self.files.get(name) != later.files.get(name)]
        out += [f"service {name}" for name in self.services if self.services[name] != later.services.get(name)]
        return out + (["packages"] if self.packages != later.packages else [])


@dataclass
class Node:
    machine: Machine
    options: list[str] = field(default_factory=list)

    def nodeboot(self, *words: str, timeout: float = 600) -> Result:
        return self.machine.run(["nodeboot", *words], timeout=timeout)

    def plan(self) -> Plan:
        said = self.nodeboot("node", "plan", "--output", "json")
        if said.code not in (NOTHING, PENDING):
            raise LabError(f"plan on {self.machine.name} ended with {said.code}: {said.err[-3000:]}{said.out[-3000:]}")
        return Plan(said.code, changes_of(json.loads(said.out)), said.out)

    def up(self, *words: str, timeout: float = 600) -> Plan:
        """Converges; an error with what it said when it does not."""
        said = self.nodeboot("node", "up", "--output", "json", *words, timeout=timeout)
        if not said.ok:
            raise LabError(f"up on {self.machine.name} ended with {said.code}: {said.err[-3000:]}{said.out[-3000:]}")
        return Plan(said.code, changes_of(json.loads(said.out)), said.out)

    def status(self) -> dict[str, Any]:
        said = self.nodeboot("node", "status", "--output", "json")
        return json.loads(said.out)  # type: ignore[no-any-return]

    def phases(self) -> list[str]:
        listing = json.loads(self.nodeboot("phases", "--output", "json").out)
        return [str(one["name"]) for one in (listing["phases"] if isinstance(listing, dict) else listing)]

    def footprint(self) -> Footprint:
        find = 'find "$@" -xdev -not -type d -printf "%p\\t%T@ %s %m %u %i %l\\n"'
        listing = self.machine.run(["sh", "-c", find, "-", *WATCHED]).out
        found = dict(line.split("\t", 1) for line in listing.splitlines())
        files = {name: seen for name, seen in found.items() if name not in FLANNELS}
        units = [f"{name}.service" for name in RESTARTABLE]
        said = self.machine.run(["systemctl", "show", "--property=Id,InvocationID,NRestarts", *units]).out
        services = {block.split("Id=")[1].split("\n")[0]: block for block in said.split("\n\n") if "Id=" in block}
        packages = self.machine.run("dpkg-query -Wf '${Package} ${Version} ${db:Status-Abbrev}\\n'; "
                                    "apt-mark showhold").out
        return Footprint(files, services, packages)

    def converged(self) -> None:
        """Fails unless there is nothing to change."""
        plan = self.plan()
        assert plan.code == NOTHING and not plan.changes, f"{self.machine.name} is not converged:\n{plan}"


def bring(archive: Path, node: Node) -> None:
    """Puts a bundle where FROM_ARCHIVE, a configuration, looks for it."""
    to = node.machine.path(ARCHIVE)
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(archive, to)


def changes_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The changes of a plan's or a run's JSON, each with its phase."""
    if "changes" in document:
        return list(document["changes"])
    return [change | {"phase": phase["name"]} for phase in document.get("phases", [])
            for change in phase.get("changes", [])]


def kube_nodes(control_plane: Machine) -> dict[str, dict[str, Any]]:
    """Node objects by name, as the API server has them."""
    said = control_plane.run([*KUBECTL, "get", "nodes", "-o", "json"])
    if not said.ok:
        return {}
    return {item["metadata"]["name"]: item for item in json.loads(said.out)["items"]}


def ready(control_plane: Machine, name: str) -> bool:
    node = kube_nodes(control_plane).get(name, {})
    return any(one["type"] == "Ready" and one["status"] == "True"
               for one in node.get("status", {}).get("conditions", []))


def labelled(control_plane: Machine, machine: Machine) -> bool:
    """Has the control plane given the node its role?"""
    role = machine.instance.tags["nodeboot.io/role"]
    node = kube_nodes(control_plane).get(machine.node_name, {})
    return f"node-role.kubernetes.io/{role}" in node.get("metadata", {}).get("labels", {})


def forget(control_plane: Machine, machine: Machine) -> None:
    """Takes a machine away, and its Node object."""
    control_plane.run([*KUBECTL, "delete", "node", machine.node_name, "--ignore-not-found"])
    machine.terminate()


def names(machines: Sequence[Machine]) -> list[str]:
    return [one.node_name for one in machines]
