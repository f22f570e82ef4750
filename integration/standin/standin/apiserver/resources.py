"""The resources this API server has: where they are served, their kind, and their type in the field tables."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Resource:
    group: str
    plural: str
    kind: str
    type: str
    namespaced: bool = True
    status: bool = False
    short: tuple[str, ...] = ()
    version: str = "v1"

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """daemonsets.apps: the name in messages."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def root(self) -> str:
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"


_RBAC = "rbac.authorization.k8s.io"
ALL = [
    Resource("", "namespaces", "Namespace", "core.Namespace", namespaced=False, status=True, short=("ns",)),
    Resource("", "nodes", "Node", "core.Node", namespaced=False, status=True, short=("no",)),
    Resource("", "pods", "Pod", "core.Pod", status=True, short=("po",)),
    Resource("", "configmaps", "ConfigMap", "core.ConfigMap", short=("cm",)),
    Resource("", "secrets", "Secret", "core.Secret"),
    Resource("", "services", "Service", "core.Service", status=True, short=("svc",)),
    Resource("", "serviceaccounts", "ServiceAccount", "core.ServiceAccount", short=("sa",)),
    Resource("", "endpoints", "Endpoints", "core.Endpoints", short=("ep",)),
    Resource("", "events", "Event", "core.Event", short=("ev",)),
    Resource("events.k8s.io", "events", "Event", "core.Event"),
    Resource("apps", "daemonsets", "DaemonSet", "apps.DaemonSet", status=True, short=("ds",)),
    Resource("apps", "deployments", "Deployment", "apps.Deployment", status=True, short=("deploy",)),
    Resource(_RBAC, "roles", "Role", "rbac.Role"),
    Resource(_RBAC, "rolebindings", "RoleBinding", "rbac.RoleBinding"),
    Resource(_RBAC, "clusterroles", "ClusterRole", "rbac.ClusterRole", namespaced=False),
    Resource(_RBAC, "clusterrolebindings", "ClusterRoleBinding", "rbac.ClusterRoleBinding", namespaced=False),
    Resource("coordination.k8s.io", "leases", "Lease", "coordination.Lease"),
    Resource("certificates.k8s.io", "certificatesigningrequests", "CertificateSigningRequest",
             "certificates.CertificateSigningRequest", namespaced=False, status=True, short=("csr",)),
    Resource("discovery.k8s.io", "endpointslices", "EndpointSlice", "discovery.EndpointSlice"),
    Resource("networking.k8s.io", "networkpolicies", "NetworkPolicy", "networking.NetworkPolicy", short=("netpol",)),
]
_BY_PLACE = {(r.group, r.version, r.plural): r for r in ALL}
BY_PLURAL = {r.plural: r for r in reversed(ALL)}


def find(group: str, version: str, plural: str) -> Resource | None:
    return _BY_PLACE.get((group, version, plural))


def path(resource: Resource, namespace: str | None = None, name: str | None = None) -> str:
    parts = [resource.root]
    if resource.namespaced and namespace:
        parts += ["namespaces", namespace]
    parts.append(resource.plural)
    return "/".join(parts + [name] if name else parts)
