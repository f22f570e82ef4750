"""/etc/kubernetes/manifests: the static pods of the control plane, with the flags that kubeadm gives them."""
from .. import files, images, place, yamldoc


def _arguments(base: dict, extra: list | None) -> list[str]:
    """Extra arguments replace those of the same name; then sorted, as kubeadm sorts its own."""
    extra = extra or []
    named = {a["name"] for a in extra}
    kept = [(n, v) for n, v in sorted(base.items()) if n not in named]
    return [f"--{n}={v}" for n, v in kept + [(a["name"], a.get("value", "")) for a in extra]]


def _mounts(paths: list[tuple[str, str, str, bool]], extra: list | None) -> tuple[list, list]:
    volumes, mounts = [], []
    extra_paths = [(v["name"], v["hostPath"], v.get("pathType") or "DirectoryOrCreate", v.get("readOnly", False),
                    v["mountPath"]) for v in extra or []]
    for name, path, kind, read_only, target in [p + (p[1],) for p in paths] + extra_paths:
        volumes.append({"name": name, "hostPath": {"path": path, "type": kind}})
        mounts.append({"name": name, "mountPath": target, **({"readOnly": True} if read_only else {})})
    return mounts, volumes


def _pod(name: str, image: str, command: list[str], mounts: list, volumes: list, probe: tuple, cpu: str,
         annotations: dict | None = None, memory: str | None = None) -> str:
    host, port, path, scheme = probe
    get = {"host": host, "port": port, "path": path, "scheme": scheme}
    container = {
        "name": name, "image": image, "imagePullPolicy": "IfNotPresent", "command": command,
        "livenessProbe": {"httpGet": get, "initialDelaySeconds": 10, "periodSeconds": 10, "timeoutSeconds": 15,
                          "failureThreshold": 8},
        "startupProbe": {"httpGet": get, "initialDelaySeconds": 10, "periodSeconds": 10, "timeoutSeconds": 15,
                         "failureThreshold": 24},
        "resources": {"requests": {"cpu": cpu, **({"memory": memory} if memory else {})}}, "volumeMounts": mounts}
    metadata = {"name": name, "namespace": "kube-system", "creationTimestamp": None,
                "labels": {"component": name, "tier": "control-plane"}}
    if annotations:
        metadata["annotations"] = annotations
    return yamldoc.dump({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": {}, "spec": {
        "containers": [container], "hostNetwork": True, "priority": 2000001000,
        "priorityClassName": "system-node-critical",
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}, "volumes": volumes}})


def _write(name: str, text: str) -> None:
    place.at(place.MANIFESTS_DIR).mkdir(parents=True, exist_ok=True, mode=0o700)
    files.write(f"{place.MANIFESTS_DIR}/{name}.yaml", text, 0o600)


def write_etcd(loaded) -> None:
    print(f'[etcd] Creating static Pod manifest for local etcd in "{place.MANIFESTS_DIR}"')
    local, folder = loaded.cluster["etcd"]["local"], f"{loaded.cluster['certificatesDir']}/etcd"
    client, peer = f"https://{loaded.address}:{place.port(2379)}", f"https://{loaded.address}:{place.port(2380)}"
    data = local["dataDir"]
    place.at(data).mkdir(parents=True, exist_ok=True, mode=0o700)
    place.at(data).chmod(0o700)
    loopback = f"https://127.0.0.1:{place.port(2379)}"
    command = ["etcd"] + _arguments({
        "advertise-client-urls": client, "cert-file": f"{folder}/server.crt", "client-cert-auth": "true",
        "data-dir": data, "initial-advertise-peer-urls": peer,
        "initial-cluster": f"{loaded.node['name']}={peer}", "key-file": f"{folder}/server.key",
        "listen-client-urls": ",".join(dict.fromkeys([loopback, client])),
        "listen-metrics-urls": f"http://127.0.0.1:{place.port(2381)}", "listen-peer-urls": peer,
        "name": loaded.node["name"], "peer-cert-file": f"{folder}/peer.crt", "peer-client-cert-auth": "true",
        "peer-key-file": f"{folder}/peer.key", "peer-trusted-ca-file": f"{folder}/ca.crt", "snapshot-count": "10000",
        "trusted-ca-file": f"{folder}/ca.crt"}, local.get("extraArgs"))
    mounts, volumes = _mounts([("etcd-data", data, "DirectoryOrCreate", False),
                               ("etcd-certs", folder, "DirectoryOrCreate", False)], None)
    image = images.control_plane("", loaded.cluster["imageRepository"], None, local)[-1]
    _write("etcd", _pod("etcd", image, command, mounts, volumes, ("127.0.0.1", place.port(2381), "/health", "HTTP"),
                        "100m", {"kubeadm.kubernetes.io/etcd.advertise-client-urls": client}, "100Mi"))


def write_control_plane(loaded) -> None:
    print(f'[control-plane] Using manifest folder "{place.MANIFESTS_DIR}"')
    for name, write in (("kube-apiserver", _apiserver), ("kube-controller-manager", _manager),
                        ("kube-scheduler", _scheduler)):
        print(f'[control-plane] Creating static Pod manifest for "{name}"')
        write(loaded, f"{loaded.cluster['imageRepository']}/{name}:{loaded.cluster['kubernetesVersion']}")


