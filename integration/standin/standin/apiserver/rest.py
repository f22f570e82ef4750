"""The verbs on resources: create, update, patch, apply, delete; with checks in the order of the real server."""
import copy
import json
import random
import uuid

from .. import gotext, schema, yamldoc
from . import admission, answers, defaults, fields, ownership, patch, resources, validation
from .authn import User

PATCHES = {"application/json-patch+json": "json", "application/merge-patch+json": "merge",
           "application/strategic-merge-patch+json": "strategic", "application/apply-patch+yaml": "apply"}
NAMESPACES = resources.BY_PLURAL["namespaces"]


class Request:
    """One write: who, what, where; `warnings` collects what the answer's Warning headers say."""

    def __init__(self, user: User, resource, namespace="", name="", subresource="", query=None, agent="unknown"):
        self.user, self.resource, self.namespace, self.name = user, resource, namespace, name
        self.subresource, self.query, self.agent = subresource, query or {}, agent
        self.warnings: list[str] = []

    @property
    def manager(self) -> str:
        return self.query.get("fieldManager") or self.agent.split("/")[0] or "unknown"

    @property
    def dry_run(self) -> bool:
        value = self.query.get("dryRun", "")
        if value not in ("", "All"):
            raise answers.Refusal(422, "Invalid", f'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported '
                                  f'value: []string{{"{value}"}}: supported values: "All"')
        return value == "All"


