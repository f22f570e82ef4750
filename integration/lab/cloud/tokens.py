"""ClientToken: the same token with the same parameters gets the same answer, with others IdempotentParameterMismatch."""
from __future__ import annotations

import json
import re
from typing import Any

from .backend import Answer, Backend
from .errors import AwsError
from .models import Call


class Tokens:
    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, str], tuple[str, Answer]] = {}

    @staticmethod
    def _key(call: Call) -> tuple[str, str, str] | None:
        token = call.parameters.get("ClientToken")
        return (call.name, call.region, str(token)) if token else None

    @staticmethod
    def _parameters(call: Call) -> str:
        return json.dumps({name: value for name, value in call.parameters.items() if name not in ("ClientToken",
                                                                                                  "DryRun")},
                          sort_keys=True, default=repr)

    def recall(self, call: Call, backend: Backend) -> Answer | None:
        """The answer that this token had, as it would read now."""
        key = self._key(call)
        if key is None or key not in self._kept:
            return None
        parameters, (status, headers, body) = self._kept[key]
        if parameters != self._parameters(call):
            raise AwsError("IdempotentParameterMismatch", "The request uses the same client token as a previous, but "
                           "non-identical request. Do not reuse a client token with different requests, unless the "
                           "requests are identical")
        if call.name == "ec2:RunInstances" and _ended(body, backend):
            raise AwsError("IdempotentInstanceTerminated", "The client token that you have provided is associated with a "
                           "resource that is already deleted. Please use a different client token")
        return status, headers, _as_of_now(body, backend)

    def keep(self, call: Call, answer: Answer) -> None:
        if (key := self._key(call)) is not None and answer[0] == 200:
            self._kept[key] = (self._parameters(call), answer)


def _ended(body: bytes, backend: Backend) -> bool:
    found = [backend.ec2.get_instance_by_id(one.decode()) for one in re.findall(rb"<instanceId>(i-[0-9a-f]+)<", body)]
    return any(one is None or one._state.name in ("shutting-down", "terminated") for one in found)


def _as_of_now(body: bytes, backend: Backend) -> bytes:
    """A repeated RunInstances tells the instance's present state, not the one it had at first."""
    def state(found: re.Match[bytes]) -> bytes:
        instance: Any = backend.ec2.get_instance_by_id(found[2].decode())
        code, name = (instance._state.code, instance._state.name) if instance else (48, "terminated")
        return found[1] + b"<code>%d</code><name>%s</name>" % (code, name.encode()) + found[4]
    return re.sub(rb"(<instanceId>(i-[0-9a-f]+)</instanceId>.*?<instanceState>)(.*?)(</instanceState>)", state, body,
                  flags=re.DOTALL)
