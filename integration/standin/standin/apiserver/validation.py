"""What the API server checks in an object beyond the types of its fields."""
import re

from . import answers

LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
LABEL_NAME = re.compile(r"^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$")
LABEL_VALUE = re.compile(r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")
_SUBDOMAIN_WORDS = ("a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
                    "and must start and end with an alphanumeric character (e.g. 'example.com', regex used for "
                    "validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')")
_LABEL_WORDS = ("a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must "
                "start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for "
                "validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')")
_VALUE_WORDS = ("a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and "
                "must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', "
                "regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')")
_NAME_WORDS = ("name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
               "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
               "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')")


def check(resource, new: dict, old: dict | None) -> None:
    """Raises a 422 that names every field that is wrong."""
    causes: list[tuple[str, str]] = []
    _metadata(resource, new["metadata"], causes)
    checker = _KINDS.get(resource.kind)
    if checker:
        checker(new, old, causes)
    if causes:
        raise answers.invalid(resource, new["metadata"].get("name", ""), causes)


def _invalid(value, words: str) -> str:
    shown = f'"{value}"' if isinstance(value, str) else str(value)
    return f"Invalid value: {shown}: {words}"


def _metadata(resource, metadata: dict, causes: list) -> None:
    name = metadata.get("name", "")
    if not name:
        causes.append(("metadata.name", "Required value: name or generateName is required"))
    elif resource.kind == "Namespace":
        if not LABEL.match(name) or len(name) > 63:
            causes.append(("metadata.name", _invalid(name, _LABEL_WORDS)))
    elif "rbac" in resource.group:
        if "/" in name or "%" in name:
            causes.append(("metadata.name", _invalid(name, 'may not contain "/"')))
    elif not SUBDOMAIN.match(name) or len(name) > 253:
        causes.append(("metadata.name", _invalid(name, _SUBDOMAIN_WORDS)))
    labels(metadata.get("labels"), "metadata.labels", causes)


def labels(found: dict | None, field: str, causes: list) -> None:
    for key, value in (found or {}).items():
        prefix, slash, name = key.rpartition("/")
        if (slash and not SUBDOMAIN.match(prefix)) or not LABEL_NAME.match(name) or len(name) > 63:
            causes.append((field, _invalid(key, _NAME_WORDS)))
        if value is not None and (not LABEL_VALUE.match(value) or len(value) > 63):
            causes.append((field, _invalid(value, _VALUE_WORDS)))


def _workload(new: dict, old: dict | None, causes: list) -> None:
    spec = new.get("spec") or {}
    selector = (spec.get("selector") or {}).get("matchLabels") or {}
    if not selector and not (spec.get("selector") or {}).get("matchExpressions"):
        causes.append(("spec.selector", "Required value"))
    template = spec.get("template") or {}
    found = (template.get("metadata") or {}).get("labels") or {}
    if any(found.get(k) != v for k, v in selector.items()):
        shown = "map[string]string{" + ", ".join(f'"{k}":"{v}"' for k, v in sorted(found.items())) + "}"
        causes.append(("spec.template.metadata.labels",
                       f"Invalid value: {shown}: `selector` does not match template `labels`"))
    labels(found, "spec.template.metadata.labels", causes)
    if old and old["spec"].get("selector") != spec.get("selector"):
        causes.append(("spec.selector", f"Invalid value: {spec.get('selector')}: field is immutable"))
    _pod_spec(template.get("spec") or {}, "spec.template.spec", causes)


def _pod(new: dict, old: dict | None, causes: list) -> None:
    _pod_spec(new.get("spec") or {}, "spec", causes)


def _pod_spec(spec: dict, path: str, causes: list) -> None:
    if not spec.get("containers"):
        causes.append((f"{path}.containers", "Required value"))
    volumes = {v.get("name") for v in spec.get("volumes") or []}
    names: set = set()
    for part in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(part) or []):
            here = f"{path}.{part}[{index}]"
            _container(container, here, volumes, causes)
            if container.get("name") in names:
                causes.append((f"{here}.name", f'Duplicate value: "{container["name"]}"'))
            names.add(container.get("name"))


