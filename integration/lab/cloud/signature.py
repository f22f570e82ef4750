"""Signature version 4, checked with botocore's own signer: whatever the client under test computes, AWS's code
computes again."""
from __future__ import annotations

import calendar
import hashlib
import hmac
import re
import time
from dataclasses import dataclass
from typing import Mapping

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .errors import AwsError

SKEW = 300.0  # seconds, AWS documentation: "within five minutes of the time on the server"
HEADER = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/, ]+)/(\d{8})/([^/, ]+)/([^/, ]+)/aws4_request, ?"
                    r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})")


@dataclass(frozen=True)
class Signed:
    access_key: str
    date: str
    region: str
    service: str
    headers: tuple[str, ...]
    signature: str


def read(headers: Mapping[str, str]) -> Signed:
    found = HEADER.fullmatch(headers.get("Authorization", ""))
    if found is None:
        raise AwsError("MissingAuthenticationToken", "Request is missing Authentication Token")
    access_key, date, region, service, names, value = found.groups()
    return Signed(access_key, date, region, service, tuple(names.split(";")), value)


def check_time(stamp: str, now: float | None = None) -> None:
    try:
        moment = calendar.timegm(time.strptime(stamp, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        raise AwsError("SignatureDoesNotMatch", f"Date must be in ISO-8601 'basic format'. Got {stamp!r}") from None
    if abs(moment - (time.time() if now is None else now)) > SKEW:
        raise AwsError("RequestTimeSkewed", f"Signature expired or not yet current: {stamp} is more than 5 minutes off")


def check(signed: Signed, secret: str, token: str, method: str, url: str, headers: Mapping[str, str],
          body: bytes) -> None:
    """`url` as the client addressed it, host included."""
    lower = {name.lower(): value for name, value in headers.items()}
    must_be_signed = {"host"} | {name for name in lower if name.startswith("x-amz-")}
    if unsigned := must_be_signed - set(signed.headers):
        raise AwsError("SignatureDoesNotMatch", f"not signed, and must be: {', '.join(sorted(unsigned))}")
    if missing := [name for name in signed.headers if name not in lower]:
        raise AwsError("SignatureDoesNotMatch", f"signed, but not sent: {', '.join(missing)}")
    if token != lower.get("x-amz-security-token", ""):
        raise AwsError("InvalidClientTokenId", "The security token included in the request is invalid.")
    _check_payload(signed.service, lower.get("x-amz-content-sha256"), body)
    stamp = lower.get("x-amz-date", "")
    if stamp[:8] != signed.date:
        raise AwsError("SignatureDoesNotMatch", "the scope's date is not that of X-Amz-Date")
    auth = (S3SigV4Auth if signed.service == "s3" else SigV4Auth)(Credentials("", secret), signed.service,
                                                                  signed.region)
    request = AWSRequest(method, url, {name: lower[name] for name in signed.headers}, body)
    request.context["timestamp"] = stamp
    request.context["payload_signing_enabled"] = True
    canonical = auth.canonical_request(request)
    wanted = auth.signature(auth.string_to_sign(request, canonical), request)
    if not hmac.compare_digest(wanted, signed.signature):
        raise AwsError("SignatureDoesNotMatch", "The request signature we calculated does not match the signature you "
                       f"provided. The Canonical String for this request should have been {canonical!r}")


def _check_payload(service: str, claimed: str | None, body: bytes) -> None:
    if claimed is None:
        if service == "s3":
            raise AwsError("MissingSecurityHeader", "S3 wants x-amz-content-sha256")
        return
    if service == "s3" and claimed in ("UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"):
        return
    if claimed != hashlib.sha256(body).hexdigest():
        raise AwsError("XAmzContentSHA256Mismatch" if service == "s3" else "SignatureDoesNotMatch",
                       "The provided 'x-amz-content-sha256' header does not match what was computed.")
