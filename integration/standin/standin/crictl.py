"""The stand-in crictl: `version` and `info`, no more. Real ones are in cri-tools."""
import json
import sys

from . import cri, grpc, place, yamldoc
from .kubeadm.errors import UsageError
from .kubeadm.flags import Flags

_CONFIG = "/etc/crictl.yaml"


def main(words: list[str] | None = None) -> int:
    sys.stderr.write(f"{place.banner('crictl')}\n")
    try:
        found, positional = Flags({"runtime-endpoint": "string", "image-endpoint": "string", "timeout": "string",
                                   "config": "string", "version": "bool"},
                                  {"r": "runtime-endpoint", "i": "image-endpoint", "t": "timeout", "c": "config"}
                                  ).parse(words or sys.argv[1:])
        if found.get("version"):
            print(f"crictl version {place.version()}")
            return 0
        return _ask(found, positional)
    except (UsageError, grpc.Failed) as error:
        sys.stderr.write(f"E: {error}\n")
        return 1


def _ask(found: dict, positional: list[str]) -> int:
    path, endpoint = place.at(found.get("config", _CONFIG)), found.get("runtime-endpoint")
    if not endpoint and path.exists():
        endpoint = (yamldoc.load(path.read_text()) or {}).get("runtime-endpoint")
    runtime = cri.connect(endpoint or "unix:///run/containerd/containerd.sock")
    command = positional[0] if positional else ""
    if command == "version":
        name, version = runtime.version()
        print(f"Version:  0.1.0\nRuntimeName:  {name}\nRuntimeVersion:  {version}\nRuntimeApiVersion:  v1")
    elif command == "info":
        conditions = [{"type": t, "status": s, "reason": r, "message": m}
                      for t, (s, r, m) in runtime.conditions().items()]
        print(json.dumps({"status": {"conditions": conditions}}, indent=2))
    else:
        raise UsageError(f'unknown command "{command}" (the stand-in has version and info)')
    return 0
