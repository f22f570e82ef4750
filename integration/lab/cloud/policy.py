"""IAM's decision on one request: an explicit Deny wins, without an Allow the answer is no.

What this judge does not understand is refused when a policy is set, so that nothing is believed to be checked that is
not. Rules: IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements: Condition operators".
"""
from __future__ import annotations

import functools
import ipaddress
import re
from dataclasses import dataclass, field
from typing import Any, Callable, Iterable

Document = dict[str, Any]
ELEMENTS = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}
Context = dict[str, "str | list[str]"]  # condition keys in lower case; a list for keys with many values


@dataclass(frozen=True)
class Statement:
    """Where an Allow came from, for the account of what is used."""
    policy: str
    number: int
    action: str
    resource: str


@dataclass
class Request:
    action: str
    resource: str
    context: Context = field(default_factory=dict)


def as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def statements(document: Document) -> list[Document]:
    return as_list(document["Statement"])


@functools.lru_cache(4096)
def _glob(pattern: str, flags: int) -> re.Pattern[str]:
    return re.compile("".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern), flags)


def like(pattern: str, text: str, *, ignore_case: bool = False) -> bool:
    return _glob(pattern, (re.IGNORECASE if ignore_case else 0) | re.DOTALL).fullmatch(text) is not None


def _number(test: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    return lambda wanted, got: test(float(got), float(wanted))


def _in_network(wanted: str, got: str) -> bool:
    return ipaddress.ip_address(got) in ipaddress.ip_network(wanted, strict=False)


# (test of one wanted value against one value of the request, negated?)
OPERATORS: dict[str, tuple[Callable[[str, str], bool], bool]] = {
    "StringEquals": (lambda wanted, got: wanted == got, False),
    "StringNotEquals": (lambda wanted, got: wanted == got, True),
    "StringEqualsIgnoreCase": (lambda wanted, got: wanted.lower() == got.lower(), False),
    "StringNotEqualsIgnoreCase": (lambda wanted, got: wanted.lower() == got.lower(), True),
    "StringLike": (like, False), "StringNotLike": (like, True),
    "ArnEquals": (like, False), "ArnLike": (like, False), "ArnNotEquals": (like, True), "ArnNotLike": (like, True),
    "Bool": (lambda wanted, got: wanted.lower() == got.lower(), False),
    "NumericEquals": (_number(lambda a, b: a == b), False), "NumericNotEquals": (_number(lambda a, b: a == b), True),
    "NumericLessThan": (_number(lambda a, b: a < b), False),
    "NumericLessThanEquals": (_number(lambda a, b: a <= b), False),
    "NumericGreaterThan": (_number(lambda a, b: a > b), False),
    "NumericGreaterThanEquals": (_number(lambda a, b: a >= b), False),
    "IpAddress": (_in_network, False), "NotIpAddress": (_in_network, True),
}


def _split(operator: str) -> tuple[str, str, bool]:
    """Quantifier, bare operator, IfExists?"""
    quantifier, _, rest = operator.rpartition(":")
    return quantifier, rest.removesuffix("IfExists"), rest.endswith("IfExists")


def check(document: Document) -> None:
    """Refuses what this judge does not understand, and what IAM would call malformed."""
    if set(document) - {"Version", "Id", "Statement"} or document.get("Version") != "2012-10-17":
        raise ValueError("a policy has Version 2012-10-17 and Statement, and nothing else")
    for one in statements(document):
        if unknown := set(one) - ELEMENTS:
            raise ValueError(f"the lab does not judge {', '.join(sorted(unknown))} in a policy")
        if one.get("Effect") not in ("Allow", "Deny") or ("Action" in one) == ("NotAction" in one) or \
                ("Resource" in one) == ("NotResource" in one):
            raise ValueError("a statement has Effect, one of Action and NotAction, one of Resource and NotResource")
        for action in as_list(one.get("Action", one.get("NotAction"))):
            if action != "*" and not re.fullmatch(r"[a-z0-9-]+:[A-Za-z0-9*?]+", action):
                raise ValueError(f"{action!r} is no action")
        for resource in as_list(one.get("Resource", one.get("NotResource"))):
            if resource != "*" and not resource.startswith("arn:"):
                raise ValueError(f"{resource!r} is no ARN")
        for operator in one.get("Condition", {}):
            quantifier, bare, _ = _split(operator)
            if quantifier not in ("", "ForAllValues", "ForAnyValue") or (bare not in OPERATORS and bare != "Null"):
                raise ValueError(f"the lab does not judge the condition operator {operator}")


def _variables(text: str, context: Context) -> str:
    def value(found: re.Match[str]) -> str:
        known = {"*": "*", "?": "?", "$": "$"}.get(found[1]) or context.get(found[1].lower())
        return known if isinstance(known, str) else "\0"  # an unknown variable matches nothing
    return re.sub(r"\$\{([^}]+)\}", value, text)


def _condition(operator: str, key: str, wanted: Any, context: Context) -> bool:
    quantifier, bare, if_exists = _split(operator)
    got = context.get(key.lower())
    if bare == "Null":
        return (got is None or got == []) == (str(as_list(wanted)[0]).lower() == "true")
    test, negated = OPERATORS[bare]
    options = [_variables(str(one).lower() if isinstance(one, bool) else str(one), context) for one in as_list(wanted)]
    if got is None or got == []:
        return if_exists or negated or quantifier == "ForAllValues"

    def holds(value: str) -> bool:
        return any(test(option, value) for option in options) != negated

    values = got if isinstance(got, list) else [got]
    return all(map(holds, values)) if quantifier == "ForAllValues" else any(map(holds, values))


def applies(one: Document, request: Request) -> tuple[str, str] | None:
    """The action and resource patterns by which a statement speaks of this request, if it does."""
    action = next((a for a in as_list(one.get("Action", [])) if like(a, request.action, ignore_case=True)), None)
    if "NotAction" in one:
        action = None if any(like(a, request.action, ignore_case=True) for a in as_list(one["NotAction"])) else "not"
    resource = next((r for r in as_list(one.get("Resource", [])) if like(_variables(r, request.context),
                                                                         request.resource)), None)
    if "NotResource" in one:
        resource = None if any(like(r, request.resource) for r in as_list(one["NotResource"])) else "not"
    if action is None or resource is None:
        return None
    for operator, keys in one.get("Condition", {}).items():
        if not all(_condition(operator, key, wanted, request.context) for key, wanted in keys.items()):
            return None
    return action, resource


def judge(documents: Iterable[tuple[str, Document]], request: Request) -> Statement | str:
    """The statement that allows it, or AWS's words for why not. `documents`: policies with their names."""
    allowed: Statement | None = None
    for name, document in documents:
        for number, one in enumerate(statements(document)):
            if (matched := applies(one, request)) is None:
                continue
            if one["Effect"] == "Deny":
                return "with an explicit deny in an identity-based policy"
            allowed = allowed or Statement(name, number, *matched)
    return allowed or f"because no identity-based policy allows the {request.action} action"
