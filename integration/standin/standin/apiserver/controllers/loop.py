"""Runs the controllers while the controller manager's manifest is there, the scheduler while the scheduler's is."""
import threading
import time
import traceback

from ... import pki, place
from .. import resources
from ..authn import User
from ..rest import Request
from . import certificates, nodes, scheduling, tokens, workloads

MANAGER = User("system:kube-controller-manager", ("system:masters", "system:authenticated"))


def _writer(resource, namespace: str) -> Request:
    return Request(MANAGER, resource, namespace, agent="kube-controller-manager")


class Loop(threading.Thread):
    """`manifests` gives the flags of each component whose manifest is there: {name: {flag: value}}."""

    def __init__(self, store, rest, manifests):
        super().__init__(daemon=True)
        self.store, self.rest, self.manifests = store, rest, manifests
        self.signer: tuple = (None, None, None)

    def run(self) -> None:
        """One round after each change, and every two seconds for what only time changes."""
        while True:
            seen = self.store.revision
            try:
                found = self.manifests()
                if "kube-controller-manager" in found:
                    self._manage(found["kube-controller-manager"])
                if "kube-scheduler" in found:
                    scheduling.schedule(self.store)
            except Exception:
                traceback.print_exc()
            time.sleep(0.2)
            self.store.wait_past(seen, 2)

    def _manage(self, flags: dict) -> None:
        enabled = flags.get("controllers", "*").split(",")
        if "tokencleaner" in enabled:
            tokens.clean(self.store)
        if "bootstrapsigner" in enabled:
            tokens.publish(self.store)
        certificates.approve_and_sign(self.store, *self._authority(flags))
        if flags.get("allocate-node-cidrs") == "true" and flags.get("cluster-cidr"):
            nodes.allocate_ranges(self.store, flags["cluster-cidr"], int(flags.get("node-cidr-mask-size", 24)))
        nodes.watch_health(self.store)
        self._default_accounts()
        workloads.run(self.store, self.rest, _writer)

    def _authority(self, flags: dict) -> tuple:
        """(certificate, key) that sign for nodes; read again when the file changed."""
        path = place.at(flags["cluster-signing-cert-file"])
        stamp = path.stat().st_mtime_ns
        if self.signer[0] != stamp:
            key = place.at(flags["cluster-signing-key-file"]).read_bytes()
            self.signer = (stamp, pki.load_cert(path.read_bytes()), pki.load_key(key))
        return self.signer[1:]

    def _default_accounts(self) -> None:
        accounts = resources.BY_PLURAL["serviceaccounts"]
        for namespace in self.store.list(resources.BY_PLURAL["namespaces"]):
            name = namespace["metadata"]["name"]
            if self.store.get(accounts, name, "default") is None:
                self.rest.create(_writer(accounts, name), {"metadata": {"name": "default", "namespace": name}})
