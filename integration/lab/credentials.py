"""Role credentials that instances get from metadata: short-lived, renewed before they expire, known to the proxy."""
from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass

from .instance import Instance
from .moto import Admin
from .sigv4 import Credentials

LIFETIME = 6 * 3600.0
RENEW_BEFORE = 5 * 60.0  # as on EC2: new credentials are there at least five minutes before the old ones expire


@dataclass(frozen=True)
class Issued:
    credentials: Credentials
    role: str
    instance: str
    made: float
    expires: float


class RoleCredentials:
    def __init__(self, admin: Admin) -> None:
        self._admin = admin
        self._lock = threading.Lock()
        self._current: dict[str, Issued] = {}  # by instance
        self._issued: dict[str, Issued] = {}  # by access key, never forgotten
        self.lifetime = LIFETIME

    def document(self, instance: Instance) -> str:
        issued = self.current(instance)
        stamp = "%Y-%m-%dT%H:%M:%SZ"
        return json.dumps({
            "Code": "Success", "LastUpdated": time.strftime(stamp, time.gmtime(issued.made)), "Type": "AWS-HMAC",
            "AccessKeyId": issued.credentials.access_key, "SecretAccessKey": issued.credentials.secret_key,
            "Token": issued.credentials.token, "Expiration": time.strftime(stamp, time.gmtime(issued.expires))},
            indent=2)

    def current(self, instance: Instance) -> Issued:
        with self._lock:
            issued = self._current.get(instance.id)
            early = min(RENEW_BEFORE, self.lifetime / 2)
            if issued is None or issued.role != instance.role or time.time() > issued.expires - early:
                issued = self._issue(instance)
            return issued

    def _issue(self, instance: Instance) -> Issued:
        now = time.time()
        issued = Issued(self._admin.assume(instance.role, instance.id), instance.role, instance.id, now,
                        now + self.lifetime)
        self._current[instance.id] = self._issued[issued.credentials.access_key] = issued
        return issued

    def rotate(self, lifetime: float | None = None) -> None:
        """Every instance gets new credentials at its next question; those already given keep their expiry."""
        with self._lock:
            self.lifetime = lifetime or self.lifetime
            self._current.clear()

    def expire(self) -> None:
        """Every credential given so far is expired from now on."""
        with self._lock:
            now = time.time()
            self._issued = {key: Issued(one.credentials, one.role, one.instance, one.made, now)
                            for key, one in self._issued.items()}
            self._current.clear()

    def find(self, access_key: str) -> Issued | None:
        return self._issued.get(access_key)
