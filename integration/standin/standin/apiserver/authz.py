"""Who may do what: RBAC over the stored roles and bindings, and the Node authorizer for kubelets."""
from dataclasses import dataclass

from . import answers, resources
from .authn import User

ROLES, BINDINGS = resources.BY_PLURAL["roles"], resources.BY_PLURAL["rolebindings"]
CLUSTER_ROLES = resources.BY_PLURAL["clusterroles"]
CLUSTER_BINDINGS = resources.BY_PLURAL["clusterrolebindings"]


@dataclass(frozen=True)
class Question:
    """One request as the authorizers see it. `path` is set for what is no resource (/healthz)."""
    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def full(self) -> str:
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


def allowed(store, user: User, question: Question) -> bool:
    if user.node and _node_may(store, user.node, question):
        return True
    for binding in store.list(CLUSTER_BINDINGS):
        if _binds(binding, user) and _role_allows(store.get(CLUSTER_ROLES, None, binding["roleRef"]["name"]), question):
            return True
    for binding in store.list(BINDINGS, question.namespace) if question.namespace else []:
        reference = binding["roleRef"]
        role = (store.get(CLUSTER_ROLES, None, reference["name"]) if reference["kind"] == "ClusterRole"
                else store.get(ROLES, question.namespace, reference["name"]))
        if _binds(binding, user) and _role_allows(role, question):
            return True
    return False


def check(store, user: User, question: Question) -> None:
    if not allowed(store, user, question):
        raise _refusal(user, question)


def _refusal(user: User, question: Question) -> answers.Refusal:
    if question.path:
        return answers.Refusal(403, "Forbidden", f'forbidden: User "{user.name}" cannot {question.verb} path '
                               f'"{question.path}"')
    where = f' in the namespace "{question.namespace}"' if question.namespace else " at the cluster scope"
    resource = resources.BY_PLURAL.get(question.resource)
    subject = resource.qualified if resource else question.resource
    named = f'{subject} "{question.name}"' if question.name else subject
    return answers.Refusal(403, "Forbidden", f'{named} is forbidden: User "{user.name}" cannot {question.verb} '
                           f'resource "{question.full}" in API group "{question.group}"{where}{_why(user, question)}',
                           {"name": question.name, "group": question.group, "kind": question.resource})


def _why(user: User, question: Question) -> str:
    """What the Node authorizer adds to a refusal."""
    if not user.node or question.full not in ("configmaps", "secrets"):
        return ""
    if question.verb not in _READ:
        return ": can only read resources of this type"
    if not question.name:
        return ": No Object name found"
    return f": no relationship found between node '{user.node}' and this object"


def _binds(binding: dict, user: User) -> bool:
    for subject in binding.get("subjects") or []:
        if subject["kind"] == "User" and subject["name"] == user.name:
            return True
        if subject["kind"] == "Group" and subject["name"] in user.groups:
            return True
        account = f"system:serviceaccount:{subject.get('namespace', '')}:{subject['name']}"
        if subject["kind"] == "ServiceAccount" and account == user.name:
            return True
    return False


def _role_allows(role: dict | None, question: Question) -> bool:
    return any(_rule_allows(rule, question) for rule in (role or {}).get("rules") or [])


def _matches(accepted: list, value: str) -> bool:
    return "*" in accepted or value in accepted


def _rule_allows(rule: dict, question: Question) -> bool:
    if not _matches(rule.get("verbs", []), question.verb):
        return False
    if question.path:
        return any(p in ("*", question.path) or (p.endswith("*") and question.path.startswith(p[:-1]))
                   for p in rule.get("nonResourceURLs", []))
    return (_matches(rule.get("apiGroups", []), question.group)
            and _matches(rule.get("resources", []), question.full)
            and (not rule.get("resourceNames") or question.name in rule["resourceNames"]))


_READ = ("get", "list", "watch")
_WRITE = ("create", "update", "patch")


def _node_may(store, node: str, question: Question) -> bool:
    """The rules of the system:node role, and what a node may see of its own pods."""
    verb, what = question.verb, question.full
    if what in ("nodes", "services") and verb in _READ:
        return True
    if what in ("nodes", "nodes/status"):
        return verb in _WRITE  # whose node it is, is for NodeRestriction to say
    if what == "leases" and question.namespace == "kube-node-lease":
        return verb in ("create",) or (verb in ("get", "update", "patch", "delete") and question.name == node)
    if what == "certificatesigningrequests":
        return verb in ("create", "get", "list", "watch")
    if what in ("pods", "pods/status"):
        return verb in _READ + _WRITE + ("delete",)
    if what == "serviceaccounts/token" and verb == "create":
        return any(p["spec"].get("nodeName") == node and p["spec"].get("serviceAccountName") == question.name
                   for p in store.list(resources.BY_PLURAL["pods"], question.namespace))
    if what in ("configmaps", "secrets") and verb in _READ and question.name:
        return _used_by_node(store, node, what, question.namespace, question.name)
    return what == "events" and verb in ("create", "patch", "update")


def _used_by_node(store, node: str, what: str, namespace: str, name: str) -> bool:
    for pod in store.list(resources.BY_PLURAL["pods"], namespace):
        if pod["spec"].get("nodeName") != node:
            continue
        for volume in pod["spec"].get("volumes") or []:
            source = volume.get("configMap") if what == "configmaps" else volume.get("secret")
            if source and name in (source.get("name"), source.get("secretName")):
                return True
    return False
