"""kubeadm init: its phases, one after the other; and the waiting for what they started."""
import os
import signal
import ssl
import sys
import time
import urllib.error
import urllib.request

from .. import client, gotext, place
from . import addons, certs, clusterdata, kubeconfigs, kubeletfiles, manifests, preflight, uploadcerts
from .errors import KubeadmError


class Run:
    def __init__(self, loaded, ignored: set[str], skipped: list[str], upload: bool, hide_token: bool = False):
        self.loaded, self.ignored, self.skipped = loaded, ignored, skipped
        self.upload, self.hide_token = upload, hide_token
        self._client = None

    @property
    def admin(self) -> client.Client:
        if self._client is None:
            self._client = client.from_kubeconfig(f"{place.KUBERNETES_DIR}/admin.conf", timeout=60)
        return self._client

    def phases(self) -> list:
        return [("preflight", self.preflight), ("certs", lambda: certs.create_all(self.loaded)),
                ("kubeconfig", lambda: kubeconfigs.create_all(self.loaded)),
                ("etcd", lambda: manifests.write_etcd(self.loaded)),
                ("control-plane", lambda: manifests.write_control_plane(self.loaded)),
                ("kubelet-start", self.kubelet_start), ("wait-control-plane", self.wait_control_plane),
                ("upload-config", self.upload_config), ("upload-certs", self.upload_certs),
                ("mark-control-plane", lambda: clusterdata.mark_control_plane(self.admin, self.loaded)),
                ("bootstrap-token", lambda: clusterdata.bootstrap_tokens(self.admin, self.loaded)),
                ("kubelet-finalize", kubeconfigs.point_kubelet_to_rotated), ("addon", self.addon),
                ("show-join-command", self.show_join_command)]

    def all(self) -> None:
        print(f"[init] Using Kubernetes version: {self.loaded.cluster['kubernetesVersion']}")
        for name, phase in self.phases():
            if name not in self.skipped:
                self.one(name, phase)

    def one(self, name: str, phase) -> None:
        try:
            phase()
        except (client.ApiError, client.Unreachable) as error:
            raise KubeadmError(f"error execution phase {name}: {error}") from None
        except KubeadmError as error:
            prefixed = str(error).startswith("error execution phase")
            raise KubeadmError(str(error) if prefixed else f"error execution phase {name}: {error}") from None
        sys.stdout.flush()
        if place.fault("die_after") == name:
            os.kill(os.getpid(), signal.SIGKILL)

    def preflight(self) -> None:
        print("[preflight] Running pre-flight checks", flush=True)
        preflight.run(preflight.root_check(), self.ignored)
        preflight.run(preflight.init_checks(self.loaded), self.ignored)
        print("[preflight] Pulling images required for setting up a Kubernetes cluster\n"
              "[preflight] This might take a minute or two, depending on the speed of your internet connection\n"
              "[preflight] You can also perform this action beforehand using 'kubeadm config images pull'", flush=True)
        preflight.pull_images(self.loaded, self.ignored)

    def kubelet_start(self) -> None:
        kubeletfiles.write_flags(self.loaded.node, register_taints=False)
        kubeletfiles.write(kubeletfiles.defaulted(self.loaded), self.loaded.node)
        kubeletfiles.start()

    def wait_control_plane(self) -> None:
        print(f'[wait-control-plane] Waiting for the kubelet to boot up the control plane as static Pods from directory '
              f'"{place.MANIFESTS_DIR}"', flush=True)
        kubeletfiles.wait_healthy(self.loaded.timeout("kubeletHealthCheck"), kubeletfiles.defaulted(self.loaded))
        wait_components(self.loaded, self.loaded.timeout("controlPlaneComponentHealthCheck"))
        if place.minor() >= 29:
            bind_admins(self.loaded.timeout("kubernetesAPICall"))

    def upload_config(self) -> None:
        clusterdata.upload_config(self.admin, self.loaded)
        wait_node(self.admin, self.loaded.node["name"], self.loaded.timeout("kubernetesAPICall"))
        clusterdata.annotate_socket(self.admin, self.loaded.node)

    def upload_certs(self) -> None:
        if not self.upload:
            print("[upload-certs] Skipping phase. Please see --upload-certs")
            return
        self.loaded.init["certificateKey"] = uploadcerts.upload(self.admin, self.loaded)

    def addon(self) -> None:
        if "addon/coredns" not in self.skipped and not self.loaded.cluster["dns"].get("disabled"):
            addons.coredns(self.admin, self.loaded)
        if "addon/kube-proxy" not in self.skipped and not self.loaded.cluster["proxy"].get("disabled"):
            addons.kube_proxy(self.admin, self.loaded)

    def show_join_command(self) -> None:
        from . import tokens
        token = self.loaded.init["bootstrapTokens"][0]["token"] if self.loaded.init["bootstrapTokens"] else ""
        command = tokens.join_command("<value withheld>" if self.hide_token else token)
        print(_DONE % command.replace(" --discovery-token-ca-cert-hash", " \\\n\t--discovery-token-ca-cert-hash"))


