"""Time in the lab's AWS: instances and NAT gateways take as long as on AWS, scaled.

Durations are seconds on AWS, which `scale` turns into seconds here; 0 means at once, before the next request. What is
terminated or deleted stays listed for an hour, as on AWS; a scale of 0 does not shorten that.
Changes that have become due happen before each request is looked at. `machines` is told what to do with the machine
behind an instance, if there are machines.
"""
from __future__ import annotations

import heapq
import itertools
import time
from typing import Any, Callable, Protocol

# NAT gateway: 1m25 to 2m05 (shared facts); instances: what EC2 usually takes; both may be scripted.
DURATIONS = {"pending": 12.0, "shutting-down": 30.0, "stopping": 20.0, "nat-pending": 100.0, "nat-deleting": 45.0,
             "forget": 3600.0}
Done = Callable[[], None]


class Machines(Protocol):
    def stop(self, instance_id: str) -> None: ...
    def start(self, instance_id: str) -> None: ...
    def reboot(self, instance_id: str) -> None: ...
    def terminate(self, instance_id: str) -> None: ...


class Lifecycle:
    def __init__(self, machines: Machines | None = None, scale: float = 1.0) -> None:
        self.machines = machines
        self.scale = scale
        self.durations = dict(DURATIONS)
        self.nat_failures: list[tuple[str, str]] = []  # code and message for the next NAT gateways
        self._due: list[tuple[float, int, Done]] = []
        self._numbers = itertools.count()

    def after(self, duration: str, done: Done) -> None:
        scale = 1.0 if duration == "forget" and self.scale == 0 else self.scale
        heapq.heappush(self._due, (time.monotonic() + self.durations[duration] * scale, next(self._numbers), done))

    def pass_time(self, seconds: float) -> None:
        """What is under way is that much nearer to its end."""
        self._due = [(at - seconds, number, done) for at, number, done in self._due]  # still a heap

    def advance(self) -> None:
        while self._due and self._due[0][0] <= time.monotonic():
            heapq.heappop(self._due)[2]()

    # ---- instances

    def begin(self, instance: Any, state: str, code: int, done: Done | None = None) -> None:
        instance._state.name, instance._state.code = state, code
        epoch = instance.epoch = next(self._numbers)

        def finish() -> None:
            if instance.epoch != epoch:
                return  # something else has begun since
            if done is not None:
                done()
            else:
                instance._state.name, instance._state.code = "running", 16
                instance.running_since = time.monotonic()
            if state == "shutting-down":
                self.after("forget", lambda: _forget(instance))

        self.after(state, finish)
        if self.machines is not None and state in ("shutting-down", "stopping"):
            (self.machines.terminate if state == "shutting-down" else self.machines.stop)(instance.id)

    def restart(self, instance_id: str) -> None:
        if self.machines is not None:
            self.machines.start(instance_id)

    def fail(self, instance: Any, why: str, done: Done) -> None:
        """An instance that could not be started, as EC2 shows it: pending, then terminated, with a reason."""
        instance.epoch = next(self._numbers)
        done()
        instance._state_reason.code = "Server.InternalError"
        instance._state_reason.message = f"Server.InternalError: Internal error on launch: {why}"

    def reboot(self, instance: Any) -> None:
        if self.machines is not None:
            self.machines.reboot(instance.id)

    # ---- NAT gateways

    def begin_nat(self, gateway: Any, problem: tuple[str, str] | None) -> None:
        gateway.state = "pending"
        if problem is None and self.nat_failures:
            problem = self.nat_failures.pop(0)

        def finish() -> None:
            if gateway.state != "pending":
                return
            if problem is None:
                gateway.state = "available"
                return
            gateway.state, gateway.failure = "failed", problem
            _release(gateway)
            self.after("forget", lambda: _forget_nat(gateway))

        self.after("nat-pending", finish)

    def delete_nat(self, gateway: Any) -> None:
        gateway.state = "deleting"

        def finish() -> None:
            gateway.state = "deleted"
            _release(gateway)
            self.after("forget", lambda: _forget_nat(gateway))

        self.after("nat-deleting", finish)


def _release(gateway: Any) -> None:
    """Its address is free again, its network interface gone."""
    backend = gateway.ec2_backend
    for address in backend.addresses:
        if address.eni is gateway._eni:
            backend.disassociate_address(association_id=address.association_id)
    if gateway._eni.id in backend.enis:
        gateway._eni.delete()


def _forget(instance: Any) -> None:
    reservations = instance.ec2_backend.reservations
    for name, reservation in list(reservations.items()):
        reservation.instances = [one for one in reservation.instances if one is not instance]
        if not reservation.instances:
            del reservations[name]


def _forget_nat(gateway: Any) -> None:
    gateway.ec2_backend.nat_gateways.pop(gateway.id, None)
