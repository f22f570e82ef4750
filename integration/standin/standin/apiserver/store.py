"""The stand-in for etcd: objects in memory, every change written through to a database in /var/lib/etcd.

A reboot keeps what was stored; removing /var/lib/etcd loses it. One revision counts every change, as etcd's does.
"""
import collections
import copy
import json
import sqlite3
import threading
from pathlib import Path

from .resources import Resource

Key = tuple[str, str, str]


def key(resource: Resource, namespace: str | None, name: str) -> Key:
    return (resource.qualified, namespace or "", name)


class Store:
    def __init__(self, folder: Path):
        for part in ("member/snap", "member/wal"):
            (folder / part).mkdir(parents=True, exist_ok=True, mode=0o700)
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.events: collections.deque = collections.deque(maxlen=5000)
        self.objects: dict[Key, dict] = {}
        self.revision = 1
        self.database = sqlite3.connect(folder / "member/snap/db", check_same_thread=False, isolation_level=None)
        self.database.execute("PRAGMA journal_mode=WAL")
        self.database.execute("PRAGMA synchronous=NORMAL")
        self.database.execute("CREATE TABLE IF NOT EXISTS objects (key TEXT PRIMARY KEY, revision INTEGER, value TEXT)")
        for name, revision, value in self.database.execute("SELECT key, revision, value FROM objects"):
            self.objects[tuple(name.split("|", 2))] = json.loads(value)
            self.revision = max(self.revision, revision)

    def get(self, resource: Resource, namespace: str | None, name: str) -> dict | None:
        with self.lock:
            return copy.deepcopy(self.objects.get(key(resource, namespace, name)))

    def list(self, resource: Resource, namespace: str | None = None) -> list[dict]:
        with self.lock:
            found = [(k, o) for k, o in self.objects.items()
                     if k[0] == resource.qualified and (not namespace or k[1] == namespace)]
            return [copy.deepcopy(o) for _, o in sorted(found, key=lambda pair: pair[0])]

    def put(self, resource: Resource, obj: dict) -> dict:
        """Stores the object under the next revision and returns it as stored."""
        with self.lock:
            self.revision += 1
            obj["metadata"]["resourceVersion"] = str(self.revision)
            where = key(resource, obj["metadata"].get("namespace"), obj["metadata"]["name"])
            kind = "MODIFIED" if where in self.objects else "ADDED"
            self.objects[where] = copy.deepcopy(obj)
            self.database.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?)",
                                  ("|".join(where), self.revision, json.dumps(obj)))
            self._tell(kind, where, obj)
            return obj

    def remove(self, resource: Resource, namespace: str | None, name: str) -> dict | None:
        with self.lock:
            where = key(resource, namespace, name)
            gone = self.objects.pop(where, None)
            if gone is not None:
                self.revision += 1
                gone["metadata"]["resourceVersion"] = str(self.revision)
                self.database.execute("DELETE FROM objects WHERE key = ?", ("|".join(where),))
                self._tell("DELETED", where, gone)
            return gone

    def _tell(self, kind: str, where: Key, obj: dict) -> None:
        self.events.append((self.revision, kind, where, copy.deepcopy(obj)))
        self.changed.notify_all()

    def wait_past(self, revision: int, seconds: float) -> None:
        """Returns when something changed after `revision`, or after so many seconds."""
        with self.changed:
            self.changed.wait_for(lambda: self.revision > revision, seconds)
