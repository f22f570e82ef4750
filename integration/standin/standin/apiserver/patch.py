"""JSON merge patch (RFC 7386), JSON patch (RFC 6902) and Kubernetes' strategic merge patch."""
import copy

from . import answers, fields


def merge(target, change):
    if not isinstance(change, dict):
        return change
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def strategic(types: dict, expression: str, target, change):
    inner, marker = fields.split(expression)
    if isinstance(change, dict):
        return _strategic_map(types, inner, target, change)
    if isinstance(change, list) and marker and isinstance(target, list):
        return _strategic_list(types, inner, marker, target, change)
    return change


def _strategic_map(types: dict, inner: str, target, change: dict):
    if change.get("$patch") == "replace":
        return {k: v for k, v in change.items() if k != "$patch"}
    known = types.get(inner)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in change.items():
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.partition("/")[2]
            result[name] = [v for v in result.get(name) or [] if v not in value]
        elif key.startswith("$"):
            continue
        elif value is None:
            result.pop(key, None)
        else:
            below = known.get(key, "any") if known is not None else (inner[4:] if inner.startswith("map:") else "any")
            result[key] = strategic(types, below, result.get(key), value)
    return result


def _strategic_list(types: dict, inner: str, marker: str, target: list, change: list) -> list:
    if marker == "set":
        return target + [v for v in change if v not in target]
    name = marker.split(",")[0]
    if any(isinstance(i, dict) and i.get("$patch") == "replace" for i in change):
        return [i for i in change if "$patch" not in i]
    result = list(target)
    for item in change:
        if name not in item:
            raise answers.bad_request(f"map: {item} does not contain declared merge key: {name}")
        index = next((n for n, old in enumerate(result) if old.get(name) == item[name]), None)
        if item.get("$patch") == "delete":
            if index is not None:
                del result[index]
        elif index is None:
            result.append(item)
        else:
            result[index] = _strategic_map(types, inner[2:], result[index], item)
    return result


def json_patch(target, operations):
    if not isinstance(operations, list):
        raise answers.bad_request("error decoding patch: json: cannot unmarshal object into Go value of type "
                                  "jsonpatch.Patch")
    result = copy.deepcopy(target)
    for step in operations:
        try:
            _json_step(result, step)
        except (KeyError, IndexError, ValueError, TypeError):
            raise answers.Refusal(422, "Invalid", "the server rejected our request due to an error in our request"
                                  ) from None
    return result


def _json_step(root, step: dict) -> None:
    *parents, last = [p.replace("~1", "/").replace("~0", "~") for p in step["path"].split("/")[1:]]
    for part in parents:
        root = root[int(part)] if isinstance(root, list) else root[part]
    operation = step["op"]
    if operation == "test":
        if root[int(last) if isinstance(root, list) else last] != step["value"]:
            raise ValueError("test failed")
    elif operation == "remove":
        del root[int(last) if isinstance(root, list) else last]
    elif operation in ("add", "replace"):
        if isinstance(root, list) and operation == "add":
            root.insert(len(root) if last == "-" else int(last), step["value"])
        else:
            if operation == "replace":
                root[last]
            root[int(last) if isinstance(root, list) else last] = step["value"]
    else:
        raise ValueError(operation)
