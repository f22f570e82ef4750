"""The kubeadm command line."""
import json
import sys

from .. import client, cri, gotext, grpc, images, place, yamldoc
from ..apiserver.server import version_info
from . import config, documents, expiration, initrun, joinrun, resetrun, tokens, uploadcerts, validation
from .errors import KubeadmError, UsageError
from .flags import Flags

_ADMIN = f"{place.KUBERNETES_DIR}/admin.conf"
_WITH_CONFIG = {"config", "ignore-preflight-errors", "dry-run", "kubeconfig", "node-name", "upload-certs",
                "skip-token-print", "skip-certificate-key-print", "skip-phases", "rootfs", "v", "log-file",
                "allow-experimental-api", "output", "force", "print-join-command"}
_INIT = {"config": "string", "ignore-preflight-errors": "list", "skip-phases": "list", "upload-certs": "bool",
         "certificate-key": "string", "skip-token-print": "bool", "skip-certificate-key-print": "bool",
         "dry-run": "bool", "node-name": "string", "pod-network-cidr": "string", "service-cidr": "string",
         "service-dns-domain": "string", "kubernetes-version": "string", "control-plane-endpoint": "string",
         "apiserver-advertise-address": "string", "apiserver-bind-port": "string", "cri-socket": "string",
         "apiserver-cert-extra-sans": "list", "image-repository": "string", "token": "string", "token-ttl": "string",
         "cert-dir": "string", "feature-gates": "string", "patches": "string", "kubeconfig": "string"}
_JOIN = {"config": "string", "ignore-preflight-errors": "list", "skip-phases": "list", "token": "string",
         "discovery-token": "string", "discovery-token-ca-cert-hash": "list", "tls-bootstrap-token": "string",
         "discovery-token-unsafe-skip-ca-verification": "bool", "discovery-file": "string", "node-name": "string",
         "cri-socket": "string", "control-plane": "bool", "certificate-key": "string", "dry-run": "bool",
         "apiserver-advertise-address": "string", "apiserver-bind-port": "string", "patches": "string"}


def main(words: list[str] | None = None) -> int:
    words = sys.argv[1:] if words is None else words
    try:
        _dispatch(words)
        return 0
    except UsageError as error:
        sys.stderr.write(f"error: {error}\nTo see the stack trace of this error execute with --v=5 or higher\n")
        return 1
    except KubeadmError as error:
        sys.stdout.flush()
        prefix = "error: " if place.minor() >= 34 and not str(error).startswith("error: ") else ""
        sys.stderr.write(f"{prefix}{error}\nTo see the stack trace of this error execute with --v=5 or higher\n")
        return error.code
    except (client.ApiError, client.Unreachable) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1


def _dispatch(words: list[str]) -> None:
    command, rest = (words[0], words[1:]) if words else ("help", [])
    handler = {"version": _version, "init": _init, "join": _join, "reset": _reset, "token": _token,
               "config": _config, "certs": _certs}.get(command)
    if command in ("help", "-h", "--help"):
        print(_HELP % place.version())
    elif handler is None:
        raise UsageError(f'unknown command "{command}" for "kubeadm"')
    else:
        if command in ("init", "join", "reset"):
            sys.stderr.write(f"{place.banner('kubeadm')}\n")
        handler(rest)


def _version(words: list[str]) -> None:
    found, _ = Flags({"output": "string"}, {"o": "output"}).parse(words)
    output = found.get("output", "")
    if output == "short":
        print(place.version())
    elif output in ("json", "yaml"):
        document = {"clientVersion": version_info()}
        print(json.dumps(document, indent=2) if output == "json" else yamldoc.dump(document), end="\n" if output == "json" else "")
    elif output == "":
        print(f"kubeadm version: stand-in kubeadm (not Kubernetes) {json.dumps(version_info())}")
    else:
        raise KubeadmError(f"invalid output format: {output}")


def _ignored(found: dict, from_config: list | None) -> set[str]:
    return {n.lower() for n in found.get("ignore-preflight-errors") or from_config or []}


def _refuse_mixed(found: dict) -> None:
    if "config" in found:
        mixed = sorted(set(found) - _WITH_CONFIG)
        if mixed:
            raise KubeadmError(f"can not mix '--config' with arguments {gotext.go_list(mixed)}")


