"""Things that go wrong on purpose, in any of the lab's servers.

A fault names a target ("imds", "aws", "packages", "images", "files", or "machines" for their launch), what of it is hit
(regular expressions over facts such as `path`, `action`, `source`), and an effect. It lasts until it is cleared, for
`count` hits, or for `seconds` from the first one on, so that who is slow to come meets all of it.
"""
from __future__ import annotations

import itertools
import random
import re
import threading
import time
from dataclasses import dataclass, field
from typing import Any

TARGETS = ("imds", "aws", "packages", "images", "files", "machines")
EFFECTS = {
    "delay": "seconds before the request is looked at",
    "latency": "seconds from the request to its answer, what the lab itself takes included (AWS alone)",
    "status": "HTTP status of an empty answer",
    "error": "AWS error code, e.g. ThrottlingException",
    "refuse": "closes the connection without reading on",
    "truncate": "bytes of the body after which the connection breaks",
    "corrupt": "sends the body with its last byte changed",
    "slow": "bytes a second",
    "lost": "does what was asked, then breaks the connection instead of answering",
}


@dataclass
class Fault:
    target: str
    effect: str
    value: Any = None
    match: dict[str, str] = field(default_factory=dict)
    count: int | None = None
    seconds: float | None = None
    probability: float = 1.0
    id: int = 0
    hits: int = 0
    since: float | None = None  # its first hit

    def __post_init__(self) -> None:
        if self.target not in TARGETS or self.effect not in EFFECTS:
            raise ValueError(f"no such fault: {self.target} {self.effect}; targets {', '.join(TARGETS)}; "
                             f"effects {', '.join(EFFECTS)}")

    def over(self) -> bool:
        spent = self.count is not None and self.hits >= self.count
        return spent or (self.seconds is not None and self.since is not None and
                         time.monotonic() - self.since > self.seconds)

    def matches(self, facts: dict[str, str]) -> bool:
        return all(re.search(pattern, facts.get(name, "")) for name, pattern in self.match.items())


class Faults:
    """The faults in force; used by many server threads."""

    def __init__(self, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._ids = itertools.count(1)
        self._random = random.Random(seed)

    def add(self, **what: Any) -> int:
        fault = Fault(**what)
        with self._lock:
            fault.id = next(self._ids)
            self._faults.append(fault)
        return fault.id

    def clear(self, fault_id: int | None = None) -> None:
        with self._lock:
            self._faults = [one for one in self._faults if fault_id is not None and one.id != fault_id]

    def listing(self) -> list[dict[str, Any]]:
        with self._lock:
            return [vars(one) | {"over": one.over()} for one in self._faults]

    def hit(self, target: str, **facts: str) -> dict[str, Any]:
        """Effects to apply to this request, each with its value; counts the hit."""
        effects: dict[str, Any] = {}
        with self._lock:
            for fault in self._faults:
                if fault.target != target or fault.over() or not fault.matches(facts):
                    continue
                if self._random.random() < fault.probability:
                    fault.hits += 1
                    fault.since = fault.since or time.monotonic()
                    effects[fault.effect] = fault.value
        return effects
