"""User-data from the repository's own template, as the launcher renders it."""
from __future__ import annotations

import re

from .command import LabError
from .paths import REPOSITORY

LIMIT = 16 * 1024  # bytes, EC2's
TEMPLATE = REPOSITORY / "cloud-init/user-data.yaml.in"
TEMPLATE_BAKED = REPOSITORY / "cloud-init/user-data-baked.yaml.in"
INSTALL = REPOSITORY / "cloud-init/install.py"
SERVICE = REPOSITORY / "cloud-init/nodeboot.service"


def fill(template: str, values: dict[str, str]) -> str:
    """A line that is nothing but @NAME@ becomes a text, each line of it indented like the placeholder. What is left
    over, or not used, is an error."""
    used = set()

    def line(text: str) -> str:
        alone = re.fullmatch(r"( *)@([A-Z0-9_]+)@", text)
        if not alone:
            return text
        if alone[2] not in values:
            raise LabError(f"the user-data template wants @{alone[2]}@, which nobody gives")
        used.add(alone[2])
        return "\n".join(part and alone[1] + part for part in values[alone[2]].rstrip("\n").split("\n"))

    out = "\n".join(line(text) for text in template.split("\n"))
    if unused := set(values) - used:
        raise LabError(f"the user-data template has no place for {', '.join(sorted(unused))}")
    return out


def render(config: str, binary_url: str = "", binary_sha256: str = "", s3_region: str = "") -> str:
    """As src/launch/user_data.cpp does it; without a URL, for an image that nodeboot is baked into."""
    values = {"CONFIG": config}
    if binary_url:
        lines = [f"url={binary_url}", f"sha256={binary_sha256}"] + ([f"s3_region={s3_region}"] if s3_region else [])
        values |= {"BINARY": "\n".join(lines), "INSTALL": INSTALL.read_text(), "SERVICE": SERVICE.read_text()}
    out = fill((TEMPLATE if binary_url else TEMPLATE_BAKED).read_text(), values)
    if len(out.encode()) > LIMIT:
        raise LabError(f"user-data of {len(out.encode())} bytes; EC2 takes {LIMIT}")
    return out
