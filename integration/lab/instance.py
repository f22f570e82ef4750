"""What the lab knows of one instance, kept as a JSON file so that every program of the lab sees the same."""
from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .paths import write_file


@dataclass
class Instance:
    id: str
    name: str
    address: str
    subnet: str
    prefix: int
    router: str
    zone: str
    region: str
    role: str = ""  # IAM role of the instance profile; empty for none
    type: str = "t3.small"
    image: str = "ami-0000000000000lab1"
    tags: dict[str, str] = field(default_factory=dict)
    disk_gib: int = 30
    launched: float = 0.0
    hop_limit: int = 1
    mac: str = ""
    tags_in_metadata: bool = False  # EC2's default
    key: str = ""  # the user's public SSH key, if any
    key_name: str = "lab-key"
    profile: str = ""  # name of the instance profile; empty: that of the role
    vpc: str = "vpc-lab"
    vpc_cidr: str = "10.0.0.0/16"
    public_address: str = ""
    interface: str = ""  # id of the primary network interface
    security_groups: list[str] = field(default_factory=lambda: ["lab"])

    def __post_init__(self) -> None:
        # EC2 refuses such a pair: metadata paths have no room for them.
        if self.tags_in_metadata and any(set(key) & set(" /") for key in self.tags):
            raise ValueError("tags with a slash or a space cannot be offered in instance metadata")

    @property
    def domain(self) -> str:
        return "ec2.internal" if self.region == "us-east-1" else f"{self.region}.compute.internal"

    @property
    def hostname(self) -> str:
        return "ip-" + self.address.replace(".", "-")

    @property
    def fqdn(self) -> str:
        return f"{self.hostname}.{self.domain}"

    @property
    def availability_zone(self) -> str:
        return self.region + self.zone

    def save(self, folder: Path) -> None:
        write_file(folder / "instance.json", json.dumps(asdict(self), indent=2) + "\n")

    @staticmethod
    def load(folder: Path) -> "Instance":
        return Instance(**json.loads((folder / "instance.json").read_text()))


def new_id() -> str:
    return "i-0" + secrets.token_hex(8)


def all_instances(folder: Path) -> list[Instance]:
    """Of every instance folder below `folder`, by launch time."""
    found = []
    for path in folder.glob("*/instance.json"):
        try:
            found.append(Instance.load(path.parent))
        except (OSError, ValueError):
            pass  # terminated between the listing and the reading
    return sorted(found, key=lambda instance: (instance.launched, instance.name))


def by_address(folder: Path, address: str) -> Instance | None:
    return next((one for one in all_instances(folder) if one.address == address), None)
