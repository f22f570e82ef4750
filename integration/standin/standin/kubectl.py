"""The stand-in kubectl: enough for a demonstration and for people. It says what it is on stderr."""
import json
import os
import sys
import time

from . import client, gotext, place, yamldoc
from .apiserver import resources
from .apiserver.server import version_info
from .kubeadm.errors import UsageError
from .kubeadm.flags import Flags

_FLAGS = {"kubeconfig": "string", "namespace": "string", "all-namespaces": "bool", "output": "string",
          "overwrite": "bool", "client": "bool", "watch": "bool", "selector": "string", "show-labels": "bool",
          "no-headers": "bool", "ignore-not-found": "bool", "wait": "string", "timeout": "string", "short": "bool",
          "request-timeout": "string", "filename": "string", "server-side": "bool", "force-conflicts": "bool", "raw": "string"}


def main(words: list[str] | None = None) -> int:
    try:
        found, positional = Flags(_FLAGS, {"n": "namespace", "A": "all-namespaces", "o": "output", "l": "selector",
                                           "w": "watch", "f": "filename"}).parse(words or sys.argv[1:])
        sys.stderr.write(f"{place.banner('kubectl')}\n")
        command = positional[0] if positional else "help"
        handler = {"get": _get, "version": _version, "cluster-info": _cluster_info, "label": _label,
                   "delete": _delete, "apply": _apply}.get(command)
        if handler is None:
            raise UsageError(f'unknown command "{command}" for "kubectl" (the stand-in has get, version, cluster-info, '
                             "label, delete, apply)")
        return handler(found, positional[1:]) or 0
    except UsageError as error:
        sys.stderr.write(f"error: {error}\n")
    except client.ApiError as error:
        sys.stderr.write(f"Error from server ({error.reason}): {error}\n" if error.reason
                         else f"Error from server: {error}\n")
    except (client.Unreachable, OSError, ValueError) as error:
        sys.stderr.write(f"Unable to connect to the server: {error}\n")
    return 1


def _api(found: dict) -> client.Client:
    path = found.get("kubeconfig") or os.environ.get("KUBECONFIG") or ""
    for candidate in [path, os.path.expanduser("~/.kube/config"), "/etc/kubernetes/admin.conf"]:
        if candidate and place.at(candidate).exists():
            # "0", the default, waits for ever with the real one; ten seconds are that in a lab.
            return client.from_kubeconfig(candidate, gotext.parse_duration(found.get("request-timeout", "0")) or 10)
    raise UsageError("no configuration: set KUBECONFIG or use --kubeconfig")


def _resource(name: str):
    for resource in resources.ALL:
        if name.lower() in (resource.plural, resource.kind.lower(), *resource.short):
            return resource
    raise UsageError(f'the server doesn\'t have a resource type "{name}"')


def _get(found: dict, words: list[str]) -> None:
    api = _api(found)
    if "raw" in found:
        answer = api.get(found["raw"])
        print(answer if isinstance(answer, str) else json.dumps(answer))
        return
    if not words:
        raise UsageError("You must specify the type of resource to get.")
    kind, _, name = words[0].partition("/")
    resource, name = _resource(kind), name or (words[1] if len(words) > 1 else "")
    namespace = None if found.get("all-namespaces") else found.get("namespace", "default")
    path = resources.path(resource, namespace, name)
    if "selector" in found:
        path += f"?labelSelector={found['selector']}"
    answer = api.get(path)
    items = [answer] if name else answer["items"]
    output = found.get("output", "")
    if output in ("json", "yaml"):
        if not name:
            answer = {"apiVersion": "v1", "kind": "List", "items": [
                {"apiVersion": resource.api_version, "kind": resource.kind, **i} for i in items]}
        print(json.dumps(answer, indent=4) if output == "json" else yamldoc.dump(answer), end="\n" if output == "json" else "")
    elif output == "name":
        print("\n".join(f"{resource.kind.lower()}/{i['metadata']['name']}" for i in items))
    else:
        _table(resource, items, found, output == "wide")


def _table(resource, items: list[dict], found: dict, wide: bool) -> None:
    if not items:
        sys.stderr.write("No resources found\n")
        return
    columns = {"Node": _node, "Pod": _pod, "DaemonSet": _daemon_set, "Deployment": _deployment}.get(resource.kind, _plain)
    rows = [columns(i, wide) for i in items]
    if found.get("all-namespaces") and resource.namespaced:
        rows = [{"NAMESPACE": i["metadata"].get("namespace", ""), **row} for i, row in zip(items, rows)]
    if found.get("show-labels"):
        for item, row in zip(items, rows):
            row["LABELS"] = ",".join(f"{k}={v}" for k, v in (item["metadata"].get("labels") or {}).items())
    widths = {h: max(len(h), *(len(r[h]) for r in rows)) + 3 for h in rows[0]}
    lines = [] if found.get("no-headers") else [{h: h for h in widths}]
    for row in lines + rows:
        print("".join(row[h].ljust(w) for h, w in widths.items()).rstrip())