class Rest:
    def __init__(self, store, service_range: str = "10.96.0.0/12"):
        self.store, self.service_range = store, service_range
        self.types = schema.versioned("api")

    # Reading a body

    def decode(self, request: Request, body: bytes) -> dict:
        try:
            obj = json.loads(body)
        except ValueError as error:
            raise answers.bad_request(f"couldn't get version/kind; json parse error: {error}") from None
        if not isinstance(obj, dict):
            raise answers.bad_request("couldn't get version/kind; json parse error: json: cannot unmarshal array")
        resource = request.resource
        version, kind = obj.get("apiVersion") or resource.api_version, obj.get("kind") or resource.kind
        if (version, kind) != (resource.api_version, resource.kind):
            group, _, v = version.rpartition("/")
            raise answers.bad_request(f'{kind} in version "{v}" cannot be handled as a {resource.kind}: no kind '
                                      f'"{kind}" is registered for version "{version}"')
        obj["apiVersion"], obj["kind"] = version, kind
        self._strict(request, obj)
        return obj

    def _strict(self, request: Request, obj: dict) -> None:
        resource = request.resource
        lead = f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: '
        try:
            unknown = schema.check(self.types, resource.type, obj)
        except schema.WrongType as error:
            raise answers.bad_request(lead + str(error)) from None
        mode = request.query.get("fieldValidation", "Warn")
        if mode not in ("Warn", "Strict", "Ignore"):
            raise answers.Refusal(422, "Invalid", f'fieldValidation: Unsupported value: "{mode}": supported values: '
                                  '"Ignore", "Strict", "Warn"')
        if unknown and mode == "Strict":
            raise answers.bad_request(lead + "strict decoding error: " + schema.unknown_fields(unknown))
        if mode == "Warn":
            request.warnings += [f'unknown field "{p}"' for p in unknown]
        for path in unknown:
            _drop(obj, path)

    # Verbs

    def create(self, request: Request, obj: dict) -> dict:
        with self.store.lock:
            resource, metadata = request.resource, obj.setdefault("metadata", {})
            if not metadata.get("name") and metadata.get("generateName"):
                metadata["name"] = metadata["generateName"] + "".join(random.choices("bcdfghjklmnpqrstvwxz2456789", k=5))
            self._place(request, metadata)
            if self.store.get(resource, metadata.get("namespace"), metadata.get("name", "")):
                raise answers.exists(resource, metadata["name"])
            for key in ("resourceVersion", "uid", "managedFields"):
                metadata.pop(key, None)
            if resource.status and resource.kind not in ("Node", "Pod"):
                obj.pop("status", None)
            if resource.kind == "CertificateSigningRequest":
                obj["spec"].update(username=request.user.name, groups=list(request.user.groups))
            return self._finish(request, obj, None)

    def update(self, request: Request, obj: dict) -> dict:
        with self.store.lock:
            metadata = obj.setdefault("metadata", {})
            self._place(request, metadata)
            if metadata.setdefault("name", request.name) != request.name:
                raise answers.bad_request(f"the name of the object ({metadata['name']}) does not match the name on "
                                          f"the URL ({request.name})")
            old = self._existing(request)
            if metadata.get("resourceVersion") not in (None, "", old["metadata"]["resourceVersion"]):
                raise answers.conflict(request.resource, request.name)
            return self._finish(request, obj, old)

    def patch(self, request: Request, body: bytes, media: str) -> dict:
        kind = PATCHES.get(media.split(";")[0].strip())
        if kind is None:
            raise answers.Refusal(415, "UnsupportedMediaType", "415: Unsupported Media Type")
        if kind == "apply":
            return self._apply(request, body)
        with self.store.lock:
            old = self._existing(request)
            try:
                change = json.loads(body)
            except ValueError as error:
                raise answers.bad_request(f"error decoding patch: {error}") from None
            base = copy.deepcopy(old)
            base["metadata"].pop("managedFields", None)
            if kind == "merge":
                obj = patch.merge(base, change)
            elif kind == "strategic":
                obj = patch.strategic(self.types, request.resource.type, base, change)
            else:
                obj = patch.json_patch(base, change)
            try:
                self._strict(request, obj)
            except answers.Refusal as error:
                raise answers.Refusal(422, "Invalid", f' "" is invalid: patch: Invalid value: {json.dumps(body.decode())}: '
                                      f"{error}") from None
            asked = obj["metadata"].get("resourceVersion")
            if asked != old["metadata"]["resourceVersion"]:
                raise answers.conflict(request.resource, request.name)
            return self._finish(request, obj, old)

    def _apply(self, request: Request, body: bytes) -> dict:
        resource = request.resource
        if not request.query.get("fieldManager"):
            raise answers.Refusal(422, "Invalid", 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: '
                                  "is required for apply patch")
        try:
            applied = yamldoc.load(body.decode())
        except ValueError as error:
            raise answers.bad_request(f"error decoding YAML: {error}") from None
        if not isinstance(applied, dict) or not applied.get("apiVersion") or not applied.get("kind"):
            raise answers.bad_request("invalid object type: apiVersion and kind are required in an apply patch")
        if (applied["apiVersion"], applied["kind"]) != (resource.api_version, resource.kind):
            raise answers.bad_request(f"incorrect type ({applied['apiVersion']}, Kind={applied['kind']}) for apply of "
                                      f"{resource.api_version}, Kind={resource.kind}")
        if (applied.get("metadata") or {}).get("managedFields"):
            raise answers.bad_request("metadata.managedFields must be nil")
        self._typed_apply(request, applied)
        with self.store.lock:
            return self._merge_applied(request, applied)

    def _typed_apply(self, request: Request, applied: dict) -> None:
        resource = request.resource
        lead = (f"failed to create typed patch object ({request.namespace}/{request.name}; {resource.group}/"
                f"{resource.version}, Kind={resource.kind}): ")
        try:
            unknown = schema.check(self.types, resource.type, applied)
        except schema.WrongType as error:
            path = fields.from_schema(self.types, resource.type, applied, error.path)
            what = f"expected {error.wanted}, got &value.valueUnstructured{{Value:{error.value}}}"
            raise answers.Refusal(500, "", f"{lead}{path}: {what}" if error.path else lead + str(error)) from None
        if unknown:
            paths = [fields.from_schema(self.types, resource.type, applied, p) for p in unknown]
            shown = "\n".join(f"{p}: field not declared in schema" for p in paths)
            raise answers.Refusal(500, "", lead + ("" if len(unknown) == 1 else "errors:\n") + shown)

    def _merge_applied(self, request: Request, applied: dict) -> dict:
        resource, metadata = request.resource, applied.setdefault("metadata", {})
        self._place(request, metadata)
        if metadata.setdefault("name", request.name) != request.name:
            raise answers.bad_request(f"the name of the object ({metadata['name']}) does not match the name on the "
                                      f"URL ({request.name})")
        old = self.store.get(resource, request.namespace, request.name)
        live = old or {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {}}
        result = ownership.apply(self.types, resource, live, applied, request.manager,
                                 request.query.get("force") == "true")
        if old is None:
            result["metadata"].pop("resourceVersion", None)
        return self._finish(request, result, old, track=False)

    def delete(self, request: Request) -> dict:
        with self.store.lock:
            old = self._existing(request)
            if not request.dry_run:
                self.store.remove(request.resource, request.namespace, request.name)
                if request.resource.kind == "Namespace":
                    self._empty(request.name)
        if request.resource.kind in ("Pod", "Namespace", "Service"):
            return old
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
                "details": {"name": request.name, "kind": request.resource.plural, "uid": old["metadata"]["uid"],
                            **({"group": request.resource.group} if request.resource.group else {})}}

    def _empty(self, namespace: str) -> None:
        for resource in resources.ALL:
            if resource.namespaced:
                for obj in self.store.list(resource, namespace):
                    self.store.remove(resource, namespace, obj["metadata"]["name"])

    # Common steps

    def _existing(self, request: Request) -> dict:
        old = self.store.get(request.resource, request.namespace, request.name)
        if old is None:
            raise answers.not_found(request.resource, request.name)
        return old

    def _place(self, request: Request, metadata: dict) -> None:
        if not request.resource.namespaced:
            metadata.pop("namespace", None)
            return
        if metadata.setdefault("namespace", request.namespace) != request.namespace:
            raise answers.bad_request("the namespace of the provided object does not match the namespace sent on the "
                                      "request")
        if self.store.get(NAMESPACES, None, request.namespace) is None:
            raise answers.not_found(NAMESPACES, request.namespace)

    def _finish(self, request: Request, obj: dict, old: dict | None, track: bool = True) -> dict:
        resource = request.resource
        if old is not None:
            self._carry_over(request, obj, old)
        admission.check(request.user, resource, obj, old)
        if not request.subresource:
            validation.check(resource, obj, old)
            defaults.apply(resource, obj, self.service_range, self._service_ips())
        metadata = obj["metadata"]
        if old is None:
            metadata["uid"], metadata["creationTimestamp"] = str(uuid.uuid4()), gotext.now_rfc3339()
            if "spec" in obj and resource.kind not in ("Namespace", "Node", "Service"):
                metadata["generation"] = 1
        if track:
            ownership.updated(self.types, resource, old, obj, request.manager, request.subresource)
        if old is not None and _same(obj, old):
            return old
        if old is not None and "generation" in old["metadata"] and obj.get("spec") != old.get("spec"):
            metadata["generation"] = old["metadata"]["generation"] + 1
        return obj if request.dry_run else self.store.put(resource, obj)

    def _carry_over(self, request: Request, obj: dict, old: dict) -> None:
        for key in ("uid", "creationTimestamp", "generation", "resourceVersion"):
            if key in old["metadata"]:
                obj["metadata"][key] = old["metadata"][key]
        if request.subresource in ("status", "approval"):
            for key in [k for k in obj if k not in ("status", "metadata")]:
                del obj[key]
            obj.update({k: copy.deepcopy(v) for k, v in old.items() if k not in ("status", "metadata")})
        elif request.resource.status:
            obj.pop("status", None)
            if "status" in old:
                obj["status"] = copy.deepcopy(old["status"])

    def _service_ips(self) -> frozenset:
        services = self.store.list(resources.BY_PLURAL["services"])
        return frozenset(s["spec"].get("clusterIP", "") for s in services)


def _same(new: dict, old: dict) -> bool:
    """True when nothing but the times in managedFields differs: such a write is not stored."""
    return _timeless(new) == _timeless(old)


def _timeless(obj: dict) -> dict:
    metadata = dict(obj["metadata"])
    metadata["managedFields"] = sorted(
        (json.dumps({k: v for k, v in e.items() if k != "time"}, sort_keys=True)
         for e in metadata.get("managedFields") or []))
    return {**obj, "metadata": metadata}


def _drop(obj: dict, path: str) -> None:
    """Removes the field at a path as schema.check() writes it."""
    here = obj
    parts = path.replace("[", ".[").split(".")
    for part in parts[:-1]:
        here = here[int(part[1:-1]) if isinstance(here, list) else part.strip("[]")]
    last = parts[-1].strip("[]")
    if isinstance(here, dict):
        here.pop(last, None)