def _container(container: dict, path: str, volumes: set, causes: list) -> None:
    name = container.get("name")
    if not name:
        causes.append((f"{path}.name", "Required value"))
    elif not LABEL.match(name):
        causes.append((f"{path}.name", _invalid(name, _LABEL_WORDS)))
    if not container.get("image"):
        causes.append((f"{path}.image", "Required value"))
    for index, mount in enumerate(container.get("volumeMounts") or []):
        here = f"{path}.volumeMounts[{index}]"
        if not mount.get("mountPath"):
            causes.append((f"{here}.mountPath", "Required value"))
        if mount.get("name") not in volumes:
            causes.append((f"{here}.name", f'Not found: "{mount.get("name", "")}"'))
    for index, env in enumerate(container.get("env") or []):
        if env.get("value") and env.get("valueFrom"):
            causes.append((f"{path}.env[{index}].valueFrom",
                           "Invalid value: \"\": may not be specified when `value` is not empty"))


def _binding(new: dict, old: dict | None, causes: list) -> None:
    reference = new.get("roleRef") or {}
    if reference.get("kind") not in ("Role", "ClusterRole"):
        causes.append(("roleRef.kind", f'Unsupported value: "{reference.get("kind", "")}": supported values: '
                       '"ClusterRole", "Role"'))
    if not reference.get("name"):
        causes.append(("roleRef.name", "Required value"))
    for index, subject in enumerate(new.get("subjects") or []):
        if subject.get("kind") == "ServiceAccount" and not subject.get("namespace"):
            causes.append((f"subjects[{index}].namespace", "Required value"))
        if subject.get("kind") not in ("ServiceAccount", "User", "Group"):
            causes.append((f"subjects[{index}].kind", f'Unsupported value: "{subject.get("kind", "")}": supported '
                           'values: "Group", "ServiceAccount", "User"'))
    if old and old.get("roleRef") != reference:
        causes.append(("roleRef", f"Invalid value: {reference}: cannot change roleRef"))


def _role(new: dict, old: dict | None, causes: list) -> None:
    for index, rule in enumerate(new.get("rules") or []):
        if not rule.get("verbs"):
            causes.append((f"rules[{index}].verbs", "Required value: verbs must contain at least one value"))
        if not rule.get("nonResourceURLs"):
            for field in ("apiGroups", "resources"):
                if not rule.get(field):
                    causes.append((f"rules[{index}].{field}", f"Required value: resource rules must supply at least "
                                   f"one {'api group' if field == 'apiGroups' else 'resource'}"))


def _node(new: dict, old: dict | None, causes: list) -> None:
    for index, taint in enumerate((new.get("spec") or {}).get("taints") or []):
        if taint.get("effect") not in ("NoSchedule", "PreferNoSchedule", "NoExecute"):
            causes.append((f"metadata.taints[{index}].effect", f'Unsupported value: "{taint.get("effect", "")}": supported '
                           'values: "NoSchedule", "PreferNoSchedule", "NoExecute"'))
    before = ((old or {}).get("spec") or {}).get("podCIDR")
    if before and (new.get("spec") or {}).get("podCIDR") != before:
        causes.append(("spec.podCIDRs", 'Forbidden: node updates may not change podCIDR except from "" to valid'))


def _configmap(new: dict, old: dict | None, causes: list) -> None:
    for key in new.get("data") or {}:
        if not re.match(r"^[-._a-zA-Z0-9]+$", key):
            causes.append((f"data[{key}]", _invalid(key, "a valid config key must consist of alphanumeric "
                           "characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex "
                           "used for validation is '[-._a-zA-Z0-9]+')")))


_KINDS = {"DaemonSet": _workload, "Deployment": _workload, "Pod": _pod, "RoleBinding": _binding,
          "ClusterRoleBinding": _binding, "Role": _role, "ClusterRole": _role, "Node": _node,
          "ConfigMap": _configmap, "Secret": _configmap}
