"""Which node may take a pod, and the scheduler for pods that have none."""
from ... import gotext
from .. import resources
from . import nodes

NODES, PODS = resources.BY_PLURAL["nodes"], resources.BY_PLURAL["pods"]


def untolerated(node: dict, tolerations: list[dict], effects=("NoSchedule", "NoExecute")) -> dict | None:
    """The first taint of the node that the pod does not tolerate."""
    for taint in node["spec"].get("taints") or []:
        if taint["effect"] in effects and not any(_tolerates(t, taint) for t in tolerations):
            return taint
    return None


def _tolerates(toleration: dict, taint: dict) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if not toleration.get("key"):
        return toleration.get("operator") == "Exists"
    if toleration["key"] != taint["key"]:
        return False
    return toleration.get("operator") == "Exists" or toleration.get("value", "") == taint.get("value", "")


def selects(spec: dict, node: dict) -> bool:
    """nodeSelector, and required node affinity with In/NotIn/Exists."""
    labels = node["metadata"].get("labels") or {}
    if any(labels.get(k) != v for k, v in (spec.get("nodeSelector") or {}).items()):
        return False
    affinity = ((spec.get("affinity") or {}).get("nodeAffinity") or {})
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    return not required or any(_term(t, labels) for t in required.get("nodeSelectorTerms") or [])


def _term(term: dict, labels: dict) -> bool:
    for wanted in term.get("matchExpressions") or []:
        value, operator = labels.get(wanted["key"]), wanted["operator"]
        fits = {"In": value in (wanted.get("values") or []), "NotIn": value not in (wanted.get("values") or []),
                "Exists": value is not None, "DoesNotExist": value is None}.get(operator, False)
        if not fits:
            return False
    return True


def schedule(store) -> None:
    everyone = store.list(NODES)
    for pod in store.list(PODS):
        if pod["spec"].get("nodeName"):
            continue
        fitting, why = [], []
        for node in everyone:
            taint = untolerated(node, pod["spec"].get("tolerations") or [])
            if taint:
                why.append("1 node(s) had untolerated taint {%s: %s}" % (taint["key"], taint.get("value", "")))
            elif not selects(pod["spec"], node):
                why.append("1 node(s) didn't match Pod's node affinity/selector")
            elif nodes.ready_status(node) == "True":
                fitting.append(node)
        if fitting:
            _assign(store, pod, fitting)
        else:
            _unschedulable(store, pod, f"0/{len(everyone)} nodes are available: {', '.join(why) or 'none'}.")


def _assign(store, pod: dict, fitting: list[dict]) -> None:
    load = {n["metadata"]["name"]: 0 for n in fitting}
    for other in store.list(PODS):
        name = other["spec"].get("nodeName")
        if name in load:
            load[name] += 1
    pod["spec"]["nodeName"] = min(load, key=lambda n: (load[n], n))
    pod.setdefault("status", {})["conditions"] = [
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": gotext.now_rfc3339()}]
    store.put(PODS, pod)


def _unschedulable(store, pod: dict, message: str) -> None:
    conditions = pod.setdefault("status", {}).setdefault("conditions", [])
    if [c.get("message") for c in conditions] != [message]:
        pod["status"]["conditions"] = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                                        "message": message, "lastTransitionTime": gotext.now_rfc3339()}]
        store.put(PODS, pod)
