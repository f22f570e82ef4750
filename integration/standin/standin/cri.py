"""What kubeadm and kubelet ask the container runtime: is it there, its cgroup driver, its network, its images."""
import json
import os

from . import files, grpc, place

_RUNTIME, _IMAGE = "/runtime.v1.RuntimeService/", "/runtime.v1.ImageService/"


def connect(endpoint: str):
    """A runtime for unix:///path; in a test with STANDIN_ROOT one that a file describes."""
    path = endpoint.removeprefix("unix://")
    return Described() if place.ROOTED else Runtime(path)


class Runtime:
    """A real runtime behind its socket. Every question may raise grpc.Failed."""

    def __init__(self, path: str):
        self.path = path

    def _ask(self, method: str, message: bytes = b"", timeout: float = 10) -> dict[int, list]:
        return grpc.decode(grpc.call(self.path, method, message, timeout))

    def version(self) -> tuple[str, str]:
        """(name, version): ("containerd", "2.1.5")"""
        found = self._ask(_RUNTIME + "Version")
        return found[2][0].decode(), found[3][0].decode().lstrip("v")

    def conditions(self) -> dict[str, tuple[bool, str, str]]:
        """{"NetworkReady": (ready, reason, message), "RuntimeReady": ...}"""
        status = grpc.decode(self._ask(_RUNTIME + "Status")[1][0])
        found = {}
        for raw in status.get(1, []):
            fields = grpc.decode(raw)
            text = {n: fields.get(n, [b""])[0].decode() for n in (1, 3, 4)}
            found[text[1]] = (bool(fields.get(2, [0])[0]), text[3], text[4])
        return found

    def cgroup_driver(self) -> str | None:
        """What RuntimeConfig says; None where the runtime has no such method (containerd 1.x)."""
        try:
            linux = self._ask(_RUNTIME + "RuntimeConfig").get(1, [b""])[0]
        except grpc.Failed as error:
            if "code = Unknown" in str(error):
                return None
            raise
        return "cgroupfs" if grpc.decode(linux).get(1, [0])[0] else "systemd"

    def configured_cgroup_driver(self) -> str | None:
        """The driver in the runtime's own configuration (Status, verbose), for runtimes without RuntimeConfig."""
        options = self._config().get("containerd", {}).get("runtimes", {}).get("runc", {}).get("options") or {}
        if "SystemdCgroup" not in options:
            return "cgroupfs" if options or self._config() else None
        return "systemd" if options["SystemdCgroup"] else "cgroupfs"

    def sandbox_image(self) -> str | None:
        return self._config().get("sandboxImage")

    def _config(self) -> dict:
        answer = self._ask(_RUNTIME + "Status", grpc.encode_field(1, 1))
        for raw in answer.get(2, []):
            entry = grpc.decode(raw)
            if entry[1][0] == b"config":
                return json.loads(entry[2][0])
        return {}

    def has_image(self, reference: str) -> bool:
        spec = grpc.encode_field(1, grpc.encode_field(1, reference))
        return bool(self._ask(_IMAGE + "ImageStatus", spec).get(1))

    def pull(self, reference: str) -> None:
        spec = grpc.encode_field(1, grpc.encode_field(1, reference))
        try:
            self._ask(_IMAGE + "PullImage", spec, timeout=120)
        except grpc.Failed as error:
            raise grpc.Failed(f"failed to pull image {reference}: {error}") from None


class Described:
    """A runtime that <root>/run/standin-cri.json describes: driver, runtime_config, images; no file: not running."""

    def _state(self) -> dict:
        try:
            return json.loads(files.read("/run/standin-cri.json"))
        except FileNotFoundError:
            raise grpc.Failed('rpc error: code = Unavailable desc = connection error: desc = "transport: Error while '
                              'dialing: dial unix /var/run/containerd/containerd.sock: connect: no such file or '
                              'directory"') from None

    def version(self) -> tuple[str, str]:
        self._state()
        return "containerd", "2.1.5"

    def conditions(self) -> dict[str, tuple[bool, str, str]]:
        self._state()
        folder = place.at("/etc/cni/net.d")
        network = folder.is_dir() and any(n.endswith((".conf", ".conflist")) for n in os.listdir(folder))
        return {"RuntimeReady": (True, "", ""), "NetworkReady": (True, "", "") if network else (
            False, "NetworkPluginNotReady", "Network plugin returns error: cni plugin not initialized")}

    def cgroup_driver(self) -> str | None:
        state = self._state()
        return state.get("driver", "systemd") if state.get("runtime_config", True) else None

    def configured_cgroup_driver(self) -> str | None:
        return self._state().get("driver", "systemd")

    def sandbox_image(self) -> str | None:
        return None

    def has_image(self, reference: str) -> bool:
        images = self._state().get("images")
        return images is None or reference in images

    def pull(self, reference: str) -> None:
        if not self.has_image(reference):
            raise grpc.Failed(f"failed to pull image {reference}: rpc error: code = NotFound desc = not found")
