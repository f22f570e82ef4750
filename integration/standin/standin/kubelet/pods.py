"""Pods of this node: images present, volumes there, network ready; then they are said to run. Flannel acts."""
import ipaddress
import json

from .. import client, files, gotext, grpc
from . import dns, flannel
from .settings import Settings

_MARKS = "/run/standin-kubelet"


class NotYet(Exception):
    """Why a container waits: (reason, message) as a pod's status shows it."""

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason


class Pods:
    def __init__(self, settings: Settings, runtime):
        self.settings, self.runtime = settings, runtime
        self.told: dict[str, str] = {}
        self.waiting = False

    def step(self, api: client.Client) -> None:
        """`waiting` says afterwards whether a pod still has something to wait for."""
        self.waiting = False
        query = f"/api/v1/pods?fieldSelector=spec.nodeName={self.settings.node_name}"
        pods = api.get(query)["items"]
        for pod in pods:
            mark = f"{_MARKS}/{pod['metadata']['uid']}"
            if files.exists(mark):
                if not _ready(pod):
                    self._report(api, pod, None)
                continue
            try:
                servers = self._start(api, pod, pods)
                files.write(mark, "\n".join([f"# {pod['metadata']['name']}", *(f"nameserver {s}" for s in servers), ""]),
                            0o600)  # what containerd would mount into the pod as its resolv.conf
                self._report(api, pod, None)
            except NotYet as error:
                self.waiting = True
                self._report(api, pod, error)

    def _start(self, api: client.Client, pod: dict, pods: list[dict]) -> list[str]:
        """The pod's name servers."""
        self._volumes(api, pod)
        try:
            servers = dns.servers_of(self.settings, pod)
        except dns.Missing as error:
            meta = pod["metadata"]
            raise NotYet("ContainerCreating", "Failed to generate sandbox config for pod "
                         f"\"{meta['name']}_{meta['namespace']}({meta['uid']})\": {error}") from None
        if not pod["spec"].get("hostNetwork"):
            self._network()
        for container in (pod["spec"].get("initContainers") or []) + pod["spec"]["containers"]:
            self._image(container)
        if "flannel" in pod["spec"]["containers"][0]["image"]:
            proxy = any(p["metadata"]["name"].startswith("kube-proxy-") and _ready(p) for p in pods)
            try:
                flannel.run(api, self.settings, pod, proxy)
            except flannel.Failed as error:
                raise NotYet("CrashLoopBackOff", str(error)) from None
        return servers

    def _image(self, container: dict) -> None:
        image = container["image"]
        try:
            if not self.runtime.has_image(image):
                if container.get("imagePullPolicy") == "Never":
                    raise NotYet("ErrImageNeverPull", f'Container image "{image}" is not present with pull policy of Never')
                self.runtime.pull(image)
        except grpc.Failed as error:
            raise NotYet("ImagePullBackOff", f'Back-off pulling image "{image}": ErrImagePull: {error}') from None

    def _volumes(self, api: client.Client, pod: dict) -> None:
        namespace = pod["metadata"]["namespace"]
        for volume in pod["spec"].get("volumes") or []:
            for kind, name in (("configMap", "name"), ("secret", "secretName")):
                source = volume.get(kind)
                if source and not source.get("optional") and api.find(
                        f"/api/v1/namespaces/{namespace}/{kind.lower()}s/{source[name]}") is None:
                    raise NotYet("ContainerCreating", f'MountVolume.SetUp failed for volume "{volume["name"]}" : '
                                 f'{kind.lower()} "{source[name]}" not found')

    def _network(self) -> None:
        good, reason, message = self.runtime.conditions().get("NetworkReady", (False, "", ""))
        if not good:
            raise NotYet("ContainerCreating", f"network is not ready: container runtime network not ready: "
                         f"NetworkReady=false reason:{reason} message:{message}")
        if files.exists("/etc/cni/net.d/10-flannel.conflist"):
            self._plugins()

    def _plugins(self) -> None:
        """What a CNI call would need: flannel's subnet file, and every plugin that the configuration names."""
        lead = "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox: "
        if not files.exists("/run/flannel/subnet.env"):
            raise NotYet("ContainerCreating", lead + 'plugin type="flannel" failed (add): loadFlannelSubnetEnv failed: '
                         "open /run/flannel/subnet.env: no such file or directory")
        names = [p["type"] for p in json.loads(files.read("/etc/cni/net.d/10-flannel.conflist"))["plugins"]]
        for name in names + ["bridge", "host-local", "loopback"]:
            if not files.exists(f"/opt/cni/bin/{name}"):
                raise NotYet("ContainerCreating", f'{lead}failed to find plugin "{name}" in path [/opt/cni/bin]')

    def _report(self, api: client.Client, pod: dict, waiting: NotYet | None) -> None:
        meta = pod["metadata"]
        if waiting and self.told.get(meta["uid"]) == str(waiting):
            return
        self.told[meta["uid"]] = str(waiting)
        if waiting:
            gotext.klog("E", f'"Error syncing pod, skipping" err={gotext.quote(str(waiting))} '
                        f'pod="{meta["namespace"]}/{meta["name"]}"', "pod_workers.go:1324")
        api.patch(f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/status",
                  {"status": self._status(pod, waiting)}, client.MERGE)

    def _status(self, pod: dict, waiting: NotYet | None) -> dict:
        now, good = gotext.now_rfc3339(), waiting is None
        state = {"running": {"startedAt": now}} if good else {"waiting": {"reason": waiting.reason,
                                                                           "message": str(waiting)}}
        conditions = [{"type": t, "status": s, "lastTransitionTime": now} for t, s in (
            ("PodReadyToStartContainers", str(good)), ("Initialized", str(good)), ("Ready", str(good)),
            ("ContainersReady", str(good)), ("PodScheduled", "True"))]
        status = {"phase": "Running" if good else "Pending", "conditions": conditions, "startTime": now,
                  "hostIP": self.settings.address, "hostIPs": [{"ip": self.settings.address}],
                  "containerStatuses": [{"name": c["name"], "image": c["image"], "imageID": "", "ready": good,
                                         "restartCount": 0, "started": good, "state": state}
                                        for c in pod["spec"]["containers"]]}
        if good:
            address = self.settings.address if pod["spec"].get("hostNetwork") else self._pod_ip(pod)
            status |= {"podIP": address, "podIPs": [{"ip": address}]}
        return status

    def _pod_ip(self, pod: dict) -> str:
        try:
            settings = dict(l.split("=", 1) for l in files.read("/run/flannel/subnet.env").splitlines() if "=" in l)
            subnet = ipaddress.ip_interface(settings["FLANNEL_SUBNET"]).network
        except (OSError, KeyError):
            return "127.0.0.1"
        return str(subnet[2 + int(pod["metadata"]["uid"].replace("-", "")[:6], 16) % (subnet.num_addresses - 3)])


def _ready(pod: dict) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
