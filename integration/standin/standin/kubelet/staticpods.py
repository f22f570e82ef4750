"""Static pods: runs the control plane's stand-in while its manifests are there, and shows them as mirror pods."""
import functools
import hashlib
import json

from .. import client, gotext, grpc, initsystem, place, yamldoc
from . import dns
from .settings import Settings

_NEEDED = ("kube-apiserver.yaml", "etcd.yaml")


@functools.lru_cache(maxsize=16)
def _parse(text: str):
    return yamldoc.load(text)


class StaticPods:
    def __init__(self, settings: Settings, runtime):
        self.settings, self.runtime = settings, runtime
        self.told = ""
        self.running_as = ""

    def read(self) -> dict[str, dict]:
        """{file name: pod}; a file that is no pod is logged and ignored, as the real kubelet does."""
        folder, found = place.at(self.settings.manifests or "/nonexistent"), {}
        for path in sorted(folder.glob("*.yaml")) if folder.is_dir() else []:
            try:
                pod = _parse(path.read_text())
                if pod["kind"] != "Pod" or not pod["spec"]["containers"]:
                    raise ValueError("not a Pod")
                found[path.name] = pod
            except (OSError, ValueError, KeyError, TypeError) as error:
                self._say(f'"Could not process manifest file" path="{path.name}" err={gotext.quote(str(error))}')
        return found

    def step(self) -> dict[str, dict]:
        """Starts, restarts or stops the control plane as the manifests say; returns the pods."""
        pods = self.read()
        wanted = all(name in pods for name in _NEEDED)
        running = initsystem.control_plane_running()
        if running and not wanted:
            initsystem.stop_control_plane()
            self.running_as = ""
        elif wanted:
            digest = hashlib.sha256(json.dumps([pods[n] for n in _NEEDED]).encode()).hexdigest()
            changed = self.running_as not in ("", digest)
            if running and changed:
                initsystem.stop_control_plane()
            if (not running or changed) and self._dns_there() and self._images_there([pods[n] for n in pods]):
                initsystem.start_control_plane()
            self.running_as = digest
        return pods

    def _dns_there(self) -> bool:
        try:
            dns.host_servers(self.settings)
        except dns.Missing as error:
            self._say(f'"Error syncing pod, skipping" err={gotext.quote(f"failed to generate sandbox config: {error}")}')
            return False
        return True

    def _images_there(self, pods: list[dict]) -> bool:
        for pod in pods:
            for container in pod["spec"]["containers"]:
                try:
                    if not self.runtime.has_image(container["image"]):
                        self.runtime.pull(container["image"])
                except grpc.Failed as error:
                    self._say(f'"Error syncing pod, skipping" err={gotext.quote(str(error))}')
                    return False
        return True

    def mirror(self, api: client.Client, pods: dict[str, dict]) -> None:
        """Mirror pods, so that `get pods -A` shows the control plane."""
        node = self.settings.node_name
        for pod in pods.values():
            meta = pod["metadata"]
            name, namespace = f"{meta['name']}-{node}", meta.get("namespace", "default")
            digest = hashlib.sha256(json.dumps(pod).encode()).hexdigest()[:32]
            path = f"/api/v1/namespaces/{namespace}/pods"
            there = api.find(f"{path}/{name}")
            if there and there["metadata"]["annotations"].get("kubernetes.io/config.hash") == digest:
                continue
            if there:
                api.delete(f"{path}/{name}")
            made = {"apiVersion": "v1", "kind": "Pod", "spec": {**pod["spec"], "nodeName": node}, "metadata": {
                "name": name, "namespace": namespace, "labels": meta.get("labels") or {}, "annotations": {
                    **(meta.get("annotations") or {}), "kubernetes.io/config.hash": digest,
                    "kubernetes.io/config.mirror": digest, "kubernetes.io/config.source": "file"}}}
            api.create(path, made)

    def _say(self, text: str) -> None:
        if text != self.told:
            gotext.klog("E", text, "pod_workers.go:1324")
            self.told = text
