"""kubeadm's preflight checks, in its order and words. A check gives (warnings, errors)."""
import os
import re
import socket
import subprocess
import sys

from .. import cri, grpc, host, images, initsystem, place
from .errors import KubeadmError

_COMMANDS = ["losetup", "mount", "cp"]
_OPTIONAL = ["ethtool", "tc", "touch"]


def run(checks: list, ignored: set[str]) -> None:
    """Runs every check; afterwards one error lists all that failed. `ignored`: names in lower case, or "all"."""
    failed = ""
    for name, check in checks:
        warnings, errors = check()
        if "all" in ignored or name.lower() in ignored:
            warnings, errors = warnings + errors, []
        for text in warnings:
            sys.stderr.write(f"\t[WARNING {name}]: {text}\n")
        failed += "".join(f"\t[ERROR {name}]: {text}\n" for text in errors)
    if not failed:
        return
    report = (f"[preflight] Some fatal errors occurred:\n{failed}[preflight] If you know what you are doing, you can "
              "make a check non-fatal with `--ignore-preflight-errors=...`\n")
    if place.minor() >= 34:
        sys.stderr.write(report)
        raise KubeadmError("error execution phase preflight: preflight checks failed")
    raise KubeadmError("error execution phase preflight: " + report.rstrip("\n"))


def root_check() -> list:
    return [("IsPrivilegedUser", lambda: ([], [] if host.is_root() else ["user is not running as root"]))]


def init_checks(loaded) -> list:
    manifests = [f"{place.MANIFESTS_DIR}/{n}.yaml" for n in ("kube-apiserver", "kube-controller-manager",
                                                             "kube-scheduler", "etcd")]
    return [
        ("NumCPU", _cpus), ("Mem", _memory),
        ("KubernetesVersion", lambda: _newer(loaded.cluster["kubernetesVersion"])),
        _port(loaded.port), _port(place.port(10259)), _port(place.port(10257)),
        *[_absent(m) for m in manifests],
        *_common(loaded.node, loaded.cluster["kubernetesVersion"]),
        *_forwarding(),
        _port(place.port(2379)), _port(place.port(2380)),
        (f"DirAvailable-{place.ETCD_DIR.replace('/', '-')}", lambda: _empty(loaded.cluster["etcd"]["local"]["dataDir"])),
    ]


def join_checks(loaded) -> list:
    checks = [_absent(f"{place.KUBERNETES_DIR}/kubelet.conf"), _absent(f"{place.KUBERNETES_DIR}/bootstrap-kubelet.conf")]
    checks += _common(loaded.node, None)
    if loaded.join.get("controlPlane") is None:
        checks.append(_absent(loaded.join["caCertPath"]))
    if loaded.join["discovery"].get("bootstrapToken"):
        checks += _forwarding()
    return checks


def pull_images(loaded, ignored: set[str]) -> None:
    wanted = images.control_plane(loaded.cluster["kubernetesVersion"], loaded.cluster["imageRepository"],
                                  loaded.cluster["dns"], loaded.cluster["etcd"]["local"])
    run([("ImagePull", lambda: _pull(loaded.node, wanted))], ignored)


def _pull(node: dict, wanted: list[str]):
    if node["imagePullPolicy"] == "Never":
        return [], []
    runtime, errors = cri.connect(node["criSocket"]), []
    for image in wanted:
        try:
            if node["imagePullPolicy"] == "Always" or not runtime.has_image(image):
                runtime.pull(image)
        except grpc.Failed as error:
            errors.append(f"failed to pull image {image}: {error}")
    return [], errors


def _common(node: dict, version: str | None) -> list:
    runtime = cri.connect(node["criSocket"])
    checks = [("CRI", lambda: _runtime(runtime, node["criSocket"]))]
    if place.minor() >= 35:
        checks.append(("ContainerRuntimeVersion", lambda: _runtime_version(runtime)))
    checks.append(("Swap", _swap))
    commands = _COMMANDS + (["crictl", "conntrack", "ip", "iptables"] if place.minor() < 31 else [])
    checks += [(f"FileExisting-{c}", lambda c=c: _command(c, True)) for c in commands]
    checks += [(f"FileExisting-{c}", lambda c=c: _command(c, False)) for c in _OPTIONAL]
    return checks + [
        ("SystemVerification", _system), ("Hostname", lambda: _hostname(node["name"])),
        ("KubeletVersion", lambda: _kubelet(version)),
        ("Service-Kubelet" if place.minor() < 29 else "Service-kubelet", _service), _port(place.port(10250))]


def _cpus():
    found = host.cpus()
    return [], [f"the number of available CPUs {found} is less than the required 2"] if found < 2 else []


def _memory():
    found = host.memory_mb()
    return [], [f"the system RAM ({found} MB) is less than the minimum 1700 MB"] if found < 1700 else []


def _newer(version: str):
    if int(version.split(".")[1]) > place.minor():
        return [f"Kubernetes version is greater than kubeadm version. Please consider to upgrade kubeadm. Kubernetes "
                f"version: {version[1:]}. Kubeadm version: 1.{place.minor()}.x"], []
    return [], []


def _port(number: int):
    return f"Port-{number}", lambda: ([], [f"Port {number} is in use"] if _in_use(number) else [])


