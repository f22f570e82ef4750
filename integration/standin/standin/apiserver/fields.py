"""Field paths of typed objects, as server-side apply counts them, and managedFields' form of them.

A path is a tuple of elements: ("f", name) a field or map key, ("k", ((key, value), ...)) an item of a list that is
merged by keys, ("v", value) a member of a set.
"""
import json
import re

Path = tuple
_IDENTITY = {"apiVersion", "kind"}
_META = {"name", "namespace", "uid", "creationTimestamp", "resourceVersion", "generation", "managedFields",
         "selfLink", "generateName", "deletionTimestamp"}


def split(expression: str) -> tuple[str, str]:
    inner, _, marker = expression.partition("!")
    return inner, marker


def item_key(item: dict, keys: str) -> tuple:
    defaults = {"protocol": "TCP"}
    return ("k", tuple((k, item.get(k, defaults.get(k))) for k in keys.split(",")))


def leaves(types: dict, expression: str, value, path: Path = ()) -> dict[Path, object]:
    """{path: value} of everything a writer of `value` owns."""
    inner, marker = split(expression)
    if isinstance(value, dict) and value and marker != "atomic" and (inner in types or inner.startswith("map:")):
        fields = types.get(inner)
        found: dict = {}
        for key, item in value.items():
            if fields is not None and key not in fields:
                continue
            below = fields[key] if fields is not None else inner[4:]
            found.update(leaves(types, below, item, path + (("f", key),)))
        return found
    if isinstance(value, list) and inner.startswith("[]") and marker:
        found = {}
        for item in value:
            if marker == "set":
                found[path + (("v", item),)] = item
            else:
                here = path + (item_key(item, marker),)
                found[here] = None
                found.update(leaves(types, inner[2:], item, here))
        return found
    return {path: value}


def owned(types: dict, type_name: str, obj: dict) -> dict[Path, object]:
    """leaves() without what nobody owns: identity and what the server itself writes."""
    found = leaves(types, type_name, obj)
    return {p: v for p, v in found.items() if p and not (p[0][1] in _IDENTITY or (
        p[0] == ("f", "metadata") and (len(p) == 1 or p[1][1] in _META)))}


def encode(paths) -> dict:
    """The FieldsV1 form of a set of paths."""
    root: dict = {}
    for path in paths:
        here = root
        for kind, value in path:
            text = value if kind == "f" else json.dumps(dict(value) if kind == "k" else value, separators=(",", ":"))
            here = here.setdefault(f"{kind}:{text}", {})
        if path[-1][0] == "k":
            here["."] = {}
    return root


def decode(tree: dict, path: Path = ()) -> set[Path]:
    found = set()
    for text, below in tree.items():
        if text == ".":
            found.add(path)
            continue
        kind, _, value = text.partition(":")
        element = value if kind == "f" else json.loads(value)
        here = path + ((kind, tuple(element.items()) if kind == "k" else element),)
        found |= decode(below, here) if below else {here}
    return found


def show(path: Path) -> str:
    """.spec.containers[name="x"].image: as conflicts name a field."""
    text = ""
    for kind, value in path:
        if kind == "f":
            text += f".{value}"
        elif kind == "k":
            text += "[" + ",".join(f"{k}={json.dumps(v)}" for k, v in value) + "]"
        else:
            text += f"[={json.dumps(value)}]"
    return text


def from_schema(types: dict, type_name: str, obj, text: str) -> str:
    """show()'s form of a path of schema.check(): spec.containers[0].x becomes .spec.containers[name="a"].x"""
    expression, shown = type_name, ""
    for name, index in re.findall(r"([^.\[\]]+)|\[([^\]]*)\]", text):
        inner, marker = split(expression)
        if index and isinstance(obj, list):
            obj, expression = obj[int(index)], inner[2:]
            keyed = marker and marker not in ("set", "atomic") and isinstance(obj, dict)
            shown += show((item_key(obj, marker),)) if keyed else f"[{index}]"
        else:
            shown += f".{name or index}"
            fields = types.get(inner, {})
            expression = fields.get(name, "any") if fields else inner[4:]
            obj = obj.get(name or index) if isinstance(obj, dict) else None
    return shown


def remove(obj, path: Path) -> None:
    """Takes what is at the path out of the object, and parents that are empty afterwards."""
    (kind, value), rest = path[0], path[1:]
    if kind == "f":
        if not isinstance(obj, dict) or value not in obj:
            return
        if not rest:
            del obj[value]
            return
        remove(obj[value], rest)
        if obj[value] in ({}, []):
            del obj[value]
    elif isinstance(obj, list):
        for item in list(obj):
            matches = item == value if kind == "v" else item_key(item, ",".join(k for k, _ in value))[1] == value
            if matches and not rest:
                obj.remove(item)
            elif matches:
                remove(item, rest)


def merge(types: dict, expression: str, live, applied):
    """`applied` laid over `live`: maps and keyed lists are merged, everything else is replaced."""
    inner, marker = split(expression)
    if (isinstance(applied, dict) and isinstance(live, dict) and marker != "atomic"
            and (inner in types or inner.startswith("map:"))):
        fields, result = types.get(inner), dict(live)
        for key, value in applied.items():
            below = fields.get(key, "any") if fields is not None else inner[4:]
            result[key] = merge(types, below, live.get(key), value)
        return result
    if isinstance(applied, list) and isinstance(live, list) and marker:
        if marker == "set":
            return live + [v for v in applied if v not in live]
        result = list(live)
        places = {item_key(item, marker): index for index, item in enumerate(result)}
        for item in applied:
            index = places.get(item_key(item, marker))
            if index is None:
                result.append(item)
            else:
                result[index] = merge(types, inner[2:], result[index], item)
        return result
    return applied
