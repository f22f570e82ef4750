"""Requests checked against AWS's own service models, as botocore ships them, and understood by them.

What AWS would not take is a `Violation`: an unknown parameter, a wrong type, a missing one, a value outside the
model's limits or enumeration. moto would let most of them pass, so a test that sends one has to fail here.
"""
from __future__ import annotations

import base64
import binascii
import functools
import json
import re
import urllib.parse
from dataclasses import dataclass, field
from typing import Any

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

SERVICES = ("ec2", "iam", "sts", "ssm", "s3", "elbv2", "autoscaling")
SIGNING_NAMES = {"elasticloadbalancing": "elbv2"}
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


class Violation(Exception):
    """The request is not what AWS's service model describes; each of `problems` is a sentence."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass
class Call:
    """A request, understood: `parameters` by the model's member names, converted to the model's types."""
    service: str
    action: str
    region: str
    protocol: str
    parameters: dict[str, Any]
    operation: OperationModel = field(repr=False)
    bucket: str = ""
    key: str = ""

    @property
    def name(self) -> str:
        """As policies name it."""
        prefix = "elasticloadbalancing" if self.service == "elbv2" else self.service
        return f"{prefix}:{self.action}"

    @property
    def dry_run(self) -> bool:
        return bool(self.parameters.get("DryRun"))

    @property
    def reads(self) -> bool:
        return self.action.startswith(("Describe", "Get", "List", "Head"))


@functools.cache
def service_model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def protocol(service: str) -> str:
    return str(service_model(service).metadata["protocol"])


def operation(service: str, action: str) -> OperationModel:
    if action not in service_model(service).operation_names:
        raise Violation([f"{service} has no action {action!r}"])
    return service_model(service).operation_model(action)


# ---- values


class Checker:
    """Walks a value beside its shape, collecting problems."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def problem(self, where: str, what: str) -> None:
        self.problems.append(f"{where}: {what}")

    def done(self) -> None:
        if self.problems:
            raise Violation(self.problems)

    def scalar(self, shape: Shape, text: str, where: str) -> Any:
        """A value that arrived as text."""
        kind = shape.type_name
        if kind in ("integer", "long"):
            if not re.fullmatch(r"-?\d+", text):
                return self.problem(where, f"{text!r} is not an integer")
            return self.limits(shape, int(text), where)
        if kind in ("float", "double"):
            try:
                return self.limits(shape, float(text), where)
            except ValueError:
                return self.problem(where, f"{text!r} is not a number")
        if kind == "boolean":
            if text not in ("true", "false"):
                return self.problem(where, f"{text!r} is not a boolean")
            return text == "true"
        if kind == "timestamp":
            if not TIMESTAMP.fullmatch(text):
                return self.problem(where, f"{text!r} is not a timestamp")
            return text
        if kind == "blob":
            try:
                return base64.b64decode(text, validate=True)
            except binascii.Error:
                return self.problem(where, "not base64")
        return self.string(shape, text, where)

    def string(self, shape: Shape, text: str, where: str) -> str:
        if shape.enum and text not in shape.enum:
            self.problem(where, f"{text!r} is none of {', '.join(shape.enum[:12])}{'…' if shape.enum[12:] else ''}")
        pattern = shape.metadata.get("pattern")
        if pattern and not _matches(pattern, text):
            self.problem(where, f"{text[:80]!r} does not match {pattern}")
        return self.limits(shape, text, where)  # type: ignore[no-any-return]

    def limits(self, shape: Shape, value: Any, where: str) -> Any:
        size = value if isinstance(value, (int, float)) else len(value)
        low, high = shape.metadata.get("min"), shape.metadata.get("max")
        if (low is not None and size < low) or (high is not None and size > high):
            self.problem(where, f"{size} is outside {low}..{high}")
        return value

    def required(self, shape: StructureShape, found: dict[str, Any], where: str) -> None:
        for name in shape.required_members:
            if name not in found:
                self.problem(f"{where}.{name}" if where else name, "missing, and required")


