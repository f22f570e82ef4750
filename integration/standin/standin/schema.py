"""Checks a document against the tables of field names and types in schemas/.

Two kinds of complaint come out, as Kubernetes tells them apart: a field that the type does not have (a strict
decoding error: some readers only warn of it) and a value of the wrong type (nothing can read that).
"""
import base64
import binascii
import functools
import json
import pkgutil
import re

from . import gotext, place

API_TABLES = [29, 34, 35, 36]
_GO_KINDS = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}
_QUANTITY = re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+|[numkMGTPE]|[KMGTPE]i)?$")


class WrongType(ValueError):
    """A value that cannot be read into the field's type. `path`, `wanted` and `value` say it in parts."""

    def __init__(self, message: str, path: str = "", wanted: str = "", value=None):
        super().__init__(message)
        self.path, self.wanted, self.value = path, wanted, value


@functools.cache
def table(name: str) -> dict:
    data = pkgutil.get_data("standin", f"schemas/{name}.json")
    return json.loads(data)


def versioned(kind: str) -> dict:
    """The table `kind` ("api", "component-configs") of this Kubernetes, or of the newest older one kept."""
    fitting = [m for m in API_TABLES if m <= place.minor()] or API_TABLES[:1]
    return table(f"{kind}-1.{fitting[-1]}")


class Check:
    """Walks one document; `unknown` holds the paths of fields that the type does not have."""

    def __init__(self, types: dict):
        self.types, self.unknown = types, []

    def value(self, expression: str, value, path: str) -> None:
        if value is None:
            return
        expression = expression.partition("!")[0]
        if expression in self.types:
            self._struct(expression, value, path)
        elif expression.startswith("[]"):
            self._list(expression[2:], value, path)
        elif expression.startswith("map:"):
            self._map(expression[4:], value, path)
        else:
            _scalar(expression, value, path)

    def _struct(self, name: str, value, path: str) -> None:
        if not isinstance(value, dict):
            raise _mismatch(value, path, name.split(".")[-1])
        fields = self.types[name]
        for key, inner in value.items():
            here = f"{path}.{key}" if path else str(key)
            if key in fields:
                self.value(fields[key], inner, here)
            else:
                self.unknown.append(here)

    def _list(self, inner: str, value, path: str) -> None:
        if not isinstance(value, list):
            raise _mismatch(value, path, "[]" + inner.split(".")[-1])
        for index, item in enumerate(value):
            self.value(inner, item, f"{path}[{index}]")

    def _map(self, inner: str, value, path: str) -> None:
        if not isinstance(value, dict):
            raise _mismatch(value, path, "map[string]" + inner)
        for key, item in value.items():
            if not isinstance(key, str):
                raise _mismatch(key, path, "string")
            self.value(inner, item, f"{path}[{key}]" if path else key)


def _mismatch(value, path: str, wanted: str) -> WrongType:
    kind = _GO_KINDS.get(type(value), "string")
    if kind == "number":
        kind = f"number {value}" if isinstance(value, float) else "number"
    return WrongType(f"json: cannot unmarshal {kind} into Go struct field {path} of type {wanted}", path, wanted, value)


def _scalar(kind: str, value, path: str) -> None:
    if kind == "any":
        return
    if kind in ("string", "duration", "time", "bytes"):
        if not isinstance(value, str):
            raise _mismatch(value, path, {"duration": "string", "time": "string", "bytes": "[]byte"}.get(kind, kind))
    if kind == "bool" and not isinstance(value, bool):
        raise _mismatch(value, path, "bool")
    if kind == "int" and (isinstance(value, bool) or not isinstance(value, int)):
        raise _mismatch(value, path, "int32")
    if kind == "number" and (isinstance(value, bool) or not isinstance(value, (int, float))):
        raise _mismatch(value, path, "float64")
    if kind == "intorstring" and (isinstance(value, bool) or not isinstance(value, (int, str))):
        raise _mismatch(value, path, "intstr.IntOrString")
    try:
        _text_form(kind, value)
    except binascii.Error:
        raise WrongType(f"illegal base64 data at input byte 0 (field {path})") from None
    except ValueError as error:
        raise WrongType(str(error)) from None


def _text_form(kind: str, value) -> None:
    if kind == "duration":
        gotext.parse_duration(value)
    elif kind == "time":
        gotext.parse_time(value)
    elif kind == "bytes":
        base64.b64decode(value, validate=True)
    elif kind == "quantity" and not _QUANTITY.match(str(value)):
        raise ValueError("quantities must match the regular expression "
                         "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")


def check(types: dict, name: str, document: dict) -> list[str]:
    """Paths of unknown fields of a document of type `name`. Raises WrongType."""
    walk = Check(types)
    try:
        walk.value(name, document, "")
    except WrongType as error:
        raise WrongType(str(error).replace("struct field ", f"struct field {name.split('.')[-1]}."), error.path,
                        error.wanted, error.value) from None
    return walk.unknown


def unknown_fields(paths: list[str]) -> str:
    """`unknown field "a.b", unknown field "c"`"""
    return ", ".join(f"unknown field {gotext.quote(p)}" for p in paths)
