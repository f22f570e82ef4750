"""One request, from its first byte to its answer."""
from __future__ import annotations

import time
import traceback
from typing import Any

from ..serve import Broken, Handler
from . import errors, fixes, models, pages, rest, rewrite, rules, signature
from .backend import Answer
from .callers import Caller
from .errors import AwsError
from .models import Call, Violation
from .resources import Unjudged, requests_of

DROPPED = {"connection", "keep-alive", "transfer-encoding", "date", "server", "content-length", "content-type"}


class Exchange:
    """What is known of a request so far; the log and the wording of errors need it even when it failed early."""

    def __init__(self, http: Handler, body: bytes) -> None:
        self.http, self.body = http, body
        self.signed: signature.Signed | None = None
        self.call: Call | None = None
        self.caller: Caller | None = None
        self.outcome = "broken"
        self.logged = False
        self.began = time.monotonic()

    @property
    def cloud(self) -> Any:
        return self.http.lab

    @property
    def protocol(self) -> str:
        if self.call:
            return self.call.protocol
        if "X-Amz-Target" in self.http.headers:
            return "json"
        host = self.http.headers.get("Host", "")
        service = self.signed.service if self.signed else "s3" if rest.HOST.fullmatch(host) else ""
        return {"ec2": "ec2", "s3": "rest-xml"}.get(service, "query")

    # ---- steps

    def understand(self) -> Call:
        """Violation where AWS's service model would not have it."""
        headers, signed = self.http.headers, self.signed
        assert signed is not None
        service = models.SIGNING_NAMES.get(signed.service, signed.service)
        if service not in models.SERVICES:
            raise Violation([f"the lab has no service {service}"])
        if signed.region != self.cloud.region and service not in ("iam", "sts"):
            raise Violation([f"{service} in {signed.region}: the lab's AWS is {self.cloud.region} alone"])
        if service == "s3":
            return rest.read(signed.region, self.http.command, headers.get("Host", ""), self.http.path, headers,
                             self.body)
        kind = headers.get("Content-Type", "")
        if self.http.command != "POST" or self.http.path != "/":
            raise Violation([f"{service} takes POST /, not {self.http.command} {self.http.path}"])
        if models.protocol(service) == "json":
            return models.read_json(service, signed.region, headers.get("X-Amz-Target", ""), self.body, kind)
        return models.read_query(service, signed.region, self.body, kind)

    def authenticate(self) -> Caller:
        http, signed = self.http, self.signed
        assert signed is not None
        caller = self.cloud.callers.find(signed.access_key)
        signature.check_time(http.headers.get("X-Amz-Date", ""))
        url = f"https://{http.headers.get('Host', '')}{http.path}"
        signature.check(signed, caller.secret, caller.token, http.command, url, http.headers, self.body)
        if time.time() >= caller.expires:
            raise AwsError("ExpiredToken", "The security token included in the request is expired")
        return caller  # type: ignore[no-any-return]

    def authorize(self) -> None:
        assert self.call is not None and self.caller is not None
        for request in requests_of(self.call, self.cloud.backend, dict(self.caller.context)):
            self.cloud.callers.judge(self.caller, request)

    def weather(self) -> None:
        """Faults that tests script, storms, throttling: what keeps a request from being looked at."""
        http, call, cloud = self.http, self.call, self.cloud
        assert call is not None
        http.begin("aws", service=call.service, action=call.action, path=http.path,
                   subject=str(call.parameters.get("Name", "")))
        storm = cloud.weather.effects(call)
        http.effects = storm | http.effects
        if "refuse" in storm:
            raise Broken
        if "delay" in storm:
            time.sleep(float(storm["delay"]))
        if "error" in http.effects:
            code, status = str(http.effects["error"]), http.effects.get("status")
            raise AwsError(code, "scripted by the lab", int(status) if status else None)
        if "status" in http.effects:
            raise AwsError("InternalError", "scripted by the lab", int(http.effects["status"]))
        cloud.weather.throttle(call)

    def carry_out(self) -> Answer:
        """The request itself, as AWS would see it: time passes, what is too young is hidden, rules hold."""
        cloud, call, http = self.cloud, self.call, self.http
        assert call is not None
        put_back = cloud.staleness.hide(call)
        try:
            self.authorize()
            if call.dry_run:
                raise AwsError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
            if (kept := cloud.tokens.recall(call, cloud.backend)) is not None:
                return kept  # type: ignore[no-any-return]
            cloud.quotas.check(call)
            rules.check(call, cloud.backend)
            if (own := cloud.own_answer(call)) is not None:
                return own  # type: ignore[no-any-return]
            body = rewrite.body(call, cloud.backend, self.body, without_pages=bool(cloud.page_size))
            answer = cloud.backend.send(call, http.command, http.path, http.headers, body)
        finally:
            put_back()
        if answer[0] < 300 and not call.reads:
            cloud.committed(call, answer)
        if cloud.page_size and answer[0] == 200:
            answer = pages.cut(call, answer, cloud.page_size)
        return answer  # type: ignore[no-any-return]

    def run(self) -> None:
        http = self.http
        try:
            self.signed = signature.read(http.headers)
            self.call = call = self.understand()
            self.weather()
            with self.cloud.backend.lock:
                self.cloud.lifecycle.advance()
                self.caller = self.authenticate()
                answer = self.carry_out()
            self.cloud.hold.pass_through(call)
            if "lost" in http.effects:
                raise Broken
            self.answer(*answer)
        except (Violation, Unjudged) as error:
            problems = error.problems if isinstance(error, Violation) else [str(error)]
            self.cloud.violate(service=self.signed.service if self.signed else "", problems=problems,
                               action=self.call.action if self.call else _action(self.body))
            self.refuse(AwsError("LabModelViolation", "; ".join(problems)))
        except AwsError as error:
            self.refuse(error)
        except (Broken, OSError):
            raise
        except Exception as error:  # moto's or ours: a test has to hear of it
            traceback.print_exc()
            self.cloud.violate(service=self.call.service if self.call else "", problems=[f"the lab failed: {error!r}"],
                               action=self.call.action if self.call else "")
            self.refuse(AwsError("InternalError", f"the lab failed: {error!r}"))
        finally:
            self.log()

    def pace(self) -> None:
        """A scripted latency: the answer does not leave sooner. What was asked for has happened long before, as on AWS."""
        left = self.began + float(self.http.effects.get("latency", 0)) - time.monotonic()
        if left > 0:
            time.sleep(left)

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.pace()
        self.outcome = str(status)
        usual = {"json": "application/x-amz-json-1.1", "ec2": "text/xml;charset=UTF-8"}.get(self.protocol, "text/xml")
        kind = next((value for name, value in headers.items() if name.lower() == "content-type"), usual)
        if self.protocol == "json":
            kind = usual
        elif self.protocol == "ec2":
            body = fixes.in_namespace(body)
        kept = {name.replace("-", "_"): value for name, value in headers.items() if name.lower() not in DROPPED}
        if status in (204, 304):
            body = b""  # moto writes one; HTTP has none there, and it would begin the next answer
        if self.http.command == "HEAD":  # the answer has no body, but says how long it would have been
            body = bytes(int(next((v for k, v in headers.items() if k.lower() == "content-length"), 0)))
        self.log()
        self.http.reply(status, body, kind, **kept)

    def refuse(self, error: AwsError) -> None:
        self.pace()
        self.outcome = error.spelt(self.protocol)
        text, kind = errors.body(error, self.protocol)
        self.log()
        self.http.reply(error.status(self.protocol), text, kind, x_amzn_RequestId=errors.request_id())

    def log(self) -> None:
        """Before the answer: who has it finds the request in the log."""
        if self.logged:
            return
        self.logged, call = True, self.call
        self.cloud.log_request(
            source=self.http.source, host=self.http.headers.get("Host", ""), outcome=self.outcome,
            service=call.service if call else "", action=call.action if call else "",
            subject=str(call.parameters.get("Name", "")) if call else "", role=self.caller.name if self.caller else "",
            seconds=round(time.monotonic() - self.began, 4))


def _action(body: bytes) -> str:
    return body[:200].decode(errors="replace") if body.startswith(b"Action=") else ""


class CloudHandler(Handler):
    def _exchange(self) -> None:
        Exchange(self, self.body()).run()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _exchange
