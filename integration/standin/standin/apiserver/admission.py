"""NodeRestriction: what a kubelet may not change, even on its own Node."""
from . import answers
from .authn import User

_KUBELET_LABELS = {
    "kubernetes.io/hostname", "topology.kubernetes.io/zone", "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region",
    "node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type", "kubernetes.io/os", "kubernetes.io/arch",
    "beta.kubernetes.io/os", "beta.kubernetes.io/arch"}
_KUBELET_PREFIXES = ("kubelet.kubernetes.io", "node.kubernetes.io")


def reserved(label: str) -> bool:
    """True for labels below kubernetes.io and k8s.io that a kubelet may not set on a Node."""
    prefix = label.rpartition("/")[0]
    ours = any(prefix == d or prefix.endswith("." + d) for d in ("kubernetes.io", "k8s.io"))
    kubelets = label in _KUBELET_LABELS or any(prefix == p or prefix.endswith("." + p) for p in _KUBELET_PREFIXES)
    return ours and not kubelets


def check(user: User, resource, new: dict, old: dict | None) -> None:
    if not user.node or resource.kind not in ("Node", "Pod"):
        return
    name = new["metadata"].get("name", "")
    if resource.kind == "Pod":
        if old and old["spec"].get("nodeName") != user.node:
            raise answers.forbidden(resource, name, f'node "{user.node}" can only update pod status for pods with '
                                    "spec.nodeName set to itself")
        return
    if name != user.node:
        raise answers.forbidden(resource, name, f'node "{user.node}" is not allowed to modify node "{name}"')
    before, after = _labels(old), _labels(new)
    touched = sorted(k for k in set(before) | set(after) if before.get(k) != after.get(k) and reserved(k))
    if touched and old:
        raise answers.forbidden(resource, name, f"is not allowed to modify labels: {', '.join(touched)}")
    if touched:
        raise answers.forbidden(resource, name, "is not allowed to set the following labels: " + ", ".join(touched))
    if old and _taints(old) != _taints(new):
        raise answers.forbidden(resource, name, f'node "{user.node}" is not allowed to modify taints')


def _labels(obj: dict | None) -> dict:
    return ((obj or {}).get("metadata") or {}).get("labels") or {}


def _taints(obj: dict) -> list:
    return (obj.get("spec") or {}).get("taints") or []
