"""Stopping a client at an exact place: its n-th request is carried out, the answer never comes."""
from __future__ import annotations

import threading

from ..serve import Broken
from .models import Call

PATIENCE = 60.0  # seconds until the connection is broken, for clients that nobody kills


class Hold:
    def __init__(self, number: int = 0, changing: bool = False) -> None:
        self._lock = threading.Lock()
        self._left, self._changing = number, changing
        self.held = ""

    def pass_through(self, call: Call) -> None:
        """Returns for every request but the one that is to be held."""
        with self._lock:
            if self._left <= 0 or (self._changing and call.reads):
                return
            self._left -= 1
            if self._left > 0:
                return
            self.held = call.name
        threading.Event().wait(PATIENCE)
        raise Broken
