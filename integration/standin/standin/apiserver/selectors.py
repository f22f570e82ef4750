"""labelSelector and fieldSelector of a list request."""
import re

from . import answers

_SET = re.compile(r"^\s*([\w./-]+)\s+(in|notin)\s+\(([^)]*)\)\s*$")


def _requirements(text: str) -> list[str]:
    return [p for p in re.split(r",(?![^(]*\))", text) if p.strip()]


def labels_match(selector: str, labels: dict) -> bool:
    for part in _requirements(selector):
        found = _SET.match(part)
        if found:
            values = {v.strip() for v in found[3].split(",")}
            if (labels.get(found[1]) in values) != (found[2] == "in"):
                return False
            continue
        if "!=" in part:
            key, value = (s.strip() for s in part.split("!=", 1))
            if labels.get(key) == value:
                return False
        elif "=" in part:
            key, value = (s.strip() for s in re.split(r"==?", part, maxsplit=1))
            if labels.get(key) != value:
                return False
        elif part.strip().startswith("!"):
            if part.strip()[1:] in labels:
                return False
        elif part.strip() not in labels:
            return False
    return True


def fields_match(selector: str, obj: dict) -> bool:
    known = {"metadata.name": obj["metadata"]["name"], "metadata.namespace": obj["metadata"].get("namespace", ""),
             "spec.nodeName": (obj.get("spec") or {}).get("nodeName", ""),
             "status.phase": (obj.get("status") or {}).get("phase", ""), "type": obj.get("type", ""),
             "spec.signerName": (obj.get("spec") or {}).get("signerName", "")}
    for part in _requirements(selector):
        key, equal, value = re.split(r"(!=|==?)", part, maxsplit=1)
        if key not in known:
            raise answers.bad_request(f"field label not supported: {key}")
        if (known[key] == value) != (equal != "!="):
            return False
    return True


def match(query: dict, obj: dict) -> bool:
    return (labels_match(query.get("labelSelector", ""), obj["metadata"].get("labels") or {})
            and fields_match(query.get("fieldSelector", ""), obj))
