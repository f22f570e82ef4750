"""The proxy in front of moto: what AWS does and moto does not.

Knows the caller by the access key, refuses expired credentials and skewed clocks, judges the caller's policies by
action and resource, applies faults, logs each request (never a body: they hold secrets), and lets moto do the rest,
the signature included.
"""
from __future__ import annotations

import calendar
import json
import re
import time
import urllib.parse
from dataclasses import dataclass
from typing import Any

from . import moto, policy
from .serve import Broken, Handler

SKEW = 300.0  # seconds, AWS documentation: "within five minutes of the time on the server"
AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request, ?"
                           r"SignedHeaders=\S+, ?Signature=[0-9a-f]{64}")
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "date", "server",
              "content-length"}


@dataclass
class Call:
    """One request, understood."""
    service: str
    action: str
    region: str
    parameters: dict[str, Any]
    access_key: str
    json_protocol: bool


class AwsError(Exception):
    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def understand(headers: Any, body: bytes) -> Call:
    signed = AUTHORIZATION.fullmatch(headers.get("Authorization", ""))
    if signed is None:
        raise AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
    access_key, region, service = signed.groups()
    if target := headers.get("X-Amz-Target"):
        return Call(service, target.rpartition(".")[2], region, json.loads(body or b"{}"), access_key, True)
    fields = dict(urllib.parse.parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    return Call(service, fields.get("Action", ""), region, fields, access_key, False)


def check_time(stamp: str) -> None:
    try:
        moment = calendar.timegm(time.strptime(stamp, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        raise AwsError("IncompleteSignature", "Date must be in ISO-8601 'basic format'") from None
    if abs(moment - time.time()) > SKEW:
        raise AwsError("InvalidSignatureException", f"Signature expired or not yet current: {stamp}")


class AwsHandler:
    """Mixed into the front's handler; `self` is a serve.Handler."""

    @staticmethod
    def handle(http: Handler) -> None:
        body = http.body()
        started = time.monotonic()
        call: Call | None = None
        outcome = "broken"
        try:
            call = understand(http.headers, body)
            http.begin("aws", service=call.service, action=call.action, path=http.path,
                       subject=str(call.parameters.get("Name", "")))
            outcome = AwsHandler._serve(http, call, body)
        except AwsError as error:
            outcome = error.code
            _reply_error(http, call, error)
        finally:
            http.lab.log_request(source=http.source, host=http.headers.get("Host", ""), outcome=outcome,
                                 service=call.service if call else "", action=call.action if call else "",
                                 subject=str(call.parameters.get("Name", "")) if call else "",
                                 role=_role(http, call), seconds=round(time.monotonic() - started, 3))

    @staticmethod
    def _serve(http: Handler, call: Call, body: bytes) -> str:
        if "error" in http.effects:
            raise AwsError(str(http.effects["error"]), "Rate exceeded")
        if "status" in http.effects:
            http.reply(int(http.effects["status"]))
            return str(http.effects["status"])
        check_time(http.headers.get("X-Amz-Date", ""))
        _judge(http, call)
        headers = {name: value for name, value in http.headers.items() if name.lower() not in HOP_BY_HOP}
        status, answer_headers, answer = moto.exchange(http.command, http.path, headers, body)
        if "lost" in http.effects:
            raise Broken
        if status == 403 and call.json_protocol and answer.lstrip().startswith(b"<"):
            raise _in_json(answer)
        kept = {name.replace("-", "_"): value for name, value in answer_headers.items()
                if name.lower() not in HOP_BY_HOP | {"content-type"}}
        http.reply(status, answer, answer_headers.get("Content-Type", "text/plain"), **kept)
        return str(status)


def _in_json(answer: bytes) -> AwsError:
    """moto words its refusals of a signature in XML for every service; AWS has other codes in the JSON protocol."""
    found = re.search(rb"<Code>(.*?)</Code>.*?<Message>(.*?)</Message>", answer, re.DOTALL)
    code, message = (part.decode() for part in found.groups()) if found else ("InvalidSignatureException", "")
    return AwsError({"SignatureDoesNotMatch": "InvalidSignatureException",
                     "InvalidClientTokenId": "UnrecognizedClientException"}.get(code, code), message)


def _role(http: Handler, call: Call | None) -> str:
    issued = http.lab.credentials.find(call.access_key) if call else None
    return issued.role if issued else ""


def _judge(http: Handler, call: Call) -> None:
    issued = http.lab.credentials.find(call.access_key)
    if issued is None:
        if http.lab.is_operator(call.access_key):
            return
        raise AwsError("UnrecognizedClientException", "The security token included in the request is invalid.")
    if time.time() >= issued.expires:
        raise AwsError("ExpiredTokenException", "The security token included in the request is expired")
    resource = policy.resource_of(call.service, call.action, call.parameters, call.region, moto.ACCOUNT)
    action = f"{call.service}:{call.action}"
    if not policy.allowed(http.lab.policies_of(issued.role), action, resource):
        who = f"arn:aws:sts::{moto.ACCOUNT}:assumed-role/{issued.role}/{issued.instance}"
        raise AwsError("AccessDeniedException", f"User: {who} is not authorized to perform: {action} on resource: "
                       f"{resource} because no identity-based policy allows the {action} action")


def _reply_error(http: Handler, call: Call | None, error: AwsError) -> None:
    if call is None or call.json_protocol:
        http.reply(error.status, json.dumps({"__type": error.code, "message": error.message}),
                   "application/x-amz-json-1.1", x_amzn_RequestId="lab")
        return
    text = f"<Code>{error.code}</Code><Message>{error.message}</Message>"
    body = f"<Response><Errors><Error>{text}</Error></Errors><RequestID>lab</RequestID></Response>" \
        if call.service == "ec2" else \
        f"<ErrorResponse><Error><Type>Sender</Type>{text}</Error><RequestId>lab</RequestId></ErrorResponse>"
    http.reply(error.status, body, "text/xml", x_amzn_RequestId="lab")
