"""The images that the lab's account can launch, and the public SSM parameters that name them.

One image for each distribution and architecture that nodeboot knows, under the names by which Canonical, Debian and
Amazon publish them. In the lab all of them boot the same tree.
"""
from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

CANONICAL, DEBIAN, AMAZON = "099720109477", "136693071363", "137112412989"


@dataclass(frozen=True)
class Image:
    parameter: str
    name: str
    owner: str
    architecture: str  # EC2's word: x86_64, arm64
    root: str

    @property
    def id(self) -> str:
        return "ami-0" + hashlib.sha256(self.name.encode()).hexdigest()[:16]


def _images() -> list[Image]:
    found = []
    for theirs, word in (("x86_64", "amd64"), ("arm64", "arm64")):
        for version, code in (("22.04", "jammy"), ("24.04", "noble")):
            kind = "ebs-gp3" if version == "24.04" else "ebs-gp2"
            folder = "hvm-ssd-gp3" if version == "24.04" else "hvm-ssd"
            found.append(Image(f"/aws/service/canonical/ubuntu/server/{version}/stable/current/{word}/hvm/{kind}/ami-id",
                               f"ubuntu/images/{folder}/ubuntu-{code}-{version}-{word}-server-20261101", CANONICAL,
                               theirs, "/dev/sda1"))
        for version in ("12", "13"):
            found.append(Image(f"/aws/service/debian/release/{version}/latest/{word}",
                               f"debian-{version}-{word}-20261101-2000", DEBIAN, theirs, "/dev/xvda"))
        found.append(Image(f"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{theirs}",
                           f"al2023-ami-2023.9.20261101.0-kernel-6.1-{theirs}", AMAZON, theirs, "/dev/xvda"))
    return found


IMAGES = _images()


def catalogue() -> list[dict[str, Any]]:
    """What moto reads at its start."""
    return [{"ami_id": one.id, "name": one.name, "description": one.name, "owner_id": one.owner, "public": True,
             "virtualization_type": "hvm", "architecture": one.architecture, "state": "available", "platform": None,
             "image_type": "machine", "hypervisor": "xen", "root_device_name": one.root, "root_device_type": "ebs",
             "sriov": "simple", "creation_date": "2026-11-01T00:00:00.000Z",
             "image_location": f"{one.owner}/{one.name}"} for one in IMAGES]
