"""kubeadm's configuration file: what is refused, and in which words."""
import json

import pytest

UNKNOWN = {"init": {"nodeRegistration": {"nodeName": "x"}}}


def validate(machine, path: str):
    return machine.kubeadm("config", "validate", "--config", path)


@pytest.mark.parametrize("version, spoken", [
    ("v1.29.15", {"v1beta3": True, "v1beta4": False, "v1beta2": False}),
    ("v1.34.2", {"v1beta3": True, "v1beta4": True, "v1beta2": False, "v1beta5": False}),
    ("v1.35.1", {"v1beta3": True, "v1beta4": True}), ("v1.36.1", {"v1beta4": True})])
def test_only_spoken_api_versions_are_read(machine, version, spoken):
    node = machine(version=version)
    for api, good in spoken.items():
        done = validate(node, node.init_config(api))
        assert (done.returncode == 0) == good, (api, done.stderr)


def test_an_old_api_version_is_named_with_the_kubeadm_that_reads_it(machine):
    node = machine()
    done = validate(node, node.init_config("v1beta2"))
    assert 'uses an old API spec: "kubeadm.k8s.io/v1beta2"' in done.stderr
    assert "Please use kubeadm v1.22 instead" in done.stderr


def test_an_unknown_field_is_refused_by_validate_and_by_init(machine):
    node = machine()
    path = node.init_config(**UNKNOWN)
    words = ('error unmarshaling configuration schema.GroupVersionKind{Group:"kubeadm.k8s.io", Version:"v1beta4", '
             'Kind:"InitConfiguration"}: strict decoding error: unknown field "nodeRegistration.nodeName"')
    assert words in validate(node, path).stderr
    done = node.kubeadm("init", "--config", path)
    assert done.returncode == 1 and words in done.stderr
    assert not node.exists("/etc/kubernetes/pki/ca.crt")


def test_lenient_fields_makes_init_warn_only_as_the_real_one(machine):
    node = machine(cpus=1)
    node.faults(lenient_fields=True)
    done = node.kubeadm("init", "--config", node.init_config(**UNKNOWN))
    assert "strict decoding error" in done.stderr and "[ERROR NumCPU]" in done.stderr


