"""A cluster of the lab: what the launcher will do on AWS, done to the lab's own machines.

Roles with the smallest policies, one configuration for each role, user-data, then the instances; waiting is left to
the caller, who may have other plans for the machines.
"""
from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import kubedebs, layer
from .command import LabError
from .lab import Lab
from .machine import Machine, wait_for
from .paths import REPOSITORY
from .userdata import SERVICE, render

ACCOUNT = "123456789012"  # moto's
CONTROL_PLANE, WORKER = "control-plane", "worker"


def find_binary() -> Path:
    """The nodeboot to put on the machines: $NODEBOOT_BINARY, else this tree's release build, the one that is shipped
    (a dev build is dynamic and would miss its libraries there)."""
    built = Path(os.environ.get("NODEBOOT_BINARY", REPOSITORY / "build/release/nodeboot"))
    if not built.exists():
        raise LabError(f"no nodeboot at {built}; script/build release makes one, NODEBOOT_BINARY names another")
    return built


@dataclass
class Spec:
    name: str = "demo"
    bundle: Path | None = None  # the Kubernetes that nodes install
    source: str = "repository"  # or "bundle"
    store: str = "ssm"
    binary: Path | None = None
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)  # more of the user's TOML, by section


def toml(sections: dict[str, dict[str, Any]]) -> str:
    """Enough of TOML for a configuration: scalars, lists of them, one level of tables."""
    blocks = []
    for section, keys in sections.items():
        lines = [f"[{section}]"] + [f"{key} = {_value(value)}" for key, value in keys.items()]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_value(one)}" for key, one in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


class Cluster:
    def __init__(self, lab: Lab, spec: Spec | None = None) -> None:
        self.lab = lab
        self.spec = spec or Spec()

    # ---- before the machines

    def prepare(self) -> None:
        """Roles, and the files that instances download. Repeatable."""
        for role in (CONTROL_PLANE, WORKER):
            self.lab.call("put_role", name=self.role(role), document=self.policy(role))
        self.url, self.sha256 = self._offer_binary()

    def role(self, role: str) -> str:
        return f"nodeboot-{self.spec.name}-{role}"

    def policy(self, role: str) -> dict[str, Any]:
        """The smallest that works: a worker may read the one parameter it joins with."""
        base = f"arn:aws:ssm:{self.lab.region}:{ACCOUNT}:parameter/nodeboot/{self.spec.name}/"
        if role == WORKER:
            statements = [{"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": base + "join"}]
        else:
            statements = [{"Effect": "Allow", "Action": ["ssm:GetParameter", "ssm:PutParameter",
                                                         "ssm:DeleteParameter"], "Resource": base + "*"}]
        return {"Version": "2012-10-17", "Statement": statements}

    def _offer_binary(self) -> tuple[str, str]:
        binary = self.spec.binary or find_binary()
        sha256 = hashlib.sha256(binary.read_bytes()).hexdigest()
        to = self.lab.folder / "files" / sha256 / "nodeboot"
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(binary, to)
        return f"https://{layer.FILES_HOST}/{sha256}/nodeboot", sha256

    # ---- what machines are given

    def config(self, role: str, **more: dict[str, Any]) -> str:
        sections: dict[str, dict[str, Any]] = {
            "cluster": {"name": self.spec.name, "region": self.lab.region}, "node": {"role": role},
            "kubernetes": self.kubernetes(), "join": {"store": self.spec.store}}
        for extra in (self.spec.settings, more):
            for section, keys in extra.items():
                sections[section] = sections.get(section, {}) | keys
        return toml(sections)

    def kubernetes(self) -> dict[str, Any]:
        if self.spec.bundle is None:
            raise LabError("no Kubernetes bundle is named")
        version = kubedebs.kubernetes_version(self.spec.bundle)
        if self.spec.source == "bundle":
            return {"version": version, "source": "bundle",
                    "bundle": f"{layer.BUNDLES}/{layer.bundle_name(self.spec.bundle)}"}
        return {"version": version, "source": self.spec.source}

    def user_data(self, role: str, **more: dict[str, Any]) -> str:
        return render(self.config(role, **more), self.url, self.sha256)

    def user_data_baked(self, role: str) -> str:
        return render(self.config(role))

    # ---- machines

    def launch(self, name: str, role: str, **options: Any) -> Machine:
        more = options.pop("config", {})
        options.setdefault("subnet", "public" if role == CONTROL_PLANE else "private-1")
        options.setdefault("type", "t3.medium" if role == CONTROL_PLANE else "t3.small")
        options.setdefault("role", self.role(role))
        options.setdefault("user_data", self.user_data(role, **more))
        tags = {"nodeboot.io/cluster": self.spec.name, "nodeboot.io/role": role}
        return self.lab.launch(name, tags=tags, **options)

    def launch_bare(self, name: str, role: str, **options: Any) -> Machine:
        """A booted instance with the binary and the configuration in place, on which nodeboot has not run."""
        config = self.config(role, **options.pop("config", {}))
        machine = self.launch(name, role, user_data="", **options)
        machine.wait_booted()
        machine.write("/etc/nodeboot/config.toml", config)
        machine.write("/usr/local/bin/nodeboot", (self.spec.binary or find_binary()).read_bytes(), 0o755)
        machine.write("/etc/systemd/system/nodeboot.service", SERVICE.read_text())
        return machine

    def launch_all(self, workers: int) -> list[Machine]:
        """One control plane and `workers` workers, booting side by side."""
        machines = [self.launch("control-plane", CONTROL_PLANE)]
        for number in range(1, workers + 1):
            machines.append(self.launch(f"worker-{number}", WORKER, subnet=f"private-{(number - 1) % 3 + 1}"))
        return machines


def wait_converged(machine: Machine, timeout: float = 600) -> None:
    """Until nodeboot.service has ended well; an error that shows what it said when it did not."""
    def look() -> bool:
        state = service_state(machine)
        if state == "failed":
            raise LabError(f"nodeboot failed on {machine.name}:\n{journal(machine)[-4000:]}")
        return state == "active"
    try:
        wait_for(f"nodeboot on {machine.name}", look, timeout, 0.5)
    except LabError as error:
        raise LabError(f"{error}\n{journal(machine)[-4000:]}") from None


def service_state(machine: Machine) -> str:
    """"" while there is none yet; else systemd's word: inactive, activating, active, failed."""
    if machine.leader is None:
        return ""
    said = machine.run(["systemctl", "show", "--property=ActiveState,SubState,LoadState", "nodeboot.service"]).out
    fields = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    return fields.get("ActiveState", "") if fields.get("LoadState") == "loaded" else ""


def journal(machine: Machine, unit: str = "nodeboot.service") -> str:
    return machine.run(["journalctl", "--no-pager", "--output=cat", "--unit", unit]).out if machine.leader else ""
