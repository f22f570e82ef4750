"""Errors as AWS words them, in each of its protocols."""
from __future__ import annotations

import json
import uuid
from xml.sax.saxutils import escape

# What a protocol calls the same refusal: EC2's query protocol, other query services, JSON 1.1, S3.
SPELLINGS = {
    "AccessDenied": {"ec2": "UnauthorizedOperation", "json": "AccessDeniedException"},
    "Throttling": {"ec2": "RequestLimitExceeded", "json": "ThrottlingException", "rest-xml": "SlowDown"},
    "InvalidClientTokenId": {"ec2": "AuthFailure", "json": "UnrecognizedClientException",
                             "rest-xml": "InvalidAccessKeyId"},
    "SignatureDoesNotMatch": {"ec2": "AuthFailure", "json": "InvalidSignatureException"},
    "ExpiredToken": {"ec2": "RequestExpired", "json": "ExpiredTokenException"},
    "MissingAuthenticationToken": {"ec2": "AuthFailure", "json": "MissingAuthenticationTokenException",
                                   "rest-xml": "AccessDenied"},
    "RequestTimeSkewed": {"ec2": "RequestExpired", "json": "InvalidSignatureException", "query":
                          "SignatureDoesNotMatch", "rest-xml": "RequestTimeTooSkewed"},
    "InternalError": {"query": "InternalFailure", "json": "InternalServerError"},
    "ServiceUnavailable": {"ec2": "Unavailable", "json": "ServiceUnavailable"},
}
STATUS = {
    "AccessDenied": {"json": 400}, "SignatureDoesNotMatch": {"ec2": 401, "json": 400},
    "InvalidClientTokenId": {"ec2": 401, "json": 400}, "ExpiredToken": {"ec2": 400, "json": 400, "rest-xml": 400},
    "MissingAuthenticationToken": {"ec2": 401, "json": 400}, "Throttling": {"ec2": 503, "rest-xml": 503, "query": 400,
                                                                            "json": 400},
    "RequestTimeSkewed": {"ec2": 400, "json": 400}, "InternalError": {"*": 500}, "ServiceUnavailable": {"*": 503},
}
FORBIDDEN = ("AccessDenied", "InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredToken",
             "MissingAuthenticationToken", "RequestTimeSkewed")


class AwsError(Exception):
    """`code` is one of SPELLINGS' names, spelt per protocol, or a service's own code, sent as it is."""

    def __init__(self, code: str, message: str, status: int | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self._status = code, message, status

    def spelt(self, protocol: str) -> str:
        return SPELLINGS.get(self.code, {}).get(protocol, self.code)

    def status(self, protocol: str) -> int:
        if self._status is not None:
            return self._status
        known = STATUS.get(self.code, {})
        return known.get(protocol) or known.get("*") or (403 if self.code in FORBIDDEN else 400)


def request_id() -> str:
    return str(uuid.uuid4())


def body(error: AwsError, protocol: str) -> tuple[str, str]:
    """Text and content type of an answer that carries the error."""
    code, message = error.spelt(protocol), error.message
    if protocol == "json":
        return json.dumps({"__type": code, "message": message}), "application/x-amz-json-1.1"
    text = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    if protocol == "ec2":
        return (f"{head}<Response><Errors><Error>{text}</Error></Errors><RequestID>{request_id()}</RequestID>"
                "</Response>", "text/xml;charset=UTF-8")
    if protocol == "rest-xml":
        return f"{head}<Error>{text}<RequestId>{request_id()}</RequestId></Error>", "application/xml"
    kind = "Receiver" if error.status(protocol) >= 500 else "Sender"
    return (f"{head}<ErrorResponse><Error><Type>{kind}</Type>{text}</Error><RequestId>{request_id()}</RequestId>"
            "</ErrorResponse>", "text/xml")