BAD = {
    "extraArgs of v1beta3 in v1beta4": (
        {"cluster": {"apiServer": {"extraArgs": {"v": "2"}}}},
        "cannot unmarshal object into Go struct field ClusterConfiguration.apiServer.extraArgs of type []Arg"),
    "a number for a string": (
        {"init": {"nodeRegistration": {"kubeletExtraArgs": [{"name": "v", "value": 2}]}}},
        "cannot unmarshal number into Go struct field InitConfiguration.nodeRegistration.kubeletExtraArgs[0].value"),
    "no duration": ({"init": {"timeouts": {"discovery": "5"}}}, 'time: missing unit in duration "5"'),
    "a v1beta3 field": ({"cluster": {"apiServer": {"timeoutForControlPlane": "4m"}}},
                        'unknown field "apiServer.timeoutForControlPlane"'),
    "a pod subnet that is none": ({"cluster": {"networking": {"podSubnet": "10.244.0.0"}}}, None),
    "a pod subnet too small for nodes": ({"cluster": {"networking": {"podSubnet": "10.244.0.0/25"}}},
                                         "podSubnet: Invalid value"),
    "a service subnet too large": ({"cluster": {"networking": {"serviceSubnet": "10.0.0.0/8"}}},
                                   "serviceSubnet: Invalid value"),
    "an endpoint with a bad port": ({"cluster": {"controlPlaneEndpoint": "cp.example:99999"}},
                                    "controlPlaneEndpoint: Invalid value"),
    "a feature gate that is none": ({"cluster": {"featureGates": {"NoSuch": True}}},
                                    "NoSuch is not a valid feature name"),
    "a phase that is none": ({"init": {"skipPhases": ["addons"]}}, "invalid phase name: addons"),
    "a token of the wrong form": ({"init": {"bootstrapTokens": [{"token": "ABC.def"}]}}, "was not of the form"),
    "a kubelet field that is none": (
        {"documents": [{"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
                        "containerLogsMaxSize": "5Mi"}]}, 'unknown field "containerLogsMaxSize"'),
    "a kube-proxy field that is none": (
        {"documents": [{"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
                        "conntrack": {"maxPerNode": 0}}]}, 'unknown field "conntrack.maxPerNode"'),
    "a kubelet version that is none": (
        {"documents": [{"apiVersion": "kubelet.config.k8s.io/v1", "kind": "KubeletConfiguration"}]},
        'no kind "KubeletConfiguration" is registered for version "kubelet.config.k8s.io/v1"'),
    "a version that is too old": ({"cluster": {"kubernetesVersion": "v1.30.0"}},
                                  "only supports deploying clusters with the control plane version >= 1.33.0"),
    "a node name that is none": ({"init": {"nodeRegistration": {"name": "a_b"}}}, "nodeRegistration.name"),
    "a certificate key that is none": ({"init": {"certificateKey": "abc"}}, "hex encoded AES key of 32 bytes"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_configuration_is_refused(machine, what):
    node = machine()
    changes, words = BAD[what]
    done = validate(node, node.init_config(**changes))
    assert done.returncode != 0
    assert (words or "Invalid value") in done.stderr


def test_fields_follow_the_version_of_kubernetes(machine):
    document = {"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration", "failCgroupV1": False}
    for version, good in (("v1.29.15", False), ("v1.34.2", True)):
        node = machine(version, version=version)
        done = validate(node, node.init_config("v1beta3", documents=[document]))
        assert (done.returncode == 0) == good, done.stderr


def test_duplicate_keys_and_kinds_are_refused(machine):
    node = machine()
    text = node.read(node.init_config())
    node.write("/twice.yaml", text + "\n---\n" + text)
    assert 'is specified twice in YAML file' in validate(node, "/twice.yaml").stderr
    node.write("/keys.yaml", "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nkind: X\n")
    assert 'key "kind" already set in map' in validate(node, "/keys.yaml").stderr


def test_flags_do_not_mix_with_a_file(machine):
    node = machine()
    done = node.kubeadm("init", "--config", node.init_config(), "--pod-network-cidr", "10.0.0.0/16")
    assert "can not mix '--config' with arguments [pod-network-cidr]" in done.stderr
    assert "unknown flag: --no-such" in node.kubeadm("init", "--no-such").stderr


def test_join_wants_a_pin_and_an_endpoint_with_a_port(machine):
    node = machine()
    base = {"apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "JoinConfiguration"}
    for token, words in (
            ({"token": "abcdef.0123456789abcdef", "apiServerEndpoint": "10.0.0.1:6443"},
             "using token-based discovery without caCertHashes can be unsafe"),
            ({"token": "abcdef.0123456789abcdef", "apiServerEndpoint": "10.0.0.1", "caCertHashes": ["sha256:" + "0" * 64]},
             "missing port in address"),
            ({"token": "short", "apiServerEndpoint": "10.0.0.1:6443", "caCertHashes": ["sha256:" + "0" * 64]},
             "the bootstrap token is invalid"),
            ({"token": "abcdef.0123456789abcdef", "apiServerEndpoint": "10.0.0.1:6443", "caCertHashes": ["0" * 64]},
             'invalid hash, expected "format:hex-value"')):
        node.write("/join.yaml", json.dumps(base | {"discovery": {"bootstrapToken": token}}))
        done = validate(node, "/join.yaml")
        assert done.returncode != 0 and words in done.stderr, done.stderr


@pytest.mark.parametrize("version, pause, etcd", [("v1.29.15", "3.9", "3.5.10-0"), ("v1.34.2", "3.10.1", "3.6.5-0"),
                                                  ("v1.36.1", "3.10.2", "3.6.8-0")])
def test_images_list_names_what_the_version_needs(machine, version, pause, etcd):
    listed = machine(version=version).kubeadm("config", "images", "list").stdout.split()
    assert f"registry.k8s.io/kube-apiserver:{version}" in listed
    assert f"registry.k8s.io/pause:{pause}" in listed and f"registry.k8s.io/etcd:{etcd}" in listed
    assert len(listed) == 7


def test_version_prints_every_form(machine):
    node = machine()
    assert node.kubeadm("version", "-o", "short").stdout == "v1.34.2\n"
    assert json.loads(node.kubeadm("version", "-o", "json").stdout)["clientVersion"]["gitVersion"] == "v1.34.2"
    assert "not Kubernetes" in node.kubeadm("version").stdout