def _age(item: dict) -> str:
    seconds = int(time.time() - gotext.parse_time(item["metadata"]["creationTimestamp"]))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _node(node: dict, wide: bool) -> dict:
    ready = next((c["status"] for c in node["status"]["conditions"] if c["type"] == "Ready"), "Unknown")
    prefix, info = "node-role.kubernetes.io/", node["status"]["nodeInfo"]
    roles = sorted(k.removeprefix(prefix) for k in node["metadata"].get("labels") or {} if k.startswith(prefix))
    row = {"NAME": node["metadata"]["name"],
           "STATUS": ("Ready" if ready == "True" else "NotReady") + (
               ",SchedulingDisabled" if node["spec"].get("unschedulable") else ""),
           "ROLES": ",".join(roles) or "<none>", "AGE": _age(node), "VERSION": info["kubeletVersion"]}
    if wide:
        row |= {"INTERNAL-IP": next((a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP"), ""),
                "EXTERNAL-IP": "<none>", "OS-IMAGE": info["osImage"], "KERNEL-VERSION": info["kernelVersion"],
                "CONTAINER-RUNTIME": info["containerRuntimeVersion"]}
    return row


def _pod(pod: dict, wide: bool) -> dict:
    status = pod.get("status") or {}
    containers = status.get("containerStatuses") or []
    waiting = next((c["state"]["waiting"]["reason"] for c in containers if "waiting" in c.get("state", {})), None)
    row = {"NAME": pod["metadata"]["name"],
           "READY": f"{sum(c['ready'] for c in containers)}/{len(pod['spec']['containers'])}",
           "STATUS": waiting or status.get("phase", "Pending"),
           "RESTARTS": str(sum(c["restartCount"] for c in containers)), "AGE": _age(pod)}
    if wide:
        row |= {"IP": status.get("podIP", "<none>"), "NODE": pod["spec"].get("nodeName", "<none>")}
    return row


def _daemon_set(item: dict, wide: bool) -> dict:
    status = item.get("status") or {}
    return {"NAME": item["metadata"]["name"], "DESIRED": str(status.get("desiredNumberScheduled", 0)),
            "CURRENT": str(status.get("currentNumberScheduled", 0)), "READY": str(status.get("numberReady", 0)),
            "UP-TO-DATE": str(status.get("updatedNumberScheduled", 0)),
            "AVAILABLE": str(status.get("numberAvailable", 0)), "AGE": _age(item)}


def _deployment(item: dict, wide: bool) -> dict:
    status = item.get("status") or {}
    return {"NAME": item["metadata"]["name"], "READY": f"{status.get('readyReplicas', 0)}/{item['spec']['replicas']}",
            "UP-TO-DATE": str(status.get("updatedReplicas", 0)),
            "AVAILABLE": str(status.get("availableReplicas", 0)), "AGE": _age(item)}


def _plain(item: dict, wide: bool) -> dict:
    return {"NAME": item["metadata"]["name"], "AGE": _age(item)}


def _version(found: dict, words: list[str]) -> None:
    document = {"clientVersion": version_info()}
    if not found.get("client"):
        document["serverVersion"] = _api(found).get("/version")
    if found.get("output") == "json":
        print(json.dumps(document, indent=2))
        return
    print(f"Client Version: {place.version()} (stand-in)")
    if "serverVersion" in document:
        print(f"Server Version: {document['serverVersion']['gitVersion']} (stand-in)")


def _cluster_info(found: dict, words: list[str]) -> None:
    print(f"Kubernetes control plane (stand-in, not Kubernetes) is running at {_api(found).server}")


def _target(words: list[str]):
    kind, _, name = words[0].partition("/") if words else ("", "", "")
    rest = words[1:]
    if not name:
        if not rest:
            raise UsageError("resource(s) were provided, but no name was specified")
        name, rest = rest[0], rest[1:]
    return _resource(kind), name, rest


def _label(found: dict, words: list[str]) -> None:
    resource, name, changes = _target(words)
    api, path = _api(found), resources.path(resource, found.get("namespace", "default"), name)
    current = api.get(path)["metadata"].get("labels") or {}
    labels: dict = {}
    for change in changes:
        key, equal, value = change.partition("=")
        labels[key if equal else key.removesuffix("-")] = value if equal else None
        if equal and key in current and current[key] != value and not found.get("overwrite"):
            raise UsageError(f"'{key}' already has a value ({current[key]}), and --overwrite is false")
    api.patch(path, {"metadata": {"labels": labels}}, client.MERGE)
    print(f"{resource.kind.lower()}/{name} labeled")


def _delete(found: dict, words: list[str]) -> None:
    resource, name, more = _target(words)
    for each in [name, *more]:
        try:
            _api(found).delete(resources.path(resource, found.get("namespace", "default"), each))
        except client.ApiError as error:
            if error.code != 404 or not found.get("ignore-not-found"):
                raise
            continue
        print(f'{resource.kind.lower()} "{each}" deleted')


def _apply(found: dict, words: list[str]) -> None:
    """Always server-side."""
    api = _api(found)
    text = sys.stdin.read() if found.get("filename") == "-" else open(found["filename"]).read()
    for document in filter(None, yamldoc.load_all(text)):
        resource, meta = _resource(document["kind"]), document["metadata"]
        path = resources.path(resource, meta.get("namespace") or found.get("namespace", "default"), meta["name"])
        force = "true" if found.get("force-conflicts") else "false"
        api.request("PATCH", f"{path}?fieldManager=kubectl&force={force}", document, client.APPLY)
        print(f"{resource.kind.lower()}/{meta['name']} serverside-applied")