def wait_components(loaded, seconds: float) -> None:
    print(f"[control-plane-check] Waiting for healthy control plane components. This can take up to "
          f"{gotext.format_duration(seconds)}")
    urls = {"kube-apiserver": f"{loaded.local_endpoint}/livez",
            "kube-controller-manager": f"https://127.0.0.1:{place.port(10257)}/healthz",
            "kube-scheduler": f"https://127.0.0.1:{place.port(10259)}/livez"}
    for name, url in urls.items():
        print(f"[control-plane-check] Checking {name} at {url}", flush=True)
    began, waiting = time.monotonic(), dict(urls)
    while waiting and time.monotonic() - began < seconds:
        for name, url in list(waiting.items()):
            if _answers(url):
                took = gotext.format_duration(round(time.monotonic() - began, 6))
                print(f"[control-plane-check] {name} is healthy after {took}", flush=True)
                del waiting[name]
        time.sleep(0.2 if waiting else 0)
    if waiting:
        for name in waiting:
            print(f"[control-plane-check] {name} is not healthy after {gotext.format_duration(seconds)}")
        print(_COMPONENT_FAILED % (loaded.node["criSocket"], loaded.node["criSocket"]))
        causes = [f"{n} check failed at {u}: connection refused" for n, u in waiting.items()]
        raise KubeadmError("failed while waiting for the control plane to start: "
                           + (causes[0] if len(causes) == 1 else "[" + ", ".join(causes) + "]"))


def _answers(url: str) -> bool:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(url, timeout=2, context=context) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def bind_admins(seconds: float) -> None:
    """1.29 and later: admin.conf's group gets its rights through a binding that super-admin.conf makes."""
    end = time.monotonic() + seconds
    while True:
        try:
            admin = client.from_kubeconfig(f"{place.KUBERNETES_DIR}/super-admin.conf")
            clusterdata.cluster_binding(admin, "kubeadm:cluster-admins", "cluster-admin", "Group",
                                        "kubeadm:cluster-admins")
            return
        except (client.ApiError, client.Unreachable) as error:
            if time.monotonic() > end:
                raise KubeadmError("could not bootstrap the admin user in file admin.conf: unable to create "
                                   f"ClusterRoleBinding: {error}") from None
            time.sleep(0.5)


def wait_node(admin, name: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while admin.find(f"/api/v1/nodes/{name}") is None:
        if time.monotonic() > end:
            raise KubeadmError(f'error writing Crisocket information for the control-plane node: nodes "{name}" not found')
        time.sleep(0.5)


_COMPONENT_FAILED = """
A control plane component may have crashed or exited when started by the container runtime.
To troubleshoot, list all containers using your preferred container runtimes CLI.
Here is one example how you may list all running Kubernetes containers by using crictl:
\t- 'crictl --runtime-endpoint %s ps -a | grep kube | grep -v pause'
\tOnce you have found the failing container, you can inspect its logs with:
\t- 'crictl --runtime-endpoint %s logs CONTAINERID'
"""
_DONE = """
Your Kubernetes control-plane has initialized successfully!
(This is the stand-in kubeadm: it is not Kubernetes.)

To start using your cluster, you need to run the following as a regular user:

  mkdir -p $HOME/.kube
  sudo cp -i /etc/kubernetes/admin.conf $HOME/.kube/config
  sudo chown $(id -u):$(id -g) $HOME/.kube/config

Alternatively, if you are the root user, you can run:

  export KUBECONFIG=/etc/kubernetes/admin.conf

You should now deploy a pod network to the cluster.
Run "kubectl apply -f [podnetwork].yaml" with one of the options listed at:
  https://kubernetes.io/docs/concepts/cluster-administration/addons/

Then you can join any number of worker nodes by running the following on each as root:

%s"""
