"""What kubeadm stores in a fresh cluster: its configuration, cluster-info, and the RBAC rules joining nodes need."""
import base64
import time

from .. import gotext, place, yamldoc
from . import documents, kubeconfigs, kubeletfiles

_RBAC = "/apis/rbac.authorization.k8s.io/v1"
BOOTSTRAPPERS = "system:bootstrappers:kubeadm:default-node-token"


def configmap(namespace: str, name: str, data: dict) -> dict:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}


def subject(kind: str, name: str) -> dict:
    return {"kind": kind, "name": name, "apiGroup": "rbac.authorization.k8s.io"}


def cluster_binding(client, name: str, role_name: str, kind: str, who: str) -> None:
    client.ensure(f"{_RBAC}/clusterrolebindings", {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role_name},
        "subjects": [subject(kind, who)]})


def role(client, namespace: str, name: str, resource: str, names: list[str], subjects: list[dict]) -> None:
    client.ensure(f"{_RBAC}/namespaces/{namespace}/roles", {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": name, "namespace": namespace},
        "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": [resource], "resourceNames": names}]})
    client.ensure(f"{_RBAC}/namespaces/{namespace}/rolebindings", {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}, "subjects": subjects})


def upload_config(client, loaded) -> None:
    print('[upload-config] Storing the configuration used in ConfigMap "kubeadm-config" in the "kube-system" Namespace')
    client.ensure("/api/v1/namespaces/kube-system/configmaps",
                  configmap("kube-system", "kubeadm-config", {"ClusterConfiguration": cluster_yaml(loaded)}))
    role(client, "kube-system", "kubeadm:nodes-kubeadm-config", "configmaps", ["kubeadm-config"],
          [subject("Group", BOOTSTRAPPERS), subject("Group", "system:nodes")])
    print('[kubelet] Creating a ConfigMap "kubelet-config" in namespace kube-system with the configuration for the '
          "kubelets in the cluster")
    client.ensure("/api/v1/namespaces/kube-system/configmaps", configmap(
        "kube-system", "kubelet-config", {"kubelet": yamldoc.dump(kubeletfiles.defaulted(loaded))}))
    role(client, "kube-system", "kubeadm:kubelet-config", "configmaps", ["kubelet-config"],
          [subject("Group", "system:nodes"), subject("Group", BOOTSTRAPPERS)])


def cluster_yaml(loaded) -> str:
    """ClusterConfiguration in the newest API version that this kubeadm speaks."""
    version = documents.spoken_versions()[-1]
    document = dict(loaded.cluster)
    if version == "v1beta3":
        for name in ("certificateValidityPeriod", "caCertificateValidityPeriod", "encryptionAlgorithm", "proxy"):
            document.pop(name, None)
        for name in ("apiServer", "controllerManager", "scheduler"):
            section = dict(document[name])
            if "extraArgs" in section:
                section["extraArgs"] = {a["name"]: a["value"] for a in section["extraArgs"]}
            document[name] = section
    return yamldoc.dump({"apiVersion": f"kubeadm.k8s.io/{version}", "kind": "ClusterConfiguration", **document})


def mark_control_plane(client, loaded) -> None:
    name = loaded.node["name"]
    labels = ["node-role.kubernetes.io/control-plane", "node.kubernetes.io/exclude-from-external-load-balancers"]
    print(f"[mark-control-plane] Marking the node {name} as control-plane by adding the labels: "
          f"{gotext.go_list(labels)}")
    taints = loaded.node["taints"]
    if taints:
        shown = [f"{t['key']}{'=' + t['value'] if t.get('value') else ''}:{t['effect']}" for t in taints]
        print(f"[mark-control-plane] Marking the node {name} as control-plane by adding the taints "
              f"{gotext.go_list(shown)}")
    node = client.get(f"/api/v1/nodes/{name}")
    now = node["spec"].get("taints") or []
    merged = now + [t for t in taints if not any((t["key"], t["effect"]) == (o["key"], o["effect"]) for o in now)]
    client.patch(f"/api/v1/nodes/{name}", {"metadata": {"labels": {n: "" for n in labels}}, "spec": {"taints": merged}})


def annotate_socket(client, node: dict) -> None:
    client.patch(f"/api/v1/nodes/{node['name']}", {"metadata": {"annotations": {
        "kubeadm.alpha.kubernetes.io/cri-socket": node["criSocket"]}}})


def token_secret(token: dict) -> dict:
    name, _, secret = token["token"].partition(".")
    fields = {"token-id": name, "token-secret": secret, "auth-extra-groups": ",".join(token.get("groups") or [])}
    if token.get("description"):
        fields["description"] = token["description"]
    if token.get("expires"):
        fields["expiration"] = token["expires"]
    elif token.get("ttl") and gotext.parse_duration(token["ttl"]):
        ends = time.time() + gotext.parse_duration(token["ttl"])
        fields["expiration"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends))
    fields |= {f"usage-bootstrap-{u}": "true" for u in token["usages"]}
    return {"apiVersion": "v1", "kind": "Secret", "type": "bootstrap.kubernetes.io/token",
            "metadata": {"name": f"bootstrap-token-{name}", "namespace": "kube-system"},
            "data": {k: base64.b64encode(v.encode()).decode() for k, v in fields.items() if v}}


def bootstrap_tokens(client, loaded) -> None:
    for token in loaded.init["bootstrapTokens"]:
        print(f"[bootstrap-token] Using token: {token['token']}")
    print("[bootstrap-token] Configuring bootstrap tokens, cluster-info ConfigMap, RBAC Roles")
    for token in loaded.init["bootstrapTokens"]:
        client.ensure("/api/v1/namespaces/kube-system/secrets", token_secret(token))
    print("[bootstrap-token] Configured RBAC rules to allow Node Bootstrap tokens to get nodes")
    client.ensure(f"{_RBAC}/clusterroles", {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "kubeadm:get-nodes"},
        "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["nodes"]}]})
    cluster_binding(client, "kubeadm:get-nodes", "kubeadm:get-nodes", "Group", BOOTSTRAPPERS)
    print("[bootstrap-token] Configured RBAC rules to allow Node Bootstrap tokens to post CSRs in order for nodes to "
          "get long term certificate credentials")
    cluster_binding(client, "kubeadm:kubelet-bootstrap", "system:node-bootstrapper", "Group", BOOTSTRAPPERS)
    print("[bootstrap-token] Configured RBAC rules to allow the csrapprover controller automatically approve CSRs from "
          "a Node Bootstrap Token")
    requests = "system:certificates.k8s.io:certificatesigningrequests"
    cluster_binding(client, "kubeadm:node-autoapprove-bootstrap", f"{requests}:nodeclient", "Group", BOOTSTRAPPERS)
    print("[bootstrap-token] Configured RBAC rules to allow certificate rotation for all node client certificates in "
          "the cluster")
    cluster_binding(client, "kubeadm:node-autoapprove-certificate-rotation", f"{requests}:selfnodeclient", "Group",
                    "system:nodes")
    print('[bootstrap-token] Creating the "cluster-info" ConfigMap in the "kube-public" namespace')
    ca = place.at(f"{loaded.cluster['certificatesDir']}/ca.crt").read_bytes()
    client.ensure("/api/v1/namespaces/kube-public/configmaps", configmap(
        "kube-public", "cluster-info", {"kubeconfig": kubeconfigs.cluster_info(loaded.endpoint, ca)}))
    role(client, "kube-public", "kubeadm:bootstrap-signer-clusterinfo", "configmaps", ["cluster-info"],
          [subject("User", "system:anonymous")])
