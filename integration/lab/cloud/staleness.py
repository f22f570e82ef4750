"""What was just made is not yet seen: describes leave it out, and its id is NotFound, for a while.

AWS's control plane is eventually consistent; moto's memory is not. Young things are taken out of moto's memory for
the length of one request, so that every answer, filter and NotFound code is moto's own. A request that changes
something misses only what it names: what a change would break (a VPC's subnets when it is deleted, a CIDR in use) AWS
knows even when a describe does not show it yet.
"""
from __future__ import annotations

import random
import time
from typing import Any, Callable, Iterator

from .backend import Backend
from .models import Call

KINDS = ("vpc", "subnet", "internet-gateway", "elastic-ip", "natgateway", "route-table", "security-group", "key-pair",
         "instance", "role", "instance-profile")
Taken = Callable[[], None]


class Staleness:
    """`seconds` after its creation a thing may be missing, in each request with `probability`; real seconds."""

    def __init__(self, backend: Backend, seed: int = 0) -> None:
        self._backend = backend
        self.seconds: dict[str, float] = {}
        self.probability = 1.0
        self._born: dict[tuple[str, str], float] = {}
        self._known: set[tuple[str, str]] = set(self._present())
        self._random = random.Random(seed)

    # ---- moto's memory, by kind

    def _places(self) -> Iterator[tuple[str, Any]]:
        """(kind, dictionary) for each place where moto keeps things of a kind."""
        ec2, iam = self._backend.ec2, self._backend.iam
        yield "vpc", ec2.vpcs
        for zone in ec2.subnets.values():
            yield "subnet", zone
        yield "internet-gateway", ec2.internet_gateways
        yield "natgateway", ec2.nat_gateways
        yield "route-table", ec2.route_tables
        for groups in list(ec2.groups.values()):
            yield "security-group", groups
        yield "key-pair", ec2.keypairs
        yield "instance", ec2.reservations
        yield "role", iam.roles
        yield "instance-profile", iam.instance_profiles

    def _present(self) -> Iterator[tuple[str, str]]:
        for kind, place in self._places():
            for name in place:
                yield kind, name
        for address in self._backend.ec2.addresses:
            yield "elastic-ip", address.allocation_id

    # ---- use

    def note(self) -> None:
        """After a call that may have made something: what is new is young from now on."""
        if not self.seconds:
            return
        now, present = time.monotonic(), set(self._present())
        self._born |= {one: now for one in present - self._known}
        self._known = present

    def pass_time(self, seconds: float) -> None:
        self._born = {one: born - seconds for one, born in self._born.items()}

    def hide(self, call: Call) -> Taken:
        """Takes what is too young to be seen by this call out of moto's memory; the result puts it back."""
        if not self.seconds or not self._born:
            return lambda: None
        now = time.monotonic()
        self._born = {one: born for one, born in self._born.items() if now - born < self.seconds.get(one[0], 0.0)}
        hidden = {one for one in self._born if self._random.random() < self.probability}
        if not hidden:
            return lambda: None
        named = None if call.reads else set(_words(call.parameters))
        undo: list[Taken] = []
        for kind, place in list(self._places()):
            gone = [key for key, thing in place.items() if (kind, key) in hidden and
                    (named is None or named & _names(kind, key, thing))]
            if gone:
                undo.append(_take(place, gone))
        addresses = self._backend.ec2.addresses
        gone = [one for one in addresses if ("elastic-ip", one.allocation_id) in hidden and
                (named is None or one.allocation_id in named)]
        for one in gone:
            addresses.remove(one)
        undo.append(lambda: addresses.extend(gone))

        def put_back() -> None:
            for one in undo:
                one()
        return put_back


def _words(value: Any) -> Iterator[str]:
    """Every word in a request's parameters; of an ARN, also its last part."""
    if isinstance(value, dict):
        for one in value.values():
            yield from _words(one)
    elif isinstance(value, list):
        for one in value:
            yield from _words(one)
    elif isinstance(value, str) and len(value) < 256:
        yield value
        if value.startswith("arn:"):
            yield value.rpartition("/")[2]


def _names(kind: str, key: str, thing: Any) -> set[str]:
    """By what requests know a thing that moto keeps under `key`."""
    if kind == "instance":
        return {one.id for one in thing.instances}
    if kind in ("role", "instance-profile"):
        return {thing.name}
    return {key, str(getattr(thing, "id", key))}


def _take(place: Any, names: list[str]) -> Taken:
    before = dict(place)
    for name in names:
        del place[name]

    def put_back() -> None:
        # What the request itself made stays, at the end; the old order is kept.
        made = {name: value for name, value in place.items() if name not in before}
        deleted = [name for name in before if name not in place and name not in names]
        place.clear()
        place.update({name: value for name, value in before.items() if name not in deleted} | made)
    return put_back
