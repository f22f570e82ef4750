"""Role credentials that instances get from metadata: short-lived, renewed before they expire, issued by the lab's AWS."""
from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from typing import Any, Callable

from .instance import Instance

LIFETIME = 6 * 3600.0
RENEW_BEFORE = 5 * 60.0  # as on EC2: new credentials are there at least five minutes before the old ones expire
Issue = Callable[[str, str, float], dict[str, Any]]  # role, session, seconds


@dataclass(frozen=True)
class Issued:
    access_key: str
    secret_key: str
    token: str
    role: str
    made: float
    expires: float


class RoleCredentials:
    def __init__(self, issue: Issue) -> None:
        self._issue_from = issue
        self._lock = threading.Lock()
        self._current: dict[str, Issued] = {}  # by instance
        self.lifetime = LIFETIME

    def document(self, instance: Instance) -> str:
        issued = self.current(instance)
        stamp = "%Y-%m-%dT%H:%M:%SZ"
        return json.dumps({
            "Code": "Success", "LastUpdated": time.strftime(stamp, time.gmtime(issued.made)), "Type": "AWS-HMAC",
            "AccessKeyId": issued.access_key, "SecretAccessKey": issued.secret_key, "Token": issued.token,
            "Expiration": time.strftime(stamp, time.gmtime(issued.expires))}, indent=2)

    def current(self, instance: Instance) -> Issued:
        with self._lock:
            issued = self._current.get(instance.id)
            early = min(RENEW_BEFORE, self.lifetime / 2)
            if issued is None or issued.role != instance.role or time.time() > issued.expires - early:
                issued = self._issue(instance)
            return issued

    def _issue(self, instance: Instance) -> Issued:
        now = time.time()
        made = self._issue_from(instance.role, instance.id, self.lifetime)
        issued = Issued(made["access_key"], made["secret_key"], made["token"], instance.role, now, made["expires"])
        self._current[instance.id] = issued
        return issued

    def rotate(self, lifetime: float | None = None) -> None:
        """Every instance gets new credentials at its next question; those already given keep their expiry."""
        with self._lock:
            self.lifetime = lifetime or self.lifetime
            self._current.clear()
