"""Requests that moto would misread, said in the words that it reads."""
from __future__ import annotations

import json
import urllib.parse

from . import pages
from .backend import Backend
from .models import Call


def body(call: Call, backend: Backend, original: bytes, *, without_pages: bool) -> bytes:
    """`without_pages`: moto is asked for everything, because the lab cuts the pages."""
    drop = pages.parameters(call) if without_pages else ()
    if call.protocol == "json" and drop:
        document = json.loads(original or b"{}")
        return json.dumps({name: value for name, value in document.items() if name not in drop}).encode()
    if call.protocol not in ("ec2", "query"):
        return original
    fields = dict(urllib.parse.parse_qsl(original.decode(), keep_blank_values=True))
    changed = {name: value for name, value in fields.items() if name not in drop}
    if call.name == "ec2:DeleteKeyPair" and "KeyPairId" in changed:  # moto knows key pairs by name only
        changed["KeyName"] = backend.key_pair_name(changed.pop("KeyPairId"))
    elif call.name == "ec2:DescribeKeyPairs":
        for number, wanted in enumerate(call.parameters.get("KeyPairIds", []), 1):
            changed[f"KeyName.{number}"] = backend.key_pair_name(wanted)
    return original if changed == fields else urllib.parse.urlencode(changed).encode()
