"""Reads a kubeadm configuration file: splits it, knows its kinds and versions, checks fields and their types."""
from dataclasses import dataclass, field

from .. import gotext, place, schema, yamldoc
from .errors import KubeadmError

GROUP, KUBELET_GROUP, PROXY_GROUP = "kubeadm.k8s.io", "kubelet.config.k8s.io", "kubeproxy.config.k8s.io"
_OLD = {"v1alpha1": "v1.11", "v1alpha2": "v1.12", "v1alpha3": "v1.14", "v1beta1": "v1.15", "v1beta2": "v1.22"}
_COMPONENTS = {(KUBELET_GROUP, "v1beta1", "KubeletConfiguration"): "kubelet.KubeletConfiguration",
               (PROXY_GROUP, "v1alpha1", "KubeProxyConfiguration"): "proxy.KubeProxyConfiguration"}


@dataclass
class Documents:
    """The documents of one file by kind; `version` is that of the kubeadm documents."""
    kinds: dict[str, dict] = field(default_factory=dict)
    version: str = ""


def spoken_versions() -> list[str]:
    """The kubeadm API versions that this kubeadm reads, newest last."""
    minor = place.minor()
    if minor < 22:
        return ["v1beta2"]
    return ["v1beta3"] + (["v1beta4"] if minor >= 31 else [])


def gvk_text(group: str, version: str, kind: str) -> str:
    return f'schema.GroupVersionKind{{Group:"{group}", Version:"{version}", Kind:"{kind}"}}'


def read(text: str, strict: bool) -> Documents:
    """`strict`: unknown fields are an error, as for `kubeadm config validate`; otherwise see refuse_unknown()."""
    found = Documents()
    for document in _split(text):
        group, _, version = document["apiVersion"].rpartition("/")
        kind = document["kind"]
        if group == GROUP:
            _check_version(version, kind, strict)
            found.version = version
            _check_fields(schema.table(f"kubeadm-{version}"), kind, document, (group, version, kind), strict)
        elif (group, version, kind) in _COMPONENTS:
            _check_fields(schema.versioned("component-configs"), _COMPONENTS[(group, version, kind)], document,
                          (group, version, kind), strict)
        elif group in (KUBELET_GROUP, PROXY_GROUP):
            raise KubeadmError(f'no kind "{kind}" is registered for version "{group}/{version}"')
        elif strict:
            raise KubeadmError(f"unknown configuration APIs: []{gvk_text(group, version, kind)}")
        else:
            gotext.warning(f"[config] WARNING: Ignored configuration document with GroupVersionKind "
                           f"{group}/{version}, Kind={kind}")
            continue
        found.kinds[kind] = document
    return found


def _split(text: str) -> list[dict]:
    try:
        documents = [d for d in yamldoc.load_all(text) if d is not None]
    except ValueError as error:
        raise KubeadmError(f"error converting YAML to JSON: {error}") from None
    seen: list[str] = []
    for document in documents:
        if not isinstance(document, dict) or not document.get("apiVersion") or not document.get("kind"):
            raise KubeadmError("invalid configuration for GroupVersionKind /, Kind=: kind and apiVersion is mandatory "
                               "information that must be specified")
        if document["kind"] in seen:
            raise KubeadmError(f'invalid configuration: kind "{document["kind"]}" is specified twice in YAML file')
        seen.append(document["kind"])
    mutually = [k for k in ("InitConfiguration", "ClusterConfiguration") if k in seen]
    if mutually and "JoinConfiguration" in seen:
        raise KubeadmError(f"invalid configuration: kinds {gotext.go_list(mutually + ['JoinConfiguration'])} are "
                           "mutually exclusive")
    return documents


def _check_version(version: str, kind: str, quiet: bool) -> None:
    advice = ("'kubeadm config migrate --old-config old.yaml --new-config new.yaml', which will write the new, similar "
              "spec using a newer API version.")
    shown = f'"{GROUP}/{version}" (kind: "{kind}")'
    if version in _OLD and version not in spoken_versions():
        raise KubeadmError(f"your configuration file uses an old API spec: {shown}. Please use kubeadm "
                           f"{_OLD[version]} instead and run {advice}")
    if version == "v1beta4" and 28 <= place.minor() < 31:
        raise KubeadmError(f"experimental API spec: {shown} is not allowed. You can use the --allow-experimental-api "
                           "flag if the command supports it.")
    known = version in spoken_versions() and kind in schema.table(f"kubeadm-{version}")
    if not known:
        raise KubeadmError(f'no kind "{kind}" is registered for version "{GROUP}/{version}" in scheme '
                           '"k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm/scheme/scheme.go:32"')
    if version == "v1beta3" and place.minor() >= 31 and not quiet:
        gotext.warning(f"your configuration file uses a deprecated API spec: {shown}. Please use {advice}")


def _check_fields(types: dict, name: str, document: dict, gvk: tuple, strict: bool) -> None:
    try:
        unknown = schema.check(types, name, document)
    except schema.WrongType as error:
        raise KubeadmError(str(error)) from None
    if unknown:
        words = (f"error unmarshaling configuration {gvk_text(*gvk)}: strict decoding error: "
                 + schema.unknown_fields(unknown))
        if strict:
            raise KubeadmError(words)
        refuse_unknown(words)


def refuse_unknown(words: str) -> None:
    """Real kubeadm warns of an unknown field and goes on without it. The stand-in warns in the same words and then
    stops, so that a misspelt field cannot pass unseen in a test; the fault `lenient_fields` makes it go on."""
    gotext.warning(words)
    if not place.fault("lenient_fields", False):
        raise KubeadmError(f"{words} (real kubeadm only warns of this; the stand-in refuses it)")
