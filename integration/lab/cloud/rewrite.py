"""Requests that moto would misread, said in the words that it reads."""
from __future__ import annotations

import urllib.parse

from .backend import Backend
from .models import Call


def body(call: Call, backend: Backend, original: bytes) -> bytes:
    if call.service != "ec2":
        return original
    fields = dict(urllib.parse.parse_qsl(original.decode(), keep_blank_values=True))
    if call.action == "DeleteKeyPair" and "KeyPairId" in fields:  # moto knows key pairs by name only
        fields["KeyName"] = backend.key_pair_name(fields.pop("KeyPairId"))
    elif call.action == "DescribeKeyPairs":
        for number, wanted in enumerate(call.parameters.get("KeyPairIds", []), 1):
            fields[f"KeyName.{number}"] = backend.key_pair_name(wanted)
    else:
        return original
    return urllib.parse.urlencode(fields).encode()
