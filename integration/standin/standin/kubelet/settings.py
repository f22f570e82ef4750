"""config.yaml, checked as kubelet checks it when it starts; what is wrong ends the process."""
from dataclasses import dataclass

from .. import cri, files, gotext, grpc, host, place, schema, yamldoc

_TYPE = "kubelet.KubeletConfiguration"


class Refused(Exception):
    """The text after `"command failed" err=`."""


@dataclass
class Settings:
    flags: dict[str, str]
    config: dict

    @property
    def endpoint(self) -> str:
        return (self.config.get("containerRuntimeEndpoint") or self.flags.get("container-runtime-endpoint")
                or "unix:///run/containerd/containerd.sock")

    @property
    def node_name(self) -> str:
        return self.flags.get("hostname-override") or host.hostname()

    @property
    def address(self) -> str:
        return self.flags.get("node-ip", "").split(",")[0] or host.default_address()

    @property
    def manifests(self) -> str:
        return self.config.get("staticPodPath") or ""

    @property
    def health(self) -> tuple[str, int]:
        return (self.config.get("healthzBindAddress") or "127.0.0.1", place.port(self.config.get("healthzPort") or 10248))

    @property
    def volume_plugins(self) -> str:
        return (self.config.get("volumePluginDir") or self.flags.get("volume-plugin-dir")
                or "/usr/libexec/kubernetes/kubelet-plugins/volume/exec/")

    @property
    def certificates(self) -> str:
        return self.flags.get("cert-dir", "/var/lib/kubelet/pki")


def load(flags: dict[str, str]) -> Settings:
    path = flags.get("config", "")
    config = _read(path) if path else {}
    found = Settings(flags, config)
    _validate(found)
    return found


def _read(path: str) -> dict:
    lead = f"failed to load kubelet config file, path: {path}, error: failed to load Kubelet config file {path}, error "
    try:
        text = files.read(path)
    except OSError:
        raise Refused(f'{lead}failed to read kubelet config file "{path}", error: open {path}: no such file or '
                      "directory") from None
    try:
        config = yamldoc.load(text)
    except ValueError as error:
        raise Refused(f"{lead}failed to decode: {error}") from None
    if not isinstance(config, dict) or (config.get("apiVersion"), config.get("kind")) != (
            "kubelet.config.k8s.io/v1beta1", "KubeletConfiguration"):
        raise Refused(f"{lead}failed to decode: no kind \"{(config or {}).get('kind')}\" is registered for version "
                      f"\"{(config or {}).get('apiVersion')}\" in scheme \"k8s.io/kubernetes/pkg/kubelet/apis/config/"
                      "scheme/scheme.go:33\"")
    try:
        unknown = schema.check(schema.versioned("component-configs"), _TYPE, config)
    except schema.WrongType as error:
        raise Refused(f"{lead}failed to decode: {error}") from None
    if unknown:
        words = f"strict decoding error: {schema.unknown_fields(unknown)}"
        gotext.klog("I", f'"Using lenient decoding as strict decoding failed" err={gotext.quote(words)}', "codec.go:105")
        if not place.fault("lenient_fields", False):
            raise Refused(f"{lead}{words} (real kubelet only logs this; the stand-in refuses it)")
    return config


def _validate(found: Settings) -> None:
    config, problems = found.config, []
    lead = "failed to validate kubelet configuration, error: "
    if not host.cgroup_v2() and config.get("failCgroupV1", place.minor() >= 35):
        raise Refused(lead + "kubelet is configured to not run on a host using cgroup v1. cgroup v1 support is "
                      + ("in maintenance mode" if place.minor() < 35 else "unsupported and will be removed in a future "
                         "release"))
    if config.get("containerLogMaxFiles", 5) <= 1:
        problems.append("invalid configuration: containerLogMaxFiles (--container-log-max-files) "
                        f"{config['containerLogMaxFiles']} must be greater than 1")
    high, low = config.get("imageGCHighThresholdPercent") or 85, config.get("imageGCLowThresholdPercent") or 80
    if low >= high:
        problems.append(f"invalid configuration: imageGCLowThresholdPercent (--image-gc-low-threshold) {low} must be "
                        f"less than imageGCHighThresholdPercent (--image-gc-high-threshold) {high}")
    if config.get("maxPods") is not None and config["maxPods"] < 0:
        problems.append(f"invalid configuration: maxPods (--max-pods) {config['maxPods']} must not be a negative number")
    if config.get("cgroupDriver", "cgroupfs") not in ("systemd", "cgroupfs"):
        raise Refused(f"failed to run Kubelet: unsupported cgroup driver: {config['cgroupDriver']}")
    for section in ("kubeReserved", "systemReserved"):
        for name in config.get(section) or {}:
            if name not in ("cpu", "memory", "pid", "ephemeral-storage"):
                raise Refused(f'failed to run Kubelet: cannot reserve "{name}" resource')
    if len(problems) == 1:
        raise Refused(lead + problems[0])
    if problems:
        raise Refused(lead + "[" + ", ".join(problems) + "]")


def check_machine(found: Settings):
    """Swap and the container runtime; returns the runtime. Raises Refused."""
    if found.config.get("failSwapOn", True) and found.flags.get("fail-swap-on", "true") == "true":
        swaps = host.swaps()
        if len(swaps) > 1:
            raise Refused("failed to run Kubelet: running with swap on is not supported, please disable swap or set "
                          f"--fail-swap-on flag to false. /proc/swaps contained: {gotext.go_list(swaps)}")
    runtime = cri.connect(found.endpoint)
    try:
        runtime.version()
        driver = runtime.cgroup_driver()
        if driver is None and place.minor() >= 36:
            raise Refused("failed to run Kubelet: the container runtime does not support the CRI method RuntimeConfig, "
                          "and falling back to cgroupDriver of the kubelet configuration was removed in 1.36")
        actual = driver or runtime.configured_cgroup_driver()
    except grpc.Failed as error:
        raise Refused("failed to run Kubelet: validate service connection: validate CRI v1 runtime API for endpoint "
                      f'"{found.endpoint}": {error}') from None
    wanted = driver or found.config.get("cgroupDriver", "cgroupfs")
    if actual not in (None, wanted) or wanted != "systemd":
        raise Refused(f'failed to run Kubelet: misconfiguration: kubelet cgroup driver: "{wanted}", container runtime '
                      f'cgroup driver: "{actual}"; on a machine with systemd both must be "systemd" (a check of the '
                      "stand-in: real pods would fail or be unstable)")
    return runtime