def _load_init(found: dict) -> config.Init:
    _refuse_mixed(found)
    names = {"node-name": "node.name", "cri-socket": "node.criSocket", "pod-network-cidr": "networking.podSubnet",
             "service-cidr": "networking.serviceSubnet", "service-dns-domain": "networking.dnsDomain",
             "kubernetes-version": "cluster.kubernetesVersion", "image-repository": "cluster.imageRepository",
             "control-plane-endpoint": "cluster.controlPlaneEndpoint", "cert-dir": "cluster.certificatesDir",
             "apiserver-advertise-address": "local.advertiseAddress", "certificate-key": "init.certificateKey"}
    overrides = {names[n]: v for n, v in found.items() if n in names}
    if "apiserver-bind-port" in found:
        overrides["local.bindPort"] = int(found["apiserver-bind-port"])
    if "apiserver-cert-extra-sans" in found:
        overrides["cluster.apiServer"] = {"certSANs": found["apiserver-cert-extra-sans"]}
    if "token" in found or "token-ttl" in found:
        overrides["init.bootstrapTokens"] = [{k: found[n] for k, n in (("token", "token"), ("ttl", "token-ttl"))
                                              if n in found}]
    return config.load_init(found.get("config"), overrides)


def _init(words: list[str]) -> None:
    if words[:1] == ["phase"]:
        return _init_phase(words[1:])
    found, positional = Flags(_INIT).parse(words)
    if positional:
        raise UsageError(f'unknown command "{positional[0]}" for "kubeadm init"')
    if "help" in found:
        print("Phases: " + ", ".join(validation.INIT_PHASES))
        return
    loaded = _load_init(found)
    skipped = found.get("skip-phases") or loaded.init.get("skipPhases") or []
    validation.check_phases(skipped, validation.INIT_PHASES)
    if found.get("dry-run"):
        raise KubeadmError("the stand-in has no dry run")
    initrun.Run(loaded, _ignored(found, loaded.node.get("ignorePreflightErrors")), skipped,
                found.get("upload-certs", False), found.get("skip-token-print", False)).all()


def _init_phase(words: list[str]) -> None:
    found, positional = Flags(_INIT).parse(words[1:])
    name = words[0] if words else ""
    loaded = _load_init(found)
    run = initrun.Run(loaded, _ignored(found, loaded.node.get("ignorePreflightErrors")), [],
                      found.get("upload-certs", False))
    phases = dict(run.phases())
    if name not in phases:
        raise KubeadmError(f"invalid phase name: {name}")
    if positional and positional != ["all"]:
        raise KubeadmError(f"the stand-in runs the phase {name} as a whole only, not {'/'.join([name, *positional])}")
    run.one(name, phases[name])


def _join(words: list[str]) -> None:
    found, positional = Flags(_JOIN).parse(words)
    if len(positional) > 1:
        raise UsageError(f"accepts at most 1 arg(s), received {len(positional)}")
    _refuse_mixed(found)
    if "config" in found and positional:
        raise KubeadmError(f"can not mix '--config' with arguments {gotext.go_list(positional)}")
    loaded = config.load_join(found.get("config"), None if "config" in found else _join_flags(found, positional))
    if "config" in found and "node-name" in found:
        loaded.node["name"] = found["node-name"]
    skipped = found.get("skip-phases") or loaded.join.get("skipPhases") or []
    validation.check_phases(skipped, validation.JOIN_PHASES)
    joinrun.Run(loaded, _ignored(found, loaded.node.get("ignorePreflightErrors")), skipped).all()


def _join_flags(found: dict, positional: list[str]) -> dict:
    token = found.get("discovery-token") or found.get("token") or ""
    node = {k: found[n] for k, n in (("name", "node-name"), ("criSocket", "cri-socket")) if n in found}
    made = {"nodeRegistration": node, "discovery": {"tlsBootstrapToken": found.get("tls-bootstrap-token") or
                                                    found.get("token") or ""}}
    if positional:
        made["discovery"]["bootstrapToken"] = {
            "token": token, "apiServerEndpoint": positional[0],
            "caCertHashes": found.get("discovery-token-ca-cert-hash") or [],
            "unsafeSkipCAVerification": found.get("discovery-token-unsafe-skip-ca-verification", False)}
    if found.get("control-plane"):
        made["controlPlane"] = {}
    return made


