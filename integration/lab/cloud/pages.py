"""Lists in pages as small as a test wants them: AWS may cut any list, moto cuts hardly any.

Which parameters and members make pages of an action is botocore's paginators-1.json.
"""
from __future__ import annotations

import functools
import json
import xml.etree.ElementTree as xml
from typing import Any

from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
from botocore.model import StructureShape

from .backend import Answer
from .errors import AwsError
from .models import Call

MARK = "lab-page-"


@functools.cache
def _pagers(service: str) -> dict[str, Any]:
    try:
        return dict(Loader().load_service_model(service, "paginators-1")["pagination"])
    except UnknownServiceError:
        return {}


def _pager(call: Call) -> dict[str, Any] | None:
    found = _pagers(call.service).get(call.action)
    if found is None or call.protocol == "rest-xml" or not isinstance(found.get("input_token"), str):
        return None
    return dict(found)


def parameters(call: Call) -> tuple[str, ...]:
    """What of the request is about pages."""
    pager = _pager(call)
    return (pager["input_token"], *([pager["limit_key"]] if "limit_key" in pager else [])) if pager else ()


def cut(call: Call, answer: Answer, size: int) -> Answer:
    """The page that was asked for, of at most `size` items, and the token of the next one."""
    pager = _pager(call)
    if pager is None:
        return answer
    token = call.parameters.get(pager["input_token"], "")
    if token and not token.startswith(MARK):
        raise AwsError("InvalidParameterValue", f"Unable to parse pagination token {token!r}")
    start = int(token.removeprefix(MARK) or 0)
    size = min(size, int(call.parameters.get(pager.get("limit_key", ""), size)))
    status, headers, body = answer
    key = pager["result_key"] if isinstance(pager["result_key"], str) else pager["result_key"][0]
    if call.protocol == "json":
        return status, headers, _cut_json(body, pager, key, start, size)
    return status, headers, _cut_xml(call, body, pager, key, start, size)


def _cut_json(body: bytes, pager: dict[str, Any], key: str, start: int, size: int) -> bytes:
    document = json.loads(body)
    items = document.get(key, [])
    document[key] = items[start : start + size]
    document.pop(pager["output_token"], None)
    if start + size < len(items):
        document[pager["output_token"]] = f"{MARK}{start + size}"
    return json.dumps(document).encode()


def _cut_xml(call: Call, body: bytes, pager: dict[str, Any], key: str, start: int, size: int) -> bytes:
    output = call.operation.output_shape
    assert isinstance(output, StructureShape)
    root = xml.fromstring(body)
    space = root.tag[1 : root.tag.index("}")] if root.tag.startswith("{") else ""
    prefix = f"{{{space}}}" if space else ""
    result = root if call.protocol == "ec2" else root.find(f"{prefix}{call.action}Result")
    assert result is not None

    def name(member: str) -> str:
        return str(output.members[member].serialization.get("name", member))
    holder = result.find(prefix + name(key))
    items = list(holder) if holder is not None else []
    for number, item in enumerate(items):
        if holder is not None and not start <= number < start + size:
            holder.remove(item)
    more = start + size < len(items)
    _set(result, prefix + name(pager["output_token"]), f"{MARK}{start + size}" if more else None)
    if "more_results" in pager:
        _set(result, prefix + name(pager["more_results"]), "true" if more else "false")
    if space:
        xml.register_namespace("", space)
    return xml.tostring(root, encoding="utf-8", xml_declaration=True)


def _set(parent: xml.Element, tag: str, text: str | None) -> None:
    found = parent.find(tag)
    if found is not None:
        parent.remove(found)
    if text is not None:
        xml.SubElement(parent, tag).text = text
