"""Everything the lab's AWS consists of, wired together; and the control calls by which tests script it."""
from __future__ import annotations

import json
import re
import threading
import time
from pathlib import Path
from typing import Any

from ..faults import Faults
from . import fixes, images
from .backend import Answer, Backend
from .callers import ADMIN, EVERYTHING, OPERATOR, Callers
from .hold import Hold
from .lifecycle import DURATIONS, Lifecycle
from .models import Call
from .policy import Document, check
from .quotas import DEFAULTS, Quotas
from .staleness import KINDS, Staleness
from .tokens import Tokens
from .weather import AWS_BUCKETS, Weather

LIFETIME = 6 * 3600.0  # of a role's credentials, seconds


class Cloud:
    def __init__(self, folder: Path, wanted: dict[str, Any]) -> None:
        self.folder = folder
        self.region = str(wanted["region"])
        self.backend = Backend(self.region)
        self._log = open(folder / "requests.jsonl", "a", buffering=1)
        self._log_lock = threading.Lock()
        self.keys: dict[str, tuple[str, str]] = {}
        self.scale = float(wanted.get("scale", 1.0))
        self.lifecycle = Lifecycle()
        fixes.apply(lambda: self.lifecycle)
        self._begin()

    def _begin(self) -> None:
        """An account as on its first day, with a user who may do everything and an operator; their keys stay the same
        for as long as this process lives."""
        with self.backend.lock:
            self.backend.reset()
            self.faults = Faults()
            self.weather = Weather()
            self.lifecycle = Lifecycle(scale=self.scale)
            self.callers = Callers(self.backend)
            self.tokens = Tokens()
            self.quotas = Quotas(self.backend)
            self.hold = Hold()
            self.violations: list[dict[str, Any]] = []
            for name in (ADMIN, OPERATOR):
                self.keys[name] = self.callers.create_user(name, EVERYTHING, self.keys.get(name))
            self._offer_images()
            self.staleness = Staleness(self.backend)

    def _offer_images(self) -> None:
        ssm = self.backend.of("ssm")
        from moto.ssm.models import Parameter
        ssm._parameters.latest_amis_loaded = True  # moto's own, of images that are not here
        for one in images.IMAGES:
            ssm._parameters[one.parameter] = [Parameter(
                account_id=self.backend.account, name=one.parameter, value=one.id, parameter_type="String",
                description=None, allowed_pattern=None, keyid=None, last_modified_date=time.time(), version=1,
                data_type="aws:ec2:image")]

    # ---- what the front asks

    def log_request(self, **what: Any) -> None:
        line = json.dumps({"time": round(time.time(), 3)} | what) + "\n"
        with self._log_lock:
            self._log.write(line)

    def committed(self, call: Call, answer: Answer) -> None:
        """After each call that has changed something."""
        if call.name == "ec2:RunInstances":
            self._remember_instances(call, answer)
        self.tokens.keep(call, answer)
        self.staleness.note()

    def _remember_instances(self, call: Call, answer: Answer) -> None:
        """What moto forgets of a launch: metadata options and the token."""
        for found in re.findall(rb"<instanceId>(i-[0-9a-f]+)</instanceId>", answer[2]):
            instance = self.backend.ec2.get_instance(found.decode())
            instance.metadata_options = dict(call.parameters.get("MetadataOptions", {}))
            instance.client_token = call.parameters.get("ClientToken", "")

    def violate(self, **what: Any) -> None:
        self.violations.append(what)

    # ---- control

    def call_ping(self) -> str:
        return "ready"

    def call_reset(self) -> dict[str, tuple[str, str]]:
        self._begin()
        return self.keys

    def call_keys(self) -> dict[str, tuple[str, str]]:
        """Access key and secret of each user that the lab made."""
        return self.keys

    def call_violations(self) -> list[dict[str, Any]]:
        return self.violations

    def call_add_fault(self, **what: Any) -> int:
        return self.faults.add(**what)

    def call_clear_faults(self, fault: int | None = None) -> None:
        self.faults.clear(fault)

    def call_faults(self) -> list[dict[str, Any]]:
        return self.faults.listing()

    def call_storm(self, seed: int, **rates: float) -> None:
        """Random trouble by seed: probability of each of weather.KINDS (hyphens as underscores), for each request."""
        self.weather.storm(seed, {kind.replace("_", "-"): rate for kind, rate in rates.items()})

    def call_calm(self) -> None:
        """Ends storms, throttling and staleness."""
        self.weather.calm()
        self.weather.set_buckets([])
        self.staleness.seconds = {}

    def call_throttle(self, buckets: list[tuple[str, float, float]] | None = None) -> None:
        """Token buckets: (pattern of service:Action, size, refill a second); AWS's own without an argument."""
        self.weather.set_buckets(AWS_BUCKETS if buckets is None else buckets)

    def call_stale(self, seconds: float | dict[str, float], probability: float = 1.0, seed: int = 0) -> None:
        """What is made from now on stays unseen for so long, all kinds or some of them; see staleness.py."""
        with self.backend.lock:
            self.staleness = Staleness(self.backend, seed)
            self.staleness.seconds = seconds if isinstance(seconds, dict) else dict.fromkeys(KINDS, seconds)
            self.staleness.probability = probability

    def call_durations(self, scale: float | None = None, **seconds: float) -> None:
        """How long things take, in seconds of AWS (names in lifecycle.py, hyphens as underscores), and the scale."""
        named = {name.replace("_", "-"): value for name, value in seconds.items()}
        if unknown := set(named) - set(DURATIONS):
            raise ValueError(f"no such duration: {', '.join(unknown)}; there are {', '.join(DURATIONS)}")
        self.lifecycle.durations |= named
        if scale is not None:
            self.lifecycle.scale = scale

    def call_fail_nat(self, code: str = "InternalError", message: str = "Internal error", times: int = 1) -> None:
        """The next NAT gateways end in state failed."""
        self.lifecycle.nat_failures += [(code, message)] * times

    def call_limit(self, **limits: int) -> None:
        """Quotas, by their names in quotas.py (hyphens as underscores)."""
        named = {name.replace("_", "-"): value for name, value in limits.items()}
        if unknown := set(named) - set(DEFAULTS):
            raise ValueError(f"no such quota: {', '.join(unknown)}; there are {', '.join(DEFAULTS)}")
        self.quotas.limits |= named

    def call_no_capacity(self, *, zone: str = "", type: str = "*") -> None:
        """That zone (its letter) has no room for that instance type; without a zone, all have again."""
        self.quotas.no_capacity = [*self.quotas.no_capacity, (zone, type)] if zone else []

    def call_hold(self, number: int, changing: bool = False) -> None:
        """Keeps the answer of the number-th request from now (with `changing`, of those that change something) from
        its client, for good: what was asked for has happened. `held` tells when it has come."""
        self.hold = Hold(number, changing)

    def call_held(self) -> str:
        """Name of the call whose answer is being held; empty while it has not come."""
        return self.hold.held

    def call_put_user(self, name: str, document: Document) -> tuple[str, str]:
        """A user with this one policy; made at the first call, given another policy at the next."""
        check(document)
        if name in self.backend.iam.users:
            self.callers.set_user_policy(name, document)
        else:
            self.keys[name] = self.callers.create_user(name, document, self.keys.get(name))
        return self.keys[name]

    def call_withhold(self, name: str, action: str, resource: str = "*") -> None:
        """The user or role is refused what matches, whatever its policies say."""
        self.callers.withheld.setdefault(name, []).append((action, resource))

    def call_restore(self, name: str) -> None:
        """Undoes `withhold`."""
        self.callers.withheld.pop(name, None)

    def call_permission_use(self, name: str) -> list[dict[str, Any]]:
        return self.callers.permission_use(name)

    def call_issue(self, role: str, session: str, lifetime: float = LIFETIME) -> dict[str, Any]:
        return self.callers.issue(role, session, lifetime)

    def call_expire(self, access_key: str | None = None) -> None:
        self.callers.expire(access_key)

    def call_json(self, service: str, target: str, parameters: dict[str, Any]) -> dict[str, Any]:
        return self.backend.json(service, target, parameters)
