"""flannel's objects, shortened, for the stand-in's own tests (nodeboot has its own manifest)."""
import json

IMAGES = ["ghcr.io/flannel-io/flannel:v0.28.0", "ghcr.io/flannel-io/flannel-cni-plugin:v1.8.0-flannel1"]
_NAME = {"name": "flannel"}


def objects(network: str = "10.244.0.0/16") -> list[dict]:
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]},
             {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]},
             {"apiGroups": [""], "resources": ["nodes/status"], "verbs": ["patch"]}]
    cni = {"name": "cbr0", "cniVersion": "0.3.1", "plugins": [
        {"type": "flannel", "delegate": {"hairpinMode": True, "isDefaultGateway": True}},
        {"type": "portmap", "capabilities": {"portMappings": True}}]}
    net = {"Network": network, "EnableNFTables": False, "Backend": {"Type": "vxlan", "Port": 4789}}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": "kube-flannel", "labels": {"pod-security.kubernetes.io/enforce": "privileged"}}},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": _NAME, "rules": rules},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": _NAME,
         "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "flannel"},
         "subjects": [{"kind": "ServiceAccount", "name": "flannel", "namespace": "kube-flannel"}]},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "flannel", "namespace": "kube-flannel"}},
        {"apiVersion": "v1", "kind": "ConfigMap",
         "metadata": {"name": "kube-flannel-cfg", "namespace": "kube-flannel"},
         "data": {"cni-conf.json": json.dumps(cni), "net-conf.json": json.dumps(net)}},
        daemon_set()]


def daemon_set() -> dict:
    mount = {"name": "flannel-cfg", "mountPath": "/etc/kube-flannel/"}
    install = [
        {"name": "install-cni-plugin", "image": IMAGES[1], "command": ["cp"],
         "args": ["-f", "/flannel", "/opt/cni/bin/flannel"],
         "volumeMounts": [{"name": "cni-plugin", "mountPath": "/opt/cni/bin"}]},
        {"name": "install-cni", "image": IMAGES[0], "command": ["/opt/bin/install-conf"],
         "args": ["/etc/kube-flannel/cni-conf.json", "/etc/cni/net.d/10-flannel.conflist"],
         "volumeMounts": [{"name": "cni", "mountPath": "/etc/cni/net.d"}, mount]}]
    daemon = {"name": "kube-flannel", "image": IMAGES[0], "command": ["/opt/bin/flanneld"],
              "args": ["--ip-masq", "--kube-subnet-mgr"],
              "volumeMounts": [{"name": "run", "mountPath": "/run/flannel"}, mount]}
    volumes = [{"name": n, "hostPath": {"path": p}} for n, p in (
        ("run", "/run/flannel"), ("cni-plugin", "/opt/cni/bin"), ("cni", "/etc/cni/net.d"))]
    pod = {"hostNetwork": True, "serviceAccountName": "flannel", "tolerations": [{"operator": "Exists"}],
           "initContainers": install, "containers": [daemon],
           "volumes": volumes + [{"name": "flannel-cfg", "configMap": {"name": "kube-flannel-cfg"}}]}
    return {"apiVersion": "apps/v1", "kind": "DaemonSet",
            "metadata": {"name": "kube-flannel-ds", "namespace": "kube-flannel"},
            "spec": {"selector": {"matchLabels": {"app": "flannel"}},
                     "template": {"metadata": {"labels": {"app": "flannel"}}, "spec": pod}}}
