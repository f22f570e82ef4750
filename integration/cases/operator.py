"""nodeboot as an operator runs it against the lab's AWS, and what the account holds, seen by another client."""
from __future__ import annotations

import json
import os
import struct
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

import boto3
from botocore.config import Config

from lab.cloud.handle import CloudHandle
from lab.cluster import find_binary, toml
from lab.command import LabError, Result, run

NOTHING, CHANGES = 0, 2  # exit codes of `cluster plan`
SESSION = boto3.Session()


@dataclass
class Operator:
    """One cluster, one configuration, one operator."""
    cloud: CloudHandle
    folder: Path
    name: str = "demo"
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    user: str = "operator"

    @property
    def config(self) -> Path:
        path = self.folder / f"{self.name}-{self.user}.toml"
        sections: dict[str, dict[str, Any]] = {"cluster": {"name": self.name, "region": self.cloud.region},
                                               "binary": {"file": str(upload(self.folder))}}
        for section, keys in self.settings.items():
            sections[section] = sections.get(section, {}) | keys
        path.write_text(toml(sections))
        return path

    def argv(self, *words: str) -> list[str]:
        return [str(find_binary()), "cluster", *words, "--config", str(self.config)]

    def run(self, *words: str, timeout: float = 600, **environment: str) -> Result:
        return run(self.argv(*words), timeout=timeout, env=self.cloud.environment(self.user) | environment)

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self.argv(*words), env=self.cloud.environment(self.user), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    # ---- with what is expected of it

    def up(self, *words: str) -> Result:
        return self._must(self.run("up", *words))

    def down(self) -> Result:
        return self._must(self.run("down", "--yes"))

    def _must(self, result: Result) -> Result:
        if not result.ok:
            raise LabError(f"{' '.join(result.argv[1:4])} ended with {result.code}:\n{result.out[-3000:]}\n"
                           f"{result.err[-3000:]}")
        return result

    def converged(self) -> None:
        """Fails unless there is nothing to change."""
        plan = self.run("plan")
        assert plan.code == NOTHING, f"not converged ({plan.code}):\n{plan.out}\n{plan.err}"

    def changes(self) -> list[dict[str, Any]]:
        """What `cluster plan` would change."""
        plan = self.run("plan", "--output", "json")
        assert plan.code in (NOTHING, CHANGES), plan
        return [change | {"phase": phase["name"]} for phase in json.loads(plan.out)["phases"]
                for change in phase.get("changes", [])]


def upload(folder: Path) -> Path:
    """What is uploaded for the nodes, none of which boots here: the header of a static 64-bit program, and nothing."""
    to = folder / "uploaded"
    if not to.exists():
        ident = b"\x7fELF\x02\x01\x01" + bytes(9)  # 64 bits, little-endian
        to.write_bytes(ident + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 0, 64, 0, 0))  # EM_X86_64
    return to


# ---- the account, by boto3


def client(cloud: CloudHandle, service: str, user: str = "lab") -> Any:
    access_key, secret = cloud.call("keys")[user]
    return SESSION.client(service, region_name=cloud.region, endpoint_url=cloud.endpoint, aws_access_key_id=access_key,
                          aws_secret_access_key=secret, config=Config(s3={"addressing_style": "path"}))


def tags(item: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in item.get("Tags", [])}


class Account:
    """Everything in the account that is not there on its first day."""

    def __init__(self, cloud: CloudHandle) -> None:
        self.cloud = cloud
        self.ec2, self.iam, self.ssm, self.s3 = (client(cloud, one) for one in ("ec2", "iam", "ssm", "s3"))

    def vpcs(self) -> list[dict[str, Any]]:
        return [one for one in self.ec2.describe_vpcs()["Vpcs"] if not one["IsDefault"]]

    def instances(self, *states: str) -> list[dict[str, Any]]:
        wanted = states or ("pending", "running", "stopping", "stopped", "shutting-down")
        return [one for page in self.ec2.describe_instances()["Reservations"] for one in page["Instances"]
                if one["State"]["Name"] in wanted]

    def everything(self) -> dict[str, list[dict[str, Any]]]:
        """Each kind of resource with its items, whoever made them."""
        ec2, mine = self.ec2, {one["VpcId"] for one in self.vpcs()}

        def inside(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return [one for one in items if one.get("VpcId") in mine]
        return {
            "vpc": self.vpcs(), "subnet": inside(ec2.describe_subnets()["Subnets"]),
            "internet-gateway": ec2.describe_internet_gateways()["InternetGateways"],
            "elastic-ip": ec2.describe_addresses()["Addresses"],
            "natgateway": [one for one in ec2.describe_nat_gateways()["NatGateways"]
                           if one["State"] not in ("deleted", "failed")],
            "route-table": [one for one in inside(ec2.describe_route_tables()["RouteTables"])
                            if not any(each.get("Main") for each in one["Associations"])],
            "security-group": [one for one in inside(ec2.describe_security_groups()["SecurityGroups"])
                               if one["GroupName"] != "default"],
            "network-interface": inside(ec2.describe_network_interfaces()["NetworkInterfaces"]),
            "key-pair": ec2.describe_key_pairs()["KeyPairs"], "instance": self.instances(),
            "volume": ec2.describe_volumes()["Volumes"], "role": self.iam.list_roles()["Roles"],
            "instance-profile": self.iam.list_instance_profiles()["InstanceProfiles"],
            "parameter": self.ssm.describe_parameters()["Parameters"], "bucket": self.s3.list_buckets()["Buckets"]}

    def counts(self) -> dict[str, int]:
        return {kind: len(items) for kind, items in self.everything().items() if items}

    def empty(self) -> None:
        """Fails unless the account is as on its first day."""
        left = {kind: items for kind, items in self.everything().items() if items}
        assert left == {}, left

    def find(self, kind: str, name: str) -> dict[str, Any]:
        """The resource that nodeboot knows by this name."""
        found = [one for one in self.everything()[kind] if tags(one).get("nodeboot.io/name", tags(one).get("Name",
                                                                                                     "")) == name]
        assert len(found) == 1, f"{kind} {name}: {found}"
        return found[0]


def held(cloud: CloudHandle, process: subprocess.Popen[bytes], timeout: float = 300) -> str:
    """Waits until the request that is to be held has come, or the process has ended; the held call, if any."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if call := cloud.call("held"):
            return str(call)
        if process.poll() is not None:
            return str(cloud.call("held"))
        time.sleep(0.005)
    raise LabError("neither did the request come that was to be held, nor did nodeboot end")


def eventually(what: str, check: Callable[[], bool], timeout: float = 120) -> None:
    deadline = time.monotonic() + timeout
    while not check():
        if time.monotonic() > deadline:
            raise LabError(f"waited in vain for {what}")
        time.sleep(0.02)


def seeds(default: int) -> range:
    """NODEBOOT_SEEDS="N" or "FIRST-LAST": which storms to try; a failure names its seed."""
    first, _, last = os.environ.get("NODEBOOT_SEEDS", f"0-{default - 1}").partition("-")
    return range(int(first), int(last or first) + 1)
