"""What a fresh API server holds before anybody wrote to it: namespaces, and the roles it makes by itself."""
from . import resources

NAMESPACES = ["default", "kube-system", "kube-public", "kube-node-lease"]


def _rule(verbs: str, resources_: str = "", groups: str = "", paths: str = "") -> dict:
    if paths:
        return {"verbs": verbs.split(), "nonResourceURLs": paths.split()}
    return {"verbs": verbs.split(), "apiGroups": groups.split(",") if groups else [""], "resources": resources_.split()}


_CSR = "certificates.k8s.io"
ROLES = {
    "cluster-admin": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
                      {"verbs": ["*"], "nonResourceURLs": ["*"]}],
    "system:public-info-viewer": [_rule("get", paths="/healthz /livez /readyz /version /version/")],
    "system:discovery": [_rule("get", paths="/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz "
                                            "/version /version/")],
    "system:node": [],
    "system:node-bootstrapper": [_rule("create get list watch", "certificatesigningrequests", _CSR)],
    "system:node-proxier": [_rule("list watch", "services endpoints"), _rule("get list watch", "nodes")],
    "system:certificates.k8s.io:certificatesigningrequests:nodeclient": [
        _rule("create", "certificatesigningrequests/nodeclient", _CSR)],
    "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient": [
        _rule("create", "certificatesigningrequests/selfnodeclient", _CSR)],
    "system:kube-controller-manager": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
    "system:kube-scheduler": [_rule("get list watch", "nodes pods"), _rule("create", "pods/binding bindings")],
    "view": [_rule("get list watch", "pods configmaps services endpoints serviceaccounts")],
}
BINDINGS = {
    "cluster-admin": ("cluster-admin", "Group", "system:masters"),
    "system:public-info-viewer": ("system:public-info-viewer", "Group", "system:authenticated,system:unauthenticated"),
    "system:discovery": ("system:discovery", "Group", "system:authenticated"),
    "system:node-proxier": ("system:node-proxier", "User", "system:kube-proxy"),
    "system:kube-controller-manager": ("system:kube-controller-manager", "User", "system:kube-controller-manager"),
    "system:kube-scheduler": ("system:kube-scheduler", "User", "system:kube-scheduler"),
}


def objects():
    """(resource, object) pairs, each to be made when it is missing."""
    for name in NAMESPACES:
        yield resources.BY_PLURAL["namespaces"], {"metadata": {"name": name}}
    labels = {"kubernetes.io/bootstrapping": "rbac-defaults"}
    for name, rules in ROLES.items():
        yield resources.BY_PLURAL["clusterroles"], {"metadata": {"name": name, "labels": labels}, "rules": rules}
    for name, (role, kind, subjects) in BINDINGS.items():
        yield resources.BY_PLURAL["clusterrolebindings"], {
            "metadata": {"name": name, "labels": labels},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": kind, "apiGroup": "rbac.authorization.k8s.io", "name": s}
                         for s in subjects.split(",")]}
    yield resources.BY_PLURAL["services"], {
        "metadata": {"name": "kubernetes", "namespace": "default",
                     "labels": {"component": "apiserver", "provider": "kubernetes"}},
        "spec": {"type": "ClusterIP", "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}]}}
