"""The Debian mirror the host itself uses, with another suite: no host name is written anywhere in the lab."""
from __future__ import annotations

from .command import LabError, must

SUITE = "trixie"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def host_mirror() -> str:
    """Base address of the first mirror that carries the host's own release (not its security or updates suites)."""
    lines = must(["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)",
                  "Created-By: Packages"]).splitlines()
    for line in lines:
        address, codename, component = (line.split() + ["", "", ""])[:3]
        if component == "main" and codename and "-" not in codename:
            return address.rstrip("/")
    raise LabError("apt has no package lists on this machine; run `apt-get update` first")


def sources(mirror: str) -> str:
    return f"deb [signed-by={KEYRING}] {mirror} {SUITE} main\n"
