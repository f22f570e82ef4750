"""kubelet's command line: the flags it knows, and the check of --node-labels."""
from .. import gotext, place
from ..apiserver.admission import reserved

_STRINGS = """address allowed-unsafe-sysctls authentication-token-webhook-cache-ttl authorization-mode
authorization-webhook-cache-authorized-ttl authorization-webhook-cache-unauthorized-ttl bootstrap-kubeconfig cert-dir
cgroup-driver cgroup-root client-ca-file cloud-config cloud-provider cluster-dns cluster-domain config config-dir
container-log-max-files container-log-max-size container-runtime-endpoint cpu-cfs-quota-period cpu-manager-policy
cpu-manager-policy-options cpu-manager-reconcile-period enforce-node-allocatable event-burst event-qps eviction-hard
eviction-max-pod-grace-period eviction-minimum-reclaim eviction-pressure-transition-period eviction-soft
eviction-soft-grace-period feature-gates file-check-frequency hairpin-mode healthz-bind-address healthz-port
hostname-override housekeeping-interval http-check-frequency image-credential-provider-bin-dir
image-credential-provider-config image-gc-high-threshold image-gc-low-threshold image-service-endpoint
kube-api-burst kube-api-content-type kube-api-qps kube-reserved kube-reserved-cgroup kubeconfig kubelet-cgroups
lock-file log-flush-frequency log-json-info-buffer-size log-text-info-buffer-size logging-format manifest-url
manifest-url-header max-open-files max-pods maximum-dead-containers maximum-dead-containers-per-container
memory-manager-policy minimum-container-ttl-duration minimum-image-ttl-duration node-ip node-labels
node-status-max-images node-status-update-frequency oom-score-adj pod-cidr pod-manifest-path pod-max-pids
pods-per-core port provider-id qos-reserved read-only-port register-with-taints registry-burst registry-qps
reserved-cpus reserved-memory resolv-conf root-dir runtime-cgroups runtime-request-timeout
streaming-connection-idle-timeout sync-frequency system-cgroups system-reserved system-reserved-cgroup tls-cert-file
tls-cipher-suites tls-min-version tls-private-key-file topology-manager-policy topology-manager-policy-options
topology-manager-scope v vmodule volume-plugin-dir volume-stats-agg-period""".split()
_BOOLEANS = """anonymous-auth authentication-token-webhook cgroups-per-qos contention-profiling cpu-cfs-quota
enable-controller-attach-detach enable-debugging-handlers enable-server exit-on-lock-contention fail-cgroupv1
fail-swap-on help kernel-memcg-notification local-storage-capacity-isolation log-json-split-stream
log-text-split-stream make-iptables-util-chains protect-kernel-defaults register-node register-schedulable
rotate-certificates rotate-server-certificates seccomp-default serialize-image-pulls version""".split()
# flag -> first minor that no longer has it
_GONE = {"pod-infra-container-image": 35, "container-runtime": 27, "network-plugin": 24, "cni-bin-dir": 24,
         "cni-conf-dir": 24, "keep-terminated-pod-volumes": 34, "iptables-masquerade-bit": 34,
         "iptables-drop-bit": 34, "runonce": 34}
_ALLOWED = ("beta.kubernetes.io/arch, beta.kubernetes.io/instance-type, beta.kubernetes.io/os, "
            "failure-domain.beta.kubernetes.io/region, failure-domain.beta.kubernetes.io/zone, kubernetes.io/arch, "
            "kubernetes.io/hostname, kubernetes.io/os, node.kubernetes.io/instance-type, topology.kubernetes.io/region, "
            "topology.kubernetes.io/zone")


class BadFlag(Exception):
    pass


def parse(words: list[str]) -> dict[str, str]:
    """{flag: value}. Raises BadFlag with kubelet's words for a flag this version does not have."""
    strings = set(_STRINGS) | {name for name, gone in _GONE.items() if place.minor() < gone}
    found: dict[str, str] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "-v":
            word = "--v"
        if not word.startswith("--"):
            raise BadFlag(f"unknown command {word}")
        name, equal, value = word[2:].partition("=")
        name = name.replace("_", "-")
        if name in _BOOLEANS:
            found[name] = value if equal else "true"
        elif name not in strings:
            raise BadFlag(f"failed to parse kubelet flag: unknown flag: --{name}")
        elif equal:
            found[name] = value
        elif rest:
            found[name] = rest.pop(0)
        else:
            raise BadFlag(f"failed to parse kubelet flag: flag needs an argument: --{name}")
    _check_labels(node_labels(found))
    return found


def node_labels(found: dict[str, str]) -> dict[str, str]:
    return dict(p.partition("=")[::2] for p in found.get("node-labels", "").split(",") if p)


def _check_labels(labels: dict[str, str]) -> None:
    bad = sorted(k for k in labels if reserved(k))
    if bad:
        raise BadFlag(f"failed to validate kubelet flags: unknown 'kubernetes.io' or 'k8s.io' labels specified with "
                      f"--node-labels: {gotext.go_list(bad)}\n--node-labels in the 'kubernetes.io' namespace must begin "
                      f"with an allowed prefix (kubelet.kubernetes.io, node.kubernetes.io) or be in the specifically "
                      f"allowed set ({_ALLOWED})")


def taints(found: dict[str, str]) -> list[dict]:
    """--register-with-taints: key=value:effect or key:effect, separated by commas."""
    made = []
    for text in filter(None, found.get("register-with-taints", "").split(",")):
        head, _, effect = text.rpartition(":")
        key, _, value = head.partition("=")
        made.append({"key": key, "effect": effect, **({"value": value} if value else {})})
    return made