@functools.cache
def _pattern(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except re.error:  # Java's classes, such as \p{L}; Python has them not
        return None


def _matches(pattern: str, text: str) -> bool:
    compiled = _pattern(pattern)
    return compiled is None or compiled.fullmatch(text) is not None


# ---- the query protocols: EC2's own, and that of IAM, STS and others


class QueryReader(Checker):
    def __init__(self, ec2: bool) -> None:
        super().__init__()
        self.ec2 = ec2

    def structure(self, shape: StructureShape, tree: Any, where: str) -> dict[str, Any]:
        if not isinstance(tree, dict):
            self.problem(where, "a value where a structure belongs")
            return {}
        left, out = dict(tree), {}
        for member, inner in shape.members.items():
            name = self._name(inner, member)
            if name in left:
                out[member] = self.value(inner, left.pop(name), f"{where}.{name}" if where else name)
        for name in left:
            self.problem(f"{where}.{name}" if where else name, "unknown parameter")
        self.required(shape, out, where)
        return out

    def _name(self, shape: Shape, member: str) -> str:
        if not self.ec2:
            return str(shape.serialization.get("name", member))
        if "queryName" in shape.serialization:
            return str(shape.serialization["queryName"])
        name = str(shape.serialization.get("name", member))
        return name[0].upper() + name[1:]

    def value(self, shape: Shape, tree: Any, where: str) -> Any:
        if isinstance(shape, StructureShape):
            return self.structure(shape, tree, where)
        if isinstance(shape, ListShape):
            return self.list(shape, tree, where)
        if isinstance(shape, MapShape):
            self.problem(where, "the lab reads no maps in query requests")
            return {}
        if isinstance(tree, dict):
            return self.problem(where, f"a structure where a {shape.type_name} belongs")
        return self.scalar(shape, tree, where)

    def list(self, shape: ListShape, tree: Any, where: str) -> list[Any]:
        if tree == "":
            return []
        flat = self.ec2 or shape.serialization.get("flattened")
        if not flat and isinstance(tree, dict):
            name = str(shape.member.serialization.get("name", "member"))
            if set(tree) != {name}:
                self.problem(where, f"a list's elements are {where}.{name}.N, not {', '.join(sorted(tree))}")
                return []
            tree = tree[name]
        if not isinstance(tree, dict) or set(tree) != {str(n) for n in range(1, len(tree) + 1)}:
            self.problem(where, "a list's elements are numbered 1, 2, 3, …")
            return []
        items = [self.value(shape.member, tree[str(n)], f"{where}.{n}") for n in range(1, len(tree) + 1)]
        return self.limits(shape, items, where)  # type: ignore[no-any-return]


def _tree(fields: list[tuple[str, str]]) -> dict[str, Any]:
    """{"A.1.B": x} as {"A": {"1": {"B": x}}}."""
    root: dict[str, Any] = {}
    for name, value in fields:
        node: Any = root
        *path, last = name.split(".")
        for part in path:
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                raise Violation([f"{name}: given twice, as a value and as a structure"])
        if last in node:
            raise Violation([f"{name}: given twice"])
        node[last] = value
    return root


def read_query(service: str, region: str, body: bytes, content_type: str) -> Call:
    if not content_type.startswith("application/x-www-form-urlencoded"):
        raise Violation([f"Content-Type {content_type!r} on a query request"])
    try:
        fields = urllib.parse.parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)
    except ValueError as error:
        raise Violation([f"the body is no form: {error}"]) from None
    tree = _tree(fields)
    action, version = str(tree.pop("Action", "")), str(tree.pop("Version", ""))
    model = operation(service, action)
    wanted = service_model(service).api_version
    reader = QueryReader(ec2=protocol(service) == "ec2")
    if version != wanted:
        reader.problem("Version", f"{version!r}; the model is of {wanted}")
    parameters: dict[str, Any] = {}
    if model.input_shape is not None:
        parameters = reader.structure(model.input_shape, tree, "")
    elif tree:
        reader.problem(", ".join(tree), "this action has no parameters")
    reader.done()
    return Call(service, action, region, protocol(service), parameters, model)


# ---- JSON 1.1


class JsonReader(Checker):
    KINDS: dict[str, Any] = {"string": str, "integer": int, "long": int, "boolean": bool, "float": (int, float),
                             "double": (int, float), "timestamp": (int, float)}

    def value(self, shape: Shape, value: Any, where: str) -> Any:
        if isinstance(shape, StructureShape):
            return self.structure(shape, value, where)
        if isinstance(shape, ListShape):
            if not isinstance(value, list):
                return self.problem(where, "not a list")
            return self.limits(shape, [self.value(shape.member, one, f"{where}[{n}]")
                                       for n, one in enumerate(value)], where)
        if isinstance(shape, MapShape):
            if not isinstance(value, dict):
                return self.problem(where, "not a map")
            return {key: self.value(shape.value, one, f"{where}.{key}") for key, one in value.items()}
        if shape.type_name == "blob":
            return self.scalar(shape, value, where) if isinstance(value, str) else self.problem(where, "not base64")
        kind = self.KINDS[shape.type_name]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            return self.problem(where, f"{json.dumps(value)[:60]} is no {shape.type_name}")
        if isinstance(value, str):
            return self.string(shape, value, where)
        return value if isinstance(value, bool) else self.limits(shape, value, where)

    def structure(self, shape: StructureShape, value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.problem(where, "not an object")
            return {}
        out = {}
        for name, one in value.items():
            path = f"{where}.{name}" if where else name
            if name not in shape.members:
                self.problem(path, "unknown parameter")
            elif one is not None:
                out[name] = self.value(shape.members[name], one, path)
        self.required(shape, out, where)
        return out


def read_json(service: str, region: str, target: str, body: bytes, content_type: str) -> Call:
    model_of = service_model(service)
    prefix, _, action = target.rpartition(".")
    reader = JsonReader()
    if prefix != model_of.metadata["targetPrefix"]:
        raise Violation([f"X-Amz-Target {target!r}; {service}'s begin with {model_of.metadata['targetPrefix']}"])
    if content_type != f"application/x-amz-json-{model_of.metadata['jsonVersion']}":
        reader.problem("Content-Type", repr(content_type))
    model = operation(service, action)
    try:
        document = json.loads(body or b"{}")
    except ValueError as error:
        raise Violation([f"the body is no JSON: {error}"]) from None
    parameters = reader.structure(model.input_shape, document, "") if model.input_shape is not None else {}
    reader.done()
    return Call(service, action, region, "json", parameters, model)
