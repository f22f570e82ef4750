"""What AWS is like on a bad day, by seed: throttling, server errors, lost replies, slow and broken answers.

Everything is decided from the seed, the action and how often that action has been called, so that the same client
meets the same weather whatever the order of its threads. No action is hit more than `MOST` times in a row: a client
that retries gets through.
"""
from __future__ import annotations

import hashlib
import re
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from .errors import AwsError
from .models import Call

MOST = 3
KINDS = ("throttle", "error-500", "error-503", "lost", "truncate", "slow", "refuse", "delay")

# EC2's request token buckets (EC2 Developer Guide, "Request throttling"): bucket size, refill a second; SSM's and IAM's
# documented or observed rates. The first match counts.
AWS_BUCKETS: list[tuple[str, float, float]] = [
    (r"ec2:RunInstances", 5, 2), (r"ec2:StartInstances", 5, 2), (r"ec2:(Terminate|Stop|Reboot)Instances", 100, 5),
    (r"ec2:(Create|Delete)Tags", 100, 10), (r"ec2:(Describe|Get).*", 100, 20), (r"ec2:.*", 50, 5),
    (r"ssm:(Get|Describe).*", 40, 40), (r"ssm:.*", 3, 3), (r"iam:.*", 20, 15),
]


@dataclass
class Bucket:
    pattern: re.Pattern[str]
    size: float
    refill: float
    tokens: float
    since: float = field(default_factory=time.monotonic)

    def take(self) -> bool:
        now = time.monotonic()
        self.tokens = min(self.size, self.tokens + (now - self.since) * self.refill)
        self.since = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Weather:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.buckets: list[Bucket] = []
        self.calm()

    # ---- token buckets

    def set_buckets(self, rows: list[tuple[str, float, float]]) -> None:
        self.buckets = [Bucket(re.compile(pattern), size, refill, size) for pattern, size, refill in rows]

    def pass_time(self, seconds: float) -> None:
        with self._lock:
            for bucket in self.buckets:
                bucket.since -= seconds

    def throttle(self, call: Call) -> None:
        with self._lock:
            for bucket in self.buckets:
                if bucket.pattern.fullmatch(call.name):
                    if not bucket.take():
                        raise AwsError("Throttling", "Request limit exceeded." if call.service == "ec2" else
                                       "Rate exceeded")
                    return

    # ---- storms

    def calm(self) -> None:
        self.seed: int | None = None
        self.rates: dict[str, float] = {}
        self._calls: Counter[str] = Counter()
        self._hits: Counter[str] = Counter()

    def storm(self, seed: int, rates: dict[str, float]) -> None:
        """`rates`: probability of each kind of trouble, for each request."""
        if unknown := set(rates) - set(KINDS):
            raise ValueError(f"no such weather: {', '.join(sorted(unknown))}; there is {', '.join(KINDS)}")
        self.calm()
        self.seed, self.rates = seed, dict(rates)

    def effects(self, call: Call) -> dict[str, Any]:
        """Effects (as in faults.py) that befall this request."""
        if self.seed is None:
            return {}
        with self._lock:
            number = self._calls[call.name] = self._calls[call.name] + 1
            chosen = self._choose(f"{self.seed} {call.name} {number}")
            if chosen and self._hits[call.name] < MOST:
                self._hits[call.name] += 1
                return _effect(chosen, call)
            self._hits[call.name] = 0
            return {}

    def _choose(self, key: str) -> str:
        draw = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64
        for kind, rate in sorted(self.rates.items()):
            if draw < rate:
                return kind
            draw -= rate
        return ""


def _effect(kind: str, call: Call) -> dict[str, Any]:
    if kind == "throttle":
        return {"error": "Throttling"}
    if kind in ("error-500", "error-503"):
        return {"error": "InternalError" if kind == "error-500" else "ServiceUnavailable"}
    return {kind: {"truncate": 40, "slow": 4000.0, "delay": 0.05}.get(kind)}