def _reset(words: list[str]) -> None:
    found, _ = Flags({"force": "bool", "cert-dir": "string", "ignore-preflight-errors": "list", "config": "string",
                      "cleanup-tmp-dir": "bool", "skip-phases": "list", "cri-socket": "string", "kubeconfig": "string",
                      "dry-run": "bool"}, {"f": "force"}).parse(words)
    settings = {}
    if "config" in found:
        _refuse_mixed(found)
        read = documents.read(config.text_of(found["config"]), strict=False)
        settings = read.kinds.get("ResetConfiguration")
        if settings is None:
            raise KubeadmError(f"no ResetConfiguration found in config file {found['config']}")
    resetrun.run(found.get("force") or settings.get("force", False),
                 found.get("cert-dir") or settings.get("certificatesDir") or place.PKI_DIR,
                 _ignored(found, settings.get("ignorePreflightErrors")),
                 found.get("cleanup-tmp-dir") or settings.get("cleanupTmpDir", False),
                 found.get("skip-phases") or settings.get("skipPhases") or [])


def _token(words: list[str]) -> None:
    action, rest = (words[0], words[1:]) if words else ("", [])
    found, positional = Flags({
        "ttl": "string", "groups": "list", "usages": "list", "description": "string", "print-join-command": "bool",
        "certificate-key": "string", "kubeconfig": "string", "config": "string", "output": "string", "dry-run": "bool",
        "experimental-output": "string"}, {"o": "output"}).parse(rest)
    path = found.get("kubeconfig", _ADMIN)
    if action == "generate":
        print(config.new_token())
    elif action == "create":
        tokens.create(tokens.admin(path), path, positional[0] if positional else None, found.get("ttl"),
                      found.get("groups"), found.get("usages"), found.get("description", ""),
                      found.get("print-join-command", False))
    elif action == "list":
        tokens.show(tokens.admin(path), found.get("output", "text"))
    elif action == "delete":
        tokens.delete(tokens.admin(path), positional)
    else:
        raise KubeadmError(f'unknown command "{action}" for "kubeadm token"')


def _certs(words: list[str]) -> None:
    action, rest = (words[0], words[1:]) if words else ("", [])
    found, _ = Flags({"output": "string", "cert-dir": "string", "config": "string", "kubeconfig": "string"},
                     {"o": "output"}).parse(rest)
    if action == "check-expiration":
        expiration.show(found.get("output", "text"))
    elif action == "certificate-key":
        print(uploadcerts.new_key())
    else:
        raise KubeadmError(f'unknown command "{action}" for "kubeadm certs"')


def _config(words: list[str]) -> None:
    action = " ".join(words[:2]) if words[:1] == ["images"] else "".join(words[:1])
    found, _ = Flags({"config": "string", "kubernetes-version": "string", "image-repository": "string",
                      "output": "string", "cri-socket": "string", "allow-experimental-api": "bool",
                      "feature-gates": "string", "kubeconfig": "string"},
                     {"o": "output"}).parse(words[len(action.split()):])
    if action == "validate":
        _validate(found)
    elif action in ("images list", "images pull"):
        _images(action, found)
    else:
        raise KubeadmError(f'unknown command "{action}" for "kubeadm config"')


def _validate(found: dict) -> None:
    if "config" not in found:
        raise KubeadmError("the --config flag is mandatory")
    text = config.text_of(found["config"])
    kinds = documents.read(text, strict=True).kinds
    if {"InitConfiguration", "ClusterConfiguration"} & set(kinds):
        config.load_init(found["config"])
    if "JoinConfiguration" in kinds:
        config.load_join(found["config"])
    print("ok")


def _images(action: str, found: dict) -> None:
    loaded = _load_init({k: v for k, v in found.items() if k in _INIT})
    wanted = images.control_plane(loaded.cluster["kubernetesVersion"], loaded.cluster["imageRepository"],
                                  loaded.cluster["dns"], loaded.cluster["etcd"]["local"])
    if action == "images list":
        if found.get("output") == "json":
            print(json.dumps({"kind": "Images", "apiVersion": "output.kubeadm.k8s.io/v1alpha3", "images": wanted},
                             indent=4))
        else:
            print("\n".join(wanted))
        return
    runtime = cri.connect(found.get("cri-socket") or loaded.node["criSocket"])
    for image in wanted:
        try:
            if not runtime.has_image(image):
                runtime.pull(image)
        except grpc.Failed as error:
            raise KubeadmError(f'failed to pull image "{image}": {error}') from None
        print(f"[config/images] Pulled {image}")


_HELP = """stand-in kubeadm (not Kubernetes) %s: what nodeboot's lab uses where no real kubeadm can be had.

Commands: init, init phase, join, reset -f, token create|list|delete|generate, certs check-expiration|certificate-key,
config validate|images list|images pull, version [-o short|json|yaml]"""
