"""Pod ranges for nodes, taints that follow a node's readiness, and nodes that stopped reporting."""
import ipaddress
import time

from ... import gotext, place
from .. import resources

NODES, LEASES, PODS = (resources.BY_PLURAL[p] for p in ("nodes", "leases", "pods"))
NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"


def ready_status(node: dict) -> str:
    """True, False or Unknown, as the Ready condition has it."""
    conditions = (node.get("status") or {}).get("conditions") or []
    return next((c["status"] for c in conditions if c["type"] == "Ready"), "Unknown")


def allocate_ranges(store, cluster_range: str, mask: int) -> None:
    with store.lock:
        nodes = store.list(NODES)
        used = {n["spec"].get("podCIDR") for n in nodes}
        for node in nodes:
            if not node["spec"].get("podCIDR"):
                ranges = ipaddress.ip_network(cluster_range).subnets(new_prefix=mask)
                free = next(str(r) for r in ranges if str(r) not in used)
                used.add(free)
                node["spec"]["podCIDR"], node["spec"]["podCIDRs"] = free, [free]
                store.put(NODES, node)


def watch_health(store) -> None:
    grace = place.fault("node_monitor_grace", 50 if place.minor() >= 32 else 40)
    for found in store.list(NODES):
        with store.lock:
            node = store.get(NODES, None, found["metadata"]["name"])
            if node is None:
                continue
            lost = _silent_for(store, node) > grace
            changed = _mark_lost(node) if lost else False
            if _taint(node) or changed:
                store.put(NODES, node)
            if lost:
                _pods_unready(store, node["metadata"]["name"])


def _silent_for(store, node: dict) -> float:
    lease = store.get(LEASES, "kube-node-lease", node["metadata"]["name"])
    stamp = (lease or {}).get("spec", {}).get("renewTime") or node["metadata"]["creationTimestamp"]
    return time.time() - gotext.parse_time(stamp)


def _mark_lost(node: dict) -> bool:
    changed = False
    for condition in node.get("status", {}).get("conditions") or []:
        if condition["status"] != "Unknown":
            condition.update(status="Unknown", reason="NodeStatusUnknown",
                             message="Kubelet stopped posting node status.",
                             lastTransitionTime=gotext.now_rfc3339())
            changed = True
    return changed


def _taint(node: dict) -> bool:
    """Makes the not-ready and unreachable taints what the Ready condition says. True when something changed."""
    ready = ready_status(node)
    key = {"True": None, "False": NOT_READY, "Unknown": UNREACHABLE}[ready]
    before = node["spec"].get("taints") or []
    taints = [t for t in before if t["key"] not in (NOT_READY, UNREACHABLE) or t["key"] == key]
    for effect in ("NoSchedule", "NoExecute") if key else ():
        if not any(t["key"] == key and t["effect"] == effect for t in taints):
            added = {"key": key, "effect": effect}
            taints.append(added if effect == "NoSchedule" else added | {"timeAdded": gotext.now_rfc3339()})
    if taints == before:
        return False
    node["spec"]["taints"] = taints
    if not taints:
        del node["spec"]["taints"]
    return True


def _pods_unready(store, node: str) -> None:
    for pod in store.list(PODS):
        conditions = (pod.get("status") or {}).get("conditions") or []
        ready = next((c for c in conditions if c["type"] == "Ready" and c["status"] == "True"), None)
        if pod["spec"].get("nodeName") == node and ready:
            ready["status"] = "False"
            store.put(PODS, pod)
