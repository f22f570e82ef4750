"""Judging a request by the caller's IAM policies, action and resource.

moto asks its policies with resource "*", so that a rule for one parameter never matches there; the lab judges in
front of it. Conditions are not judged here: a statement that has one is refused when the policy is set, so that
nothing is believed to be checked that is not.
"""
from __future__ import annotations

import re
from typing import Any

Document = dict[str, Any]


def _list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _match(pattern: str, text: str, case: bool) -> bool:
    expression = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.fullmatch(expression, text, 0 if case else re.IGNORECASE) is not None


def check(document: Document) -> None:
    """Refuses what this judge does not understand."""
    for statement in _statements(document):
        unknown = set(statement) - {"Sid", "Effect", "Action", "Resource"}
        if unknown:
            raise ValueError(f"the lab does not judge {', '.join(sorted(unknown))} in a policy")


def _statements(document: Document) -> list[Document]:
    statements = document["Statement"]
    return [statements] if isinstance(statements, dict) else list(statements)


def allowed(documents: list[Document], action: str, resource: str) -> bool:
    """An explicit Deny wins; without an Allow the answer is no."""
    verdict = False
    for document in documents:
        for statement in _statements(document):
            if any(_match(one, action, case=False) for one in _list(statement["Action"])) and \
                    any(_match(one, resource, case=True) for one in _list(statement["Resource"])):
                if statement["Effect"] == "Deny":
                    return False
                verdict = True
    return verdict


def resource_of(service: str, action: str, parameters: Document, region: str, account: str) -> str:
    """The ARN that AWS would judge for this call; "*" for actions without resource-level permissions."""
    if service == "ssm" and "Name" in parameters and action.endswith(("Parameter", "ParameterHistory")):
        return f"arn:aws:ssm:{region}:{account}:parameter/{str(parameters['Name']).lstrip('/')}"
    if service == "ssm" and "Path" in parameters:
        return f"arn:aws:ssm:{region}:{account}:parameter/{str(parameters['Path']).strip('/')}/"
    return "*"
