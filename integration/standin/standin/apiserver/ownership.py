"""managedFields: which manager owns which field, and server-side apply on top of it."""
import copy

from .. import gotext
from . import answers, fields


def apply(types: dict, resource, live: dict, applied: dict, manager: str, force: bool) -> dict:
    """The object after `manager` applied `applied` to `live`. A 409 names fields of others, unless `force`."""
    wanted = fields.owned(types, resource.type, applied)
    current = fields.owned(types, resource.type, live)
    entries = _entries(live)
    clashes = _clashes(entries, manager, wanted, current)
    if clashes and not force:
        raise _conflict(clashes)
    result = fields.merge(types, resource.type, copy.deepcopy(live), copy.deepcopy(applied))
    for path in _given_up(entries, manager, wanted):
        fields.remove(result, path)
    for _, path in clashes:
        for entry in entries:
            if entry["key"] != (manager, "Apply"):
                entry["paths"].discard(path)
    _claim(entries, manager, "Apply", set(wanted), resource)
    result.setdefault("metadata", {})["managedFields"] = _encode(entries)
    return result


def updated(types: dict, resource, before: dict | None, after: dict, manager: str, subresource: str = "") -> None:
    """Writes into `after` that `manager` owns what it changed since `before`."""
    old = fields.owned(types, resource.type, before or {})
    new = fields.owned(types, resource.type, after)
    changed = {p for p, v in new.items() if p not in old or old[p] != v}
    entries = _entries(before or {})
    for entry in entries:
        entry["paths"] -= changed | (set(old) - set(new))
    mine = next((e for e in entries if e["key"] == (manager, "Update" + subresource)), None)
    if changed:
        _claim(entries, manager, "Update", changed | (mine["paths"] if mine else set()), resource, subresource)
    after["metadata"]["managedFields"] = _encode(entries)


def _entries(obj: dict) -> list[dict]:
    found = []
    for raw in (obj.get("metadata") or {}).get("managedFields") or []:
        sub = raw.get("subresource", "")
        found.append({"key": (raw["manager"], raw["operation"] + sub), "raw": raw,
                      "paths": fields.decode(raw.get("fieldsV1") or {})})
    return found


def _encode(entries: list[dict]) -> list[dict]:
    return [{**e["raw"], "fieldsV1": fields.encode(sorted(e["paths"], key=repr))} for e in entries if e["paths"]]


def _claim(entries, manager, operation, paths, resource, subresource="") -> None:
    mine = next((e for e in entries if e["key"] == (manager, operation + subresource)), None)
    if mine is None:
        raw = {"manager": manager, "operation": operation, "apiVersion": resource.api_version,
               "time": gotext.now_rfc3339(), "fieldsType": "FieldsV1"}
        if subresource:
            raw["subresource"] = subresource
        mine = {"key": (manager, operation + subresource), "raw": raw, "paths": set()}
        entries.append(mine)
    if mine["paths"] != paths:
        mine["paths"] = set(paths)
        mine["raw"] = {**mine["raw"], "time": gotext.now_rfc3339()}


def _clashes(entries, manager, wanted, current) -> list[tuple[str, tuple]]:
    found = []
    for entry in entries:
        if entry["key"] == (manager, "Apply"):
            continue
        found += [(_manager(entry["raw"]), path) for path in sorted(entry["paths"] & set(wanted), key=repr)
                  if path in current and current[path] != wanted[path]]
    return found


def _manager(raw: dict) -> str:
    """"kubectl" using apps/v1: as a conflict names who else has the field."""
    text = f'"{raw["manager"]}"' + (f' with subresource "{raw["subresource"]}"' if raw.get("subresource") else "")
    return text + (f" using {raw['apiVersion']}" if raw["operation"] == "Update" else "")


def _given_up(entries, manager, wanted) -> list[tuple]:
    """Fields that this manager applied before and does not now, and that nobody else owns; items before fields."""
    mine = next((e["paths"] for e in entries if e["key"] == (manager, "Apply")), set())
    others = set().union(*(e["paths"] for e in entries if e["key"] != (manager, "Apply")))
    return sorted((p for p in mine - set(wanted) if p not in others), key=len)


def _conflict(clashes: list[tuple[str, tuple]]) -> answers.Refusal:
    by_manager: dict[str, list] = {}
    for manager, path in clashes:
        by_manager.setdefault(manager, []).append(fields.show(path))
    parts = []
    for manager, paths in by_manager.items():
        what = f": {paths[0]}" if len(paths) == 1 else ":\n- " + "\n- ".join(paths)
        parts.append(f'conflict{"" if len(paths) == 1 else "s"} with {manager}{what}')
    many = len(clashes)
    return answers.Refusal(409, "Conflict", f"Apply failed with {many} conflict{'' if many == 1 else 's'}: "
                           + "\n".join(parts),
                           {"causes": [{"reason": "FieldManagerConflict", "message": f"conflict with {m}",
                                        "field": fields.show(p)} for m, p in clashes]})
