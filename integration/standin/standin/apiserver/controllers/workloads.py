"""DaemonSets and Deployments become pods; their status counts the pods that are ready. (No ReplicaSets between.)"""
import copy
import hashlib
import json
import random

from ... import gotext
from .. import resources
from . import scheduling

DAEMONSETS, DEPLOYMENTS, PODS, NODES, ACCOUNTS = (
    resources.BY_PLURAL[p] for p in ("daemonsets", "deployments", "pods", "nodes", "serviceaccounts"))
_DAEMON_TOLERATIONS = [{"key": f"node.kubernetes.io/{k}", "operator": "Exists", "effect": e} for k, e in (
    ("not-ready", "NoExecute"), ("unreachable", "NoExecute"), ("disk-pressure", "NoSchedule"),
    ("memory-pressure", "NoSchedule"), ("pid-pressure", "NoSchedule"), ("unschedulable", "NoSchedule"))]


def run(store, rest, writer) -> None:
    _collect_orphans(store)
    for daemon_set in store.list(DAEMONSETS):
        _daemon_set(store, rest, writer, daemon_set)
    for deployment in store.list(DEPLOYMENTS):
        _deployment(store, rest, writer, deployment)


def _collect_orphans(store) -> None:
    nodes = {n["metadata"]["name"] for n in store.list(NODES)}
    owners = {o["metadata"]["uid"] for r in (DAEMONSETS, DEPLOYMENTS) for o in store.list(r)}
    for pod in store.list(PODS):
        node = pod["spec"].get("nodeName")
        owned = [r["uid"] for r in pod["metadata"].get("ownerReferences") or [] if r["kind"] != "Node"]
        if (node and node not in nodes) or (owned and not set(owned) & owners):
            store.remove(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])


def revision(owner: dict) -> str:
    text = json.dumps(owner["spec"]["template"], sort_keys=True).encode()
    return hashlib.sha256(text).hexdigest()[:10]


def _pods_of(store, owner: dict) -> list[dict]:
    return [p for p in store.list(PODS, owner["metadata"]["namespace"])
            if any(r["uid"] == owner["metadata"]["uid"] for r in p["metadata"].get("ownerReferences") or [])]


def is_ready(pod: dict) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _make_pod(rest, writer, owner: dict, kind: str, label: str, node: str | None = None) -> None:
    template, meta = copy.deepcopy(owner["spec"]["template"]), owner["metadata"]
    account = template["spec"].setdefault("serviceAccountName", "default")
    if account != "default" and rest.store.get(ACCOUNTS, meta["namespace"], account) is None:
        return  # the real server refuses such a pod: 'error looking up service account'
    suffix = "".join(random.choices("bcdfghjklmnpqrstvwxz2456789", k=5))
    middle = "" if kind == "DaemonSet" else f"{revision(owner)}-"
    pod = {"apiVersion": "v1", "kind": "Pod", "spec": template["spec"], "metadata": {
        "name": f"{meta['name']}-{middle}{suffix}", "namespace": meta["namespace"],
        "labels": {**(template.get("metadata") or {}).get("labels", {}), label: revision(owner)},
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": kind, "name": meta["name"], "uid": meta["uid"],
                             "controller": True, "blockOwnerDeletion": True}]}}
    if node:
        pod["spec"]["nodeName"] = node
        pod["spec"]["tolerations"] = (pod["spec"].get("tolerations") or []) + _DAEMON_TOLERATIONS
    rest.create(writer(PODS, meta["namespace"]), pod)


def _daemon_set(store, rest, writer, owner: dict) -> None:
    spec = owner["spec"]["template"]["spec"]
    tolerations = (spec.get("tolerations") or []) + _DAEMON_TOLERATIONS + [
        {"key": "node.kubernetes.io/not-ready", "operator": "Exists"},
        {"key": "node.kubernetes.io/unreachable", "operator": "Exists"}]
    wanted = {n["metadata"]["name"] for n in store.list(NODES)
              if scheduling.selects(spec, n) and not scheduling.untolerated(n, tolerations)}
    label, current = "controller-revision-hash", revision(owner)
    running: dict[str, dict] = {}
    for pod in _pods_of(store, owner):
        node = pod["spec"].get("nodeName")
        if node not in wanted or pod["metadata"]["labels"].get(label) != current or node in running:
            store.remove(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])
        else:
            running[node] = pod
    for node in sorted(wanted - set(running)):
        _make_pod(rest, writer, owner, "DaemonSet", label, node)
    ready = sum(map(is_ready, running.values()))
    status = {"currentNumberScheduled": len(running), "desiredNumberScheduled": len(wanted), "numberMisscheduled": 0,
              "numberReady": ready, "observedGeneration": owner["metadata"].get("generation", 1),
              "updatedNumberScheduled": len(running)}
    if ready:
        status["numberAvailable"] = ready
    if len(wanted) > ready:
        status["numberUnavailable"] = len(wanted) - ready
    _store_status(store, DAEMONSETS, owner, status)


def _deployment(store, rest, writer, owner: dict) -> None:
    label, current, replicas = "pod-template-hash", revision(owner), owner["spec"]["replicas"]
    pods = _pods_of(store, owner)
    fresh = [p for p in pods if p["metadata"]["labels"].get(label) == current]
    for _ in range(replicas - len(fresh)):
        _make_pod(rest, writer, owner, "Deployment", label)
    old = [p for p in pods if p not in fresh]
    surplus = fresh[replicas:] + (old if sum(map(is_ready, fresh)) >= replicas else [])
    for pod in surplus:
        store.remove(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])
    ready = sum(map(is_ready, fresh[:replicas]))
    status = {"observedGeneration": owner["metadata"].get("generation", 1), "replicas": len(pods),
              "updatedReplicas": len(fresh), "conditions": _conditions(owner, ready, replicas)}
    if ready:
        status.update(readyReplicas=ready, availableReplicas=ready)
    if replicas > ready:
        status["unavailableReplicas"] = replicas - ready
    _store_status(store, DEPLOYMENTS, owner, status)


def _conditions(owner: dict, ready: int, replicas: int) -> list[dict]:
    available = ready >= replicas - replicas // 4
    wanted = [("Available", available, "MinimumReplicasAvailable" if available else "MinimumReplicasUnavailable",
               f"Deployment {'has' if available else 'does not have'} minimum availability."),
              ("Progressing", True, "NewReplicaSetAvailable" if ready >= replicas else "ReplicaSetUpdated",
               f'ReplicaSet "{owner["metadata"]["name"]}-{revision(owner)}" is progressing.')]
    before = {c["type"]: c for c in (owner.get("status") or {}).get("conditions") or []}
    made = []
    for kind, good, reason, message in wanted:
        new = {"type": kind, "status": str(good), "reason": reason, "message": message}
        old = before.get(kind)
        stamp = old["lastTransitionTime"] if old and old["status"] == new["status"] else gotext.now_rfc3339()
        made.append(new | {"lastTransitionTime": stamp, "lastUpdateTime": stamp})
    return made


def _store_status(store, resource, owner: dict, status: dict) -> None:
    with store.lock:
        latest = store.get(resource, owner["metadata"]["namespace"], owner["metadata"]["name"])
        if latest and latest["metadata"]["uid"] == owner["metadata"]["uid"] and latest.get("status") != status:
            latest["status"] = status
            store.put(resource, latest)
