"""/var/lib/kubelet: config.yaml, instance-config.yaml, kubeadm-flags.env; and starting kubelet with them."""
import time
import urllib.error
import urllib.request

from .. import files, gotext, host, initsystem, place, yamldoc
from . import config
from .errors import KubeadmError

CONFIG, INSTANCE = f"{place.KUBELET_DIR}/config.yaml", f"{place.KUBELET_DIR}/instance-config.yaml"
_ZERO = ("cpuManagerReconcilePeriod", "fileCheckFrequency", "httpCheckFrequency", "imageMaximumGCAge",
         "imageMinimumGCAge", "nodeStatusReportFrequency", "nodeStatusUpdateFrequency", "runtimeRequestTimeout",
         "shutdownGracePeriod", "shutdownGracePeriodCriticalPods", "streamingConnectionIdleTimeout", "syncFrequency",
         "volumeStatsAggPeriod", "evictionPressureTransitionPeriod")


def defaulted(loaded: "config.Init") -> dict:
    """The KubeletConfiguration that goes into the cluster: the user's, with what kubeadm sets by itself."""
    user = dict(loaded.kubelet)
    made = {"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
            "authentication": {"anonymous": {"enabled": False}, "webhook": {"cacheTTL": "0s", "enabled": True},
                               "x509": {"clientCAFile": f"{loaded.cluster['certificatesDir']}/ca.crt"}},
            "authorization": {"mode": "Webhook", "webhook": {"cacheAuthorizedTTL": "0s",
                                                             "cacheUnauthorizedTTL": "0s"}},
            "cgroupDriver": "systemd", "clusterDNS": [config.service_ip(loaded.cluster, 10)],
            "clusterDomain": loaded.cluster["networking"]["dnsDomain"], "healthzBindAddress": "127.0.0.1",
            "healthzPort": 10248, "logging": {"flushFrequency": 0, "verbosity": 0, "options": {
                name: {"infoBufferSize": "0"} for name in (("json", "text") if place.minor() >= 30 else ("json",))}},
            "memorySwap": {}, "rotateCertificates": True, "staticPodPath": place.MANIFESTS_DIR}
    made |= {name: "0s" for name in _ZERO}
    if place.minor() < 30:
        made.pop("imageMaximumGCAge")
    if place.minor() < 31:
        made["containerRuntimeEndpoint"] = ""
    if place.minor() >= 31:
        made |= {"containerRuntimeEndpoint": "", "crashLoopBackOff": {}} if place.minor() >= 32 else {}
    if place.at("/run/systemd/resolve/resolv.conf").exists() and not place.ROOTED:
        made["resolvConf"] = "/run/systemd/resolve/resolv.conf"
    return made | {k: v for k, v in user.items() if v is not None}


def write(configuration: dict, node: dict) -> None:
    """config.yaml of this node; from 1.34 (NodeLocalCRISocket) the CRI socket is in instance-config.yaml."""
    _folder()
    here = dict(configuration)
    if local_socket():
        print(f'[kubelet-start] Writing kubelet configuration to file "{INSTANCE}"')
        files.write(INSTANCE, yamldoc.dump({"apiVersion": here["apiVersion"], "kind": here["kind"],
                                            "containerRuntimeEndpoint": node["criSocket"]}), 0o600)
        here["containerRuntimeEndpoint"] = node["criSocket"]
    print(f'[kubelet-start] Writing kubelet configuration to file "{CONFIG}"')
    files.write(CONFIG, yamldoc.dump(here), 0o600 if place.minor() >= 29 else 0o644)


def _folder() -> None:
    place.at(place.KUBELET_DIR).mkdir(parents=True, exist_ok=True, mode=0o700)


def local_socket() -> bool:
    return place.minor() >= 34


def write_flags(node: dict, register_taints: bool) -> None:
    path = f"{place.KUBELET_DIR}/kubeadm-flags.env"
    print(f'[kubelet-start] Writing kubelet environment file with flags to file "{path}"')
    _folder()
    flags = {} if local_socket() else {"container-runtime-endpoint": node["criSocket"]}
    if place.minor() < 35:
        from .. import images
        flags["pod-infra-container-image"] = images.pause()
    if register_taints and node.get("taints"):
        flags["register-with-taints"] = ",".join(
            f"{t['key']}={t['value']}:{t['effect']}" if t.get("value") else f"{t['key']}:{t['effect']}"
            for t in node["taints"])
    if node["name"] != host.hostname():
        flags["hostname-override"] = node["name"]
    extra = node.get("kubeletExtraArgs") or []
    named = {a["name"] for a in extra}
    words = [f"--{n}={v}" for n, v in sorted(flags.items()) if n not in named]
    words += [f"--{a['name']}={a.get('value', '')}" for a in extra]
    files.write(path, f"KUBELET_KUBEADM_ARGS={gotext.quote(' '.join(words))}\n", 0o644)


def start() -> None:
    print("[kubelet-start] Starting the kubelet")
    try:
        initsystem.restart_kubelet()
    except OSError as error:
        gotext.warning(f"[kubelet-start] WARNING: unable to start the kubelet service: [{error}]")
        gotext.warning("[kubelet-start] Please ensure kubelet is reloaded and running manually.")


def wait_healthy(seconds: float, configuration: dict) -> None:
    port = place.port(configuration.get("healthzPort") or 10248)
    url = f"http://127.0.0.1:{port}/healthz"
    print(f"[kubelet-check] Waiting for a healthy kubelet at {url}. This can take up to "
          f"{gotext.format_duration(seconds)}", flush=True)
    began, last = time.monotonic(), "context deadline exceeded"
    while time.monotonic() - began < seconds:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    took = gotext.format_duration(round(time.monotonic() - began, 6))
                    print(f"[kubelet-check] The kubelet is healthy after {took}", flush=True)
                    return
        except (urllib.error.URLError, OSError) as error:
            last = f'Get "{url}": {getattr(error, "reason", error)}'
        time.sleep(0.5)
    print(f"[kubelet-check] The kubelet is not healthy after {gotext.format_duration(seconds)}\n")
    print(_FAILED)
    raise KubeadmError(f'failed while waiting for the kubelet to start: The HTTP call equal to \'curl -sSL {url}\' '
                       f"returned error: {last}")


_FAILED = """Unfortunately, an error has occurred, likely caused by:
\t- The kubelet is not running
\t- The kubelet is unhealthy due to a misconfiguration of the node in some way (required cgroups disabled)

If you are on a systemd-powered system, you can try to troubleshoot the error with the following commands:
\t- 'systemctl status kubelet'
\t- 'journalctl -xeu kubelet'
"""
