"""kubeadm join, for a worker: discovery, kubelet's files, and the wait for its TLS bootstrap."""
import os
import signal
import sys
import time

from .. import client, files, initsystem, place, yamldoc
from . import clusterdata, discovery, kubeconfigs, kubeletfiles, preflight
from .errors import KubeadmError

_BOOTSTRAP, _KUBELET = f"{place.KUBERNETES_DIR}/bootstrap-kubelet.conf", f"{place.KUBERNETES_DIR}/kubelet.conf"


class Run:
    def __init__(self, loaded, ignored: set[str], skipped: list[str]):
        self.loaded, self.ignored, self.skipped = loaded, ignored, skipped
        self._access: tuple[str, bytes] | None = None

    @property
    def access(self) -> tuple[str, bytes]:
        """(server, CA), discovered once."""
        if self._access is None:
            self._access = discovery.validated(self.loaded)
        return self._access

    @property
    def bootstrap(self) -> client.Client:
        return client.trusting(*self.access, token=self.loaded.join["discovery"]["tlsBootstrapToken"], timeout=60)

    def all(self) -> None:
        for name, phase in (("preflight", self.preflight), ("kubelet-start", self.kubelet_start)):
            if name in self.skipped:
                continue
            try:
                phase()
            except (client.ApiError, client.Unreachable, KubeadmError) as error:
                prefixed = str(error).startswith("error execution phase")
                raise KubeadmError(str(error) if prefixed else f"error execution phase {name}: {error}") from None
            sys.stdout.flush()
            _die_after(name)
        print(_DONE)

    def preflight(self) -> None:
        print("[preflight] Running pre-flight checks", flush=True)
        preflight.run(preflight.root_check(), self.ignored)
        preflight.run(preflight.join_checks(self.loaded), self.ignored)
        if self.loaded.join.get("controlPlane") is not None:
            raise KubeadmError("the stand-in cannot join a further control-plane node (it has no etcd to share)")
        self.access
        print('[preflight] Reading configuration from the "kubeadm-config" ConfigMap in namespace "kube-system"...\n'
              "[preflight] Use 'kubeadm init phase upload-config kubeadm --config your-config-file' to re-upload it.",
              flush=True)
        found = _read(self.bootstrap, "kubeadm-config", "unable to fetch the kubeadm-config ConfigMap: failed to get "
                      "config map: ")
        if "ClusterConfiguration" not in found:
            raise KubeadmError("unable to fetch the kubeadm-config ConfigMap: unexpected error when reading "
                               'kubeadm-config ConfigMap: ClusterConfiguration key value pair missing')

    def kubelet_start(self) -> None:
        server, ca = self.access
        configuration = yamldoc.load(_read(self.bootstrap, "kubelet-config", "")["kubelet"])
        token = self.loaded.join["discovery"]["tlsBootstrapToken"]
        files.write(_BOOTSTRAP, kubeconfigs.bootstrap(server, ca, token), 0o600)
        try:
            if not files.exists(self.loaded.join["caCertPath"]):
                files.write(self.loaded.join["caCertPath"], ca, 0o644)
            self._refuse_taken_name()
            initsystem.stop_kubelet()
            kubeletfiles.write(configuration, self.loaded.node)
            kubeletfiles.write_flags(self.loaded.node, register_taints=True)
            _die_after("kubelet-files")
            kubeletfiles.start()
            kubeletfiles.wait_healthy(self.loaded.timeout("kubeletHealthCheck"), configuration)
            self._wait_bootstrap()
        finally:
            place.at(_BOOTSTRAP).unlink(missing_ok=True)
        self._annotate()

    def _refuse_taken_name(self) -> None:
        """kubernetes#89512: a Ready node of this name is somebody else."""
        name = self.loaded.node["name"]
        try:
            node = self.bootstrap.find(f"/api/v1/nodes/{name}")
        except client.ApiError as error:
            raise KubeadmError(f'cannot get Node "{name}": {error}') from None
        for condition in ((node or {}).get("status") or {}).get("conditions") or []:
            if condition["type"] == "Ready" and condition["status"] == "True":
                raise KubeadmError(f'a Node with name "{name}" and status "Ready" already exists in the cluster. You '
                                   "must delete the existing Node or change the name of this new joining Node")

    def _wait_bootstrap(self) -> None:
        print("[kubelet-start] Waiting for the kubelet to perform the TLS Bootstrap", flush=True)
        end = time.monotonic() + self.loaded.timeout("tlsBootstrap")
        while True:
            try:
                client.from_kubeconfig(_KUBELET)
                return
            except (OSError, ValueError):
                if time.monotonic() > end:
                    raise KubeadmError("timed out waiting for the condition") from None
            time.sleep(0.5)

    def _annotate(self) -> None:
        end = time.monotonic() + self.loaded.timeout("kubernetesAPICall")
        while True:
            try:
                clusterdata.annotate_socket(client.from_kubeconfig(_KUBELET), self.loaded.node)
                return
            except (client.ApiError, client.Unreachable) as error:
                if time.monotonic() > end:
                    raise KubeadmError(f"error writing CRISocket for this node: {error}") from None
                time.sleep(0.5)


def _die_after(name: str) -> None:
    if place.fault("die_after") == f"join/{name}":
        os.kill(os.getpid(), signal.SIGKILL)


def _read(api: client.Client, name: str, lead: str) -> dict:
    try:
        return api.get(f"/api/v1/namespaces/kube-system/configmaps/{name}")["data"]
    except (client.ApiError, client.Unreachable) as error:
        raise KubeadmError(f"{lead}{error}") from None


_DONE = """
This node has joined the cluster:
* Certificate signing request was sent to apiserver and a response was received.
* The Kubelet was informed of the new secure connection details.
(This is the stand-in kubeadm: it is not Kubernetes.)

Run 'kubectl get nodes' on the control-plane to see this node join the cluster.
"""
