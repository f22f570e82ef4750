"""The machines behind instances: what the cloud asks of the lab's other process, which can boot them.

Orders for one instance are carried out one after the other, those for different instances side by side, and never
while a request waits for its answer: on AWS a machine boots after RunInstances has answered, too.
"""
from __future__ import annotations

import base64
import threading
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable

from .. import control


class RealMachines:
    def __init__(self, folder: Path, failed: Callable[[str, str], None]) -> None:
        """`failed` is told of instances that did not come up, and why."""
        self._folder, self._failed = folder, failed
        self._pool = ThreadPoolExecutor(16, "machines")
        self._lock = threading.Lock()
        self._last: dict[str, Future[None]] = {}
        self._public: dict[str, str] = {}

    def _order(self, instance: str, order: str, /, **what: Any) -> None:
        def carry_out(before: Future[None] | None) -> None:
            if before is not None:
                before.exception()
            try:
                control.call(self._folder / "control.sock", order, patience=300, instance=instance, **what)
            except Exception as error:
                traceback.print_exc()
                if order == "launch_instance":
                    self._failed(instance, str(error))
        with self._lock:
            self._last[instance] = self._pool.submit(carry_out, self._last.get(instance))

    def launch(self, instance: str, **facts: Any) -> None:
        """`facts`: the fields of lab.instance.Instance, and user_data as bytes."""
        self._public[instance] = facts["public_address"]
        facts["user_data"] = base64.b64encode(facts["user_data"]).decode()
        self._order(instance, "launch_instance", **facts)

    def addresses(self, public: dict[str, str]) -> None:
        """The public addresses that running instances have now, "" for none; what has changed is passed on."""
        for instance, address in public.items():
            if self._public.get(instance, address) != address:
                self._public[instance] = address
                self._order(instance, "address_instance", public=address)

    def change(self, instance: str, **facts: Any) -> None:
        """Other values for some of the instance's facts, which metadata shows at once."""
        self._order(instance, "change_instance", **facts)

    def stop(self, instance: str) -> None:
        self._order(instance, "stop_instance")

    def start(self, instance: str) -> None:
        self._order(instance, "start_instance")

    def reboot(self, instance: str) -> None:
        self._order(instance, "reboot_instance")

    def terminate(self, instance: str) -> None:
        self._order(instance, "terminate_instance")

    def console(self, instance: str) -> bytes:
        """All that the machine has written to its console, also after its end."""
        for path in (self._folder / "machines" / instance / "console.log", self._folder / "consoles" / instance):
            try:
                return path.read_bytes()
            except OSError:
                continue
        return b""
