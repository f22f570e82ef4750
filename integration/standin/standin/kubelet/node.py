"""The Node object: registered once, its status kept up to date, its lease renewed."""
import platform
import shutil
import time

from .. import client, gotext, grpc, host, place
from . import flags
from .settings import Settings

_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
_ARCH = {"x86_64": "amd64", "aarch64": "arm64"}


class Node:
    def __init__(self, settings: Settings, runtime):
        self.settings, self.runtime, self.name = settings, runtime, settings.node_name
        self.path = f"/api/v1/nodes/{self.name}"
        self.conditions: dict[str, dict] = {}
        self.registered = False
        self.renewed = 0.0
        self.reported: list = []

    def step(self, api: client.Client) -> None:
        """One round: register, report what changed, renew the lease every ten seconds."""
        if not self.registered:
            self._register(api)
        shown = [(c["type"], c["status"], c["message"]) for c in self._conditions()]
        due = time.monotonic() - self.renewed > 10
        if due or shown != self.reported:
            api.patch(self.path + "/status", {"status": self.status()})
            self.reported = shown
        if due:
            self._renew(api)
            self.renewed = time.monotonic()

    def _register(self, api: client.Client) -> None:
        arch = _ARCH.get(platform.machine(), platform.machine())
        labels = {"beta.kubernetes.io/arch": arch, "beta.kubernetes.io/os": "linux", "kubernetes.io/arch": arch,
                  "kubernetes.io/hostname": self.name, "kubernetes.io/os": "linux",
                  **flags.node_labels(self.settings.flags)}
        spec: dict = {}
        provider = self.settings.flags.get("provider-id") or self.settings.config.get("providerID")
        if provider:
            spec["providerID"] = provider
        taints = flags.taints(self.settings.flags) or self.settings.config.get("registerWithTaints")
        if taints:
            spec["taints"] = taints
        body = {"apiVersion": "v1", "kind": "Node", "spec": spec, "status": self.status(), "metadata": {
            "name": self.name, "labels": labels,
            "annotations": {"volumes.kubernetes.io/controller-managed-attach-detach": "true"}}}
        try:
            api.create("/api/v1/nodes", body)
        except client.ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            api.patch(self.path, {"metadata": {"labels": labels}})
        self.registered = True
        gotext.klog("I", f'"Successfully registered node" node="{self.name}"', "kubelet_node_status.go:78")

    def status(self) -> dict:
        capacity, allocatable = self._resources()
        arch = _ARCH.get(platform.machine(), platform.machine())
        try:
            runtime = "://".join(self.runtime.version())
        except grpc.Failed:
            runtime = "containerd://unknown"
        info = host.machine_ids() | {
            "architecture": arch, "operatingSystem": "linux", "containerRuntimeVersion": runtime,
            "kubeletVersion": place.version(), "kubeProxyVersion": place.version() if place.minor() < 33 else ""}
        return {"addresses": [{"type": "InternalIP", "address": self.settings.address},
                              {"type": "Hostname", "address": self.name}],
                "capacity": capacity, "allocatable": allocatable, "nodeInfo": info,
                "daemonEndpoints": {"kubeletEndpoint": {"Port": place.port(10250)}}, "conditions": self._conditions()}

    def _resources(self) -> tuple[dict, dict]:
        memory, pods = host.memory_mb() * 1024, self.settings.config.get("maxPods") or 110
        disk = shutil.disk_usage("/").total // 1024
        capacity = {"cpu": str(host.cpus()), "memory": f"{memory}Ki", "pods": str(pods),
                    "ephemeral-storage": f"{disk}Ki"}
        config = self.settings.config
        reserved = sum(_kib((config.get(s) or {}).get("memory", "0")) for s in ("kubeReserved", "systemReserved"))
        evicted = _kib((config.get("evictionHard") or {}).get("memory.available", "100Mi"))
        milli = sum(_milli((config.get(s) or {}).get("cpu", "0")) for s in ("kubeReserved", "systemReserved"))
        cpu = host.cpus() * 1000 - milli
        return capacity, capacity | {"memory": f"{max(0, memory - reserved - evicted)}Ki",
                                     "cpu": str(cpu // 1000) if cpu % 1000 == 0 else f"{cpu}m"}

    def _conditions(self) -> list[dict]:
        ready, reason, message = self._ready()
        wanted = [("MemoryPressure", False, "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
                  ("DiskPressure", False, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
                  ("PIDPressure", False, "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
                  ("Ready", ready, reason, message)]
        now = gotext.now_rfc3339()
        for kind, value, why, words in wanted:
            old = self.conditions.get(kind)
            since = old["lastTransitionTime"] if old and old["status"] == str(value) else now
            self.conditions[kind] = {"type": kind, "status": str(value), "reason": why, "message": words,
                                     "lastHeartbeatTime": now, "lastTransitionTime": since}
        return [self.conditions[kind] for kind, *_ in wanted]

    def _ready(self) -> tuple[bool, str, str]:
        try:
            conditions = self.runtime.conditions()
        except grpc.Failed as error:
            return False, "KubeletNotReady", f"container runtime is down: {error}"
        for name, lead in (("RuntimeReady", "container runtime not ready"),
                           ("NetworkReady", "container runtime network not ready")):
            good, reason, message = conditions.get(name, (False, "", ""))
            if not good:
                return False, "KubeletNotReady", f"{lead}: {name}=false reason:{reason} message:{message}"
        return True, "KubeletReady", "kubelet is posting ready status"

    def _renew(self, api: client.Client) -> None:
        lease = api.find(f"{_LEASES}/{self.name}")
        spec = {"holderIdentity": self.name, "leaseDurationSeconds": 40, "renewTime": gotext.now_micro()}
        if lease is None:
            api.create(_LEASES, {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": spec,
                                 "metadata": {"name": self.name, "namespace": "kube-node-lease"}})
        else:
            lease["spec"] = spec
            api.replace(f"{_LEASES}/{self.name}", lease)


def _kib(quantity: str) -> int:
    if quantity.endswith("%"):
        return host.memory_mb() * 1024 * int(quantity[:-1]) // 100
    units = {"Ki": 1, "Mi": 1024, "Gi": 1024 ** 2, "k": 1000 / 1024, "M": 1e6 / 1024, "G": 1e9 / 1024}
    for unit, factor in units.items():
        if quantity.endswith(unit):
            return int(float(quantity[:-len(unit)]) * factor)
    return int(float(quantity) / 1024)


def _milli(quantity: str) -> int:
    return int(quantity[:-1]) if quantity.endswith("m") else int(float(quantity) * 1000)