def _in_use(number: int) -> bool:
    with socket.socket(socket.AF_INET6) as probe:
        probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("::", number))
            probe.listen(1)
            return False
        except OSError as error:
            if error.errno == 97:
                return _in_use_v4(number)
            return True


def _in_use_v4(number: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", number))
            probe.listen(1)
            return False
        except OSError:
            return True


def _absent(path: str):
    return (f"FileAvailable-{path.replace('/', '-')}",
            lambda: ([], [f"{path} already exists"] if place.at(path).exists() else []))


def _empty(folder: str):
    there = place.at(folder)
    return [], [f"{folder} is not empty"] if there.exists() and os.listdir(there) else []


def _contents(path: str):
    def check():
        try:
            good = place.at(path).read_text()[:1] == "1"
        except OSError:
            return [], [f"{path} does not exist"]
        return [], [] if good else [f"{path} contents are not set to 1"]
    return f"FileContent-{path.replace('/', '-')}", check


def _forwarding() -> list:
    """1.30 and later check ip_forward alone; that bridged packets meet iptables is up to the network add-on."""
    bridge = [_contents("/proc/sys/net/bridge/bridge-nf-call-iptables")] if place.minor() < 30 else []
    return bridge + [_contents("/proc/sys/net/ipv4/ip_forward")]


def _runtime(runtime, socket_: str):
    try:
        runtime.version()
        ready, reason, message = runtime.conditions().get("RuntimeReady", (False, "", "no RuntimeReady condition"))
    except grpc.Failed as error:
        if place.minor() >= 31:
            return [], ["could not connect to the container runtime: failed to create new CRI runtime service: validate "
                        f'service connection: validate CRI v1 runtime API for endpoint "{socket_}": {error}']
        return [], [f'container runtime is not running: output: time="now" level=fatal msg="validate service '
                    f'connection: validate CRI v1 runtime API for endpoint \\"{socket_}\\": {error}"\n, error: exit '
                    "status 1"]
    return [], [] if ready else [f"container runtime is not ready: {reason} {message}"]


def _runtime_version(runtime):
    words = ("You must update your container runtime to a version that supports the CRI method RuntimeConfig. Falling "
             "back to using cgroupDriver from kubelet config will be removed in 1.36. For more information, see "
             "https://git.k8s.io/enhancements/keps/sig-node/4033-group-driver-detection-over-cri")
    try:
        if runtime.cgroup_driver() is not None:
            return [], []
    except grpc.Failed as error:
        return [], [f"could not connect to the container runtime: {error}"]
    return ([words], []) if place.minor() == 35 else ([], [words.replace("will be", "was")])


def _swap():
    if len(host.swaps()) <= 1:
        return [], []
    if place.minor() < 29:
        return ["swap is enabled; production deployments should disable swap unless testing the NodeSwap feature gate "
                "of the kubelet"], []
    return ["swap is supported for cgroup v2 only. The kubelet must be properly configured to use swap. Please refer "
            "to https://kubernetes.io/docs/concepts/architecture/nodes/#swap-memory, or disable swap on the node"], []


def _command(name: str, needed: bool):
    if host.has_command(name):
        return [], []
    words = f"{name} not found in system path"
    return ([], [words]) if needed else ([words], [])


def _system():
    if host.cgroup_v2() or place.minor() < 31:
        return [], []
    words = ("cgroups v1 support is deprecated and will be removed in a future release. Please migrate to cgroups v2. "
             "To explicitly enable cgroups v1 support for kubelet v1.35 or newer, you must set the kubelet "
             "configuration option 'FailCgroupV1' to 'false'. You must also explicitly skip this validation. For more "
             "information, see https://git.k8s.io/enhancements/keps/sig-node/5573-remove-cgroup-v1")
    if place.minor() >= 35:
        return [], [words]
    return ["cgroups v1 support is in maintenance mode, please migrate to cgroups v2"], []


def _hostname(name: str):
    if host.resolves(name):
        return [], []
    return [f'hostname "{name}" could not be reached', f'hostname "{name}": lookup {name}: no such host'], []


def _kubelet(version: str | None):
    program = str(place.at("/usr/bin/kubelet")) if place.ROOTED else "kubelet"
    command = [sys.executable, program] if place.ROOTED else [program]
    try:
        text = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True).stdout
        found = re.search(r"v(\d+)\.(\d+)\.(\d+)\S*", text)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = 'exec: "kubelet": executable file not found in $PATH' if isinstance(error, OSError) else error
        return [], [f"couldn't get kubelet version: cannot execute 'kubelet --version': {reason}"]
    minor = int(found[2])
    if minor < place.minor() - 3:
        return [], [f'Kubelet version "{found[0][1:]}" is lower than kubeadm can support. Please upgrade kubelet']
    if version and minor > int(version.split(".")[1]):
        return [], ["the kubelet version is higher than the control plane version. This is not a supported version "
                    f'skew and may lead to a malfunctional cluster. Kubelet version: "{found[0][1:]}" Control plane '
                    f'version: "{version[1:]}"']
    return [], []


def _service():
    if not initsystem.service_exists("kubelet"):
        return ["kubelet service does not exist"], []
    if not initsystem.service_enabled("kubelet"):
        return ["kubelet service is not enabled, please run 'systemctl enable kubelet.service'"], []
    return [], []
