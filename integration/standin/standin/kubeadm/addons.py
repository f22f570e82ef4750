"""CoreDNS and kube-proxy, as kubeadm deploys them (shortened where nothing of a bootstrap depends on it)."""
from .. import images, yamldoc
from . import config
from .clusterdata import cluster_binding, configmap

_APPS = "/apis/apps/v1/namespaces/kube-system"
_CORE = "/api/v1/namespaces/kube-system"
_COREFILE = """.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes %s in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30
    loop
    reload
    loadbalance
}
"""


def _account(client, name: str) -> None:
    client.ensure(f"{_CORE}/serviceaccounts", {"apiVersion": "v1", "kind": "ServiceAccount",
                                               "metadata": {"name": name, "namespace": "kube-system"}})


def coredns(client, loaded) -> None:
    labels = {"k8s-app": "kube-dns"}
    _account(client, "coredns")
    client.ensure("/apis/rbac.authorization.k8s.io/v1/clusterroles", {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "system:coredns"},
        "rules": [{"apiGroups": [""], "resources": ["endpoints", "services", "pods", "namespaces"],
                   "verbs": ["list", "watch"]},
                  {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]}]})
    cluster_binding(client, "system:coredns", "system:coredns", "User", "system:serviceaccount:kube-system:coredns")
    domain = loaded.cluster["networking"]["dnsDomain"]
    client.ensure(f"{_CORE}/configmaps", configmap("kube-system", "coredns", {"Corefile": _COREFILE % domain}))
    image = images.control_plane("", loaded.cluster["imageRepository"], loaded.cluster["dns"])[4]
    container = {"name": "coredns", "image": image, "args": ["-conf", "/etc/coredns/Corefile"],
                 "resources": {"limits": {"memory": "170Mi"}, "requests": {"cpu": "100m", "memory": "70Mi"}},
                 "volumeMounts": [{"name": "config-volume", "mountPath": "/etc/coredns", "readOnly": True}],
                 "ports": [{"containerPort": 53, "name": "dns", "protocol": "UDP"},
                           {"containerPort": 53, "name": "dns-tcp", "protocol": "TCP"}]}
    spec = {"serviceAccountName": "coredns", "priorityClassName": "system-cluster-critical", "dnsPolicy": "Default",
            "nodeSelector": {"kubernetes.io/os": "linux"}, "containers": [container],
            "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"},
                            {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}],
            "volumes": [{"name": "config-volume", "configMap": {
                "name": "coredns", "items": [{"key": "Corefile", "path": "Corefile"}]}}]}
    client.ensure(f"{_APPS}/deployments", {
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "coredns", "namespace": "kube-system", "labels": labels},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels},
                 "template": {"metadata": {"labels": labels}, "spec": spec}}})
    client.ensure(f"{_CORE}/services", {
        "apiVersion": "v1", "kind": "Service", "metadata": {
            "name": "kube-dns", "namespace": "kube-system", "labels": labels | {
                "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"}},
        "spec": {"clusterIP": config.service_ip(loaded.cluster, 10), "selector": labels,
                 "ports": [{"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53},
                           {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 53}]}})
    print("[addons] Applied essential addon: CoreDNS")


def kube_proxy(client, loaded) -> None:
    _account(client, "kube-proxy")
    cluster_binding(client, "kubeadm:node-proxier", "system:node-proxier", "User",
                    "system:serviceaccount:kube-system:kube-proxy")
    settings = {"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
                "bindAddress": "0.0.0.0", "clusterCIDR": loaded.cluster["networking"].get("podSubnet", ""),
                "clientConnection": {"kubeconfig": "/var/lib/kube-proxy/kubeconfig.conf"}, "mode": ""} | loaded.proxy
    kubeconfig = {"apiVersion": "v1", "kind": "Config", "current-context": "default",
                  "clusters": [{"name": "default", "cluster": {
                      "certificate-authority": "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt",
                      "server": loaded.endpoint}}],
                  "contexts": [{"name": "default", "context": {"cluster": "default", "user": "default"}}],
                  "users": [{"name": "default", "user": {
                      "tokenFile": "/var/run/secrets/kubernetes.io/serviceaccount/token"}}]}
    client.ensure(f"{_CORE}/configmaps", configmap("kube-system", "kube-proxy", {
        "config.conf": yamldoc.dump(settings), "kubeconfig.conf": yamldoc.dump(kubeconfig)}))
    labels = {"k8s-app": "kube-proxy"}
    container = {"name": "kube-proxy", "securityContext": {"privileged": True},
                 "image": f"{loaded.cluster['imageRepository']}/kube-proxy:{loaded.cluster['kubernetesVersion']}",
                 "command": ["/usr/local/bin/kube-proxy", "--config=/var/lib/kube-proxy/config.conf",
                             "--hostname-override=$(NODE_NAME)"],
                 "env": [{"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
                 "volumeMounts": [{"name": "kube-proxy", "mountPath": "/var/lib/kube-proxy"}]}
    client.ensure(f"{_APPS}/daemonsets", {
        "apiVersion": "apps/v1", "kind": "DaemonSet",
        "metadata": {"name": "kube-proxy", "namespace": "kube-system", "labels": labels},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {
            "serviceAccountName": "kube-proxy", "priorityClassName": "system-node-critical", "hostNetwork": True,
            "nodeSelector": {"kubernetes.io/os": "linux"}, "tolerations": [{"operator": "Exists"}],
            "containers": [container],
            "volumes": [{"name": "kube-proxy", "configMap": {"name": "kube-proxy"}}]}}}})
    print("[addons] Applied essential addon: kube-proxy")
