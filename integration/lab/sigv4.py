"""AWS signature version 4 for the lab's own calls (AWS documentation, "Create a signed AWS API request")."""
from __future__ import annotations

import datetime
import hashlib
import hmac
import urllib.parse
from dataclasses import dataclass


@dataclass(frozen=True)
class Credentials:
    access_key: str
    secret_key: str
    token: str = ""


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signed_headers(credentials: Credentials, service: str, region: str, method: str, url: str,
                   headers: dict[str, str], body: bytes) -> dict[str, str]:
    """`headers` plus those that sign the request."""
    parts = urllib.parse.urlsplit(url)
    moment = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    out = dict(headers) | {"Host": parts.netloc, "X-Amz-Date": moment}
    if credentials.token:
        out["X-Amz-Security-Token"] = credentials.token
    lower = {name.lower(): " ".join(value.split()) for name, value in out.items()}
    names = ";".join(sorted(lower))
    query = "&".join(sorted(f"{urllib.parse.quote(k, safe='-_.~')}={urllib.parse.quote(v, safe='-_.~')}"
                            for k, v in urllib.parse.parse_qsl(parts.query, keep_blank_values=True)))
    canonical = "\n".join([method, parts.path or "/", query, *(f"{n}:{lower[n]}" for n in sorted(lower)), "", names,
                           hashlib.sha256(body).hexdigest()])
    to_sign = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + credentials.secret_key).encode()
    for part in (moment[:8], region, service, "aws4_request"):
        key = _hmac(key, part)
    out["Authorization"] = (f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, SignedHeaders={names}, "
                            f"Signature={_hmac(key, to_sign).hex()}")
    return out