def _apiserver(loaded, image: str) -> None:
    cluster, pki = loaded.cluster, loaded.cluster["certificatesDir"]
    command = ["kube-apiserver"] + _arguments({
        "advertise-address": loaded.address, "allow-privileged": "true", "authorization-mode": "Node,RBAC",
        "client-ca-file": f"{pki}/ca.crt", "enable-admission-plugins": "NodeRestriction",
        "enable-bootstrap-token-auth": "true", "etcd-cafile": f"{pki}/etcd/ca.crt",
        "etcd-certfile": f"{pki}/apiserver-etcd-client.crt", "etcd-keyfile": f"{pki}/apiserver-etcd-client.key",
        "etcd-servers": f"https://127.0.0.1:{place.port(2379)}",
        "kubelet-client-certificate": f"{pki}/apiserver-kubelet-client.crt",
        "kubelet-client-key": f"{pki}/apiserver-kubelet-client.key",
        "kubelet-preferred-address-types": "InternalIP,ExternalIP,Hostname",
        "proxy-client-cert-file": f"{pki}/front-proxy-client.crt",
        "proxy-client-key-file": f"{pki}/front-proxy-client.key",
        "requestheader-allowed-names": "front-proxy-client",
        "requestheader-client-ca-file": f"{pki}/front-proxy-ca.crt",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-", "requestheader-group-headers": "X-Remote-Group",
        "requestheader-username-headers": "X-Remote-User", "secure-port": str(loaded.port),
        "service-account-issuer": f"https://kubernetes.default.svc.{cluster['networking']['dnsDomain']}",
        "service-account-key-file": f"{pki}/sa.pub", "service-account-signing-key-file": f"{pki}/sa.key",
        "service-cluster-ip-range": cluster["networking"]["serviceSubnet"],
        "tls-cert-file": f"{pki}/apiserver.crt", "tls-private-key-file": f"{pki}/apiserver.key"},
        cluster["apiServer"].get("extraArgs"))
    mounts, volumes = _mounts([("ca-certs", "/etc/ssl/certs", "DirectoryOrCreate", True),
                               ("k8s-certs", pki, "DirectoryOrCreate", True)],
                              cluster["apiServer"].get("extraVolumes"))
    note = {"kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint": f"{loaded.address}:{loaded.port}"}
    _write("kube-apiserver", _pod("kube-apiserver", image, command, mounts, volumes,
                                  (loaded.address, loaded.port, "/livez", "HTTPS"), "250m", note))


def _manager(loaded, image: str) -> None:
    cluster, pki, conf = loaded.cluster, loaded.cluster["certificatesDir"], f"{place.KUBERNETES_DIR}/controller-manager.conf"
    flags = {
        "authentication-kubeconfig": conf, "authorization-kubeconfig": conf, "bind-address": "127.0.0.1",
        "client-ca-file": f"{pki}/ca.crt", "cluster-name": cluster["clusterName"],
        "cluster-signing-cert-file": f"{pki}/ca.crt", "cluster-signing-key-file": f"{pki}/ca.key",
        "controllers": "*,bootstrapsigner,tokencleaner", "kubeconfig": conf, "leader-elect": "true",
        "requestheader-client-ca-file": f"{pki}/front-proxy-ca.crt", "root-ca-file": f"{pki}/ca.crt",
        "service-account-private-key-file": f"{pki}/sa.key", "use-service-account-credentials": "true"}
    if cluster["networking"].get("podSubnet"):
        flags |= {"allocate-node-cidrs": "true", "cluster-cidr": cluster["networking"]["podSubnet"],
                  "service-cluster-ip-range": cluster["networking"]["serviceSubnet"]}
    command = ["kube-controller-manager"] + _arguments(flags, cluster["controllerManager"].get("extraArgs"))
    mounts, volumes = _mounts([("ca-certs", "/etc/ssl/certs", "DirectoryOrCreate", True),
                               ("k8s-certs", pki, "DirectoryOrCreate", True),
                               ("kubeconfig", conf, "FileOrCreate", True)],
                              cluster["controllerManager"].get("extraVolumes"))
    _write("kube-controller-manager", _pod("kube-controller-manager", image, command, mounts, volumes,
                                           ("127.0.0.1", place.port(10257), "/healthz", "HTTPS"), "200m"))


def _scheduler(loaded, image: str) -> None:
    conf = f"{place.KUBERNETES_DIR}/scheduler.conf"
    command = ["kube-scheduler"] + _arguments({
        "authentication-kubeconfig": conf, "authorization-kubeconfig": conf, "bind-address": "127.0.0.1",
        "kubeconfig": conf, "leader-elect": "true"}, loaded.cluster["scheduler"].get("extraArgs"))
    mounts, volumes = _mounts([("kubeconfig", conf, "FileOrCreate", True)],
                              loaded.cluster["scheduler"].get("extraVolumes"))
    _write("kube-scheduler", _pod("kube-scheduler", image, command, mounts, volumes,
                                  ("127.0.0.1", place.port(10259), "/livez", "HTTPS"), "100m"))
