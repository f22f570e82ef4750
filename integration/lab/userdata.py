"""User-data from the repository's own template, as the launcher renders it."""
from __future__ import annotations

import re

from .command import LabError
from .paths import REPOSITORY

LIMIT = 16 * 1024  # bytes, EC2's
TEMPLATE = REPOSITORY / "cloud-init/user-data.yaml.in"
SERVICE = REPOSITORY / "cloud-init/nodeboot.service"


def fill(template: str, values: dict[str, str]) -> str:
    """A line that is nothing but @NAME@ becomes a text, each line of it indented like the placeholder; @NAME@ inside
    a line becomes a word. What is left over, or not used, is an error."""
    used = set()

    def value(name: str) -> str:
        if name not in values:
            raise LabError(f"the user-data template wants @{name}@, which nobody gives")
        used.add(name)
        return values[name]

    def line(text: str) -> str:
        if alone := re.fullmatch(r"( *)@([A-Z0-9_]+)@", text):
            return "\n".join((alone[1] + part).rstrip() for part in value(alone[2]).rstrip("\n").split("\n"))
        return re.sub(r"@([A-Z0-9_]+)@", lambda found: value(found[1]), text)

    out = "\n".join(line(text) for text in template.split("\n"))
    if unused := set(values) - used:
        raise LabError(f"the user-data template has no place for {', '.join(sorted(unused))}")
    return out


def render(config: str, binary_url: str, binary_sha256: str) -> str:
    out = fill(TEMPLATE.read_text(), {"CONFIG": config, "SERVICE": SERVICE.read_text(), "BINARY_URL": binary_url,
                                      "BINARY_SHA256": binary_sha256})
    if len(out.encode()) > LIMIT:
        raise LabError(f"user-data of {len(out.encode())} bytes; EC2 takes {LIMIT}")
    return out
