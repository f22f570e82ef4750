"""GetConsoleOutput: the machine's real console where there are machines, a scripted one where there are none.

As on EC2: the last 64 KB, base64; only `Latest` shows what is on the console now. Without it one gets what was
posted at the instance's last change of state, which for an instance that is starting is nothing at all.
"""
from __future__ import annotations

import base64
import time
from typing import Any

from .errors import request_id
from .lifecycle import Lifecycle
from .machines import RealMachines

SIZE = 64 * 1024  # bytes, EC2's


class Consoles:
    def __init__(self, machines: RealMachines | None) -> None:
        self._machines = machines
        self._script: list[tuple[str, str, float, str]] = []  # tag, value, seconds after boot, line
        self._written: dict[str, str] = {}

    def script(self, lines: list[tuple[float, str]], tag: str = "", value: str = "") -> None:
        """Lines that instances (with this tag, if one is named) write so many of AWS's seconds after they run."""
        self._script += [(tag, value, seconds, line) for seconds, line in lines]

    def write(self, instance: str, text: str) -> None:
        self._written[instance] = self._written.get(instance, "") + text

    def text(self, instance: Any, lifecycle: Lifecycle) -> bytes:
        if self._machines is not None:
            return self._machines.console(instance.id)
        return self._scripted(instance, lifecycle).encode()

    def _scripted(self, instance: Any, lifecycle: Lifecycle) -> str:
        running_since = getattr(instance, "running_since", None)
        if running_since is None:
            return self._written.get(instance.id, "")
        age = time.monotonic() - running_since
        tags = {tag["key"]: tag["value"] for tag in instance.get_tags()}
        names = {"{instance}": instance.id, "{hostname}": "ip-" + instance.private_ip.replace(".", "-"),
                 "{address}": instance.private_ip}
        booted = time.time() - age
        lines = []
        for tag, value, seconds, line in self._script:
            if seconds * lifecycle.scale <= age and (not tag or tags.get(tag) == value):
                stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(booted + seconds * lifecycle.scale))
                for name, text in (names | {"{time}": stamp}).items():
                    line = line.replace(name, text)
                lines.append(line + "\r\n")
        return "".join(lines) + self._written.get(instance.id, "")

    def answer(self, instance: Any, latest: bool, lifecycle: Lifecycle) -> bytes:
        """The body of GetConsoleOutputResponse's result."""
        at_rest = instance._state.name in ("stopped", "terminated")
        text = self.text(instance, lifecycle)[-SIZE:] if latest or at_rest else b""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        output = f"<output>{base64.b64encode(text).decode()}</output>" if text else ""
        return ec2_answer("GetConsoleOutput", f"<instanceId>{instance.id}</instanceId><timestamp>{stamp}</timestamp>"
                          f"{output}")


def ec2_answer(action: str, members: str) -> bytes:
    return (f'<?xml version="1.0" encoding="UTF-8"?>\n<{action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
            f"<requestId>{request_id()}</requestId>{members}</{action}Response>").encode()
