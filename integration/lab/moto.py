"""The AWS stand-in behind the lab's proxy: moto, from its own tree, on the loopback of the lab's network."""
from __future__ import annotations

import http.client
import json
import time
import urllib.parse
import xml.etree.ElementTree as xml
from pathlib import Path
from typing import Any

from . import tree
from .command import LabError
from .sigv4 import Credentials, signed_headers

PORT = 5000
ACCOUNT = "123456789012"  # moto's


def argv() -> list[str]:
    return ["chroot", str(tree.aws_tree()), "/usr/bin/env", "-i", "PATH=/usr/bin", "PYTHONDONTWRITEBYTECODE=1",
            "AWS_ACCESS_KEY_ID=unused", "AWS_SECRET_ACCESS_KEY=unused", "MOTO_S3_CUSTOM_ENDPOINTS=",
            "python3", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(PORT)]


def exchange(method: str, path: str, headers: dict[str, str], body: bytes,
             timeout: float = 60) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=timeout)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if "content-length" not in {name.lower() for name in headers}:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def wait(timeout: float = 60) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            if exchange("GET", "/moto-api/", {"Host": "localhost"}, b"")[0] == 200:
                return
        except OSError:
            if time.monotonic() > deadline:
                raise LabError("moto does not answer; see moto.log") from None
        time.sleep(0.1)


class Admin:
    """The lab's own, all-powerful account: sets the scene and looks behind it, past the proxy and its faults."""

    def __init__(self, region: str) -> None:
        self.region = region
        self.credentials = Credentials("unused", "unused")

    def query(self, service: str, version: str, action: str, **parameters: str) -> xml.Element:
        """A call of the query protocol (iam, sts, ec2, …)."""
        body = urllib.parse.urlencode({"Action": action, "Version": version} | parameters).encode()
        host = f"{service}.amazonaws.com" if service == "iam" else f"{service}.{self.region}.amazonaws.com"
        kind = "application/x-www-form-urlencoded; charset=utf-8"
        return xml.fromstring(_strip_namespace(self._send(service, host, {"Content-Type": kind}, body)))

    def json(self, service: str, target: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """A call of the JSON 1.1 protocol (ssm)."""
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}
        host = f"{service}.{self.region}.amazonaws.com"
        answer = self._send(service, host, headers, json.dumps(parameters).encode())
        return json.loads(answer or b"{}")  # type: ignore[no-any-return]

    def _send(self, service: str, host: str, headers: dict[str, str], body: bytes) -> bytes:
        region = "us-east-1" if service == "iam" else self.region
        headers = signed_headers(self.credentials, service, region, "POST", f"http://{host}/", headers, body)
        status, _, answer = exchange("POST", "/", headers, body)
        if status != 200:
            raise LabError(f"moto answered {status} to {service}: {answer[:500].decode(errors='replace')}")
        return answer

    def take_over(self) -> None:
        """Makes an administrator and has moto check signatures from now on."""
        self.query("iam", "2010-05-08", "CreateUser", UserName="lab")
        everything = json.dumps({"Version": "2012-10-17",
                                 "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
        self.query("iam", "2010-05-08", "PutUserPolicy", UserName="lab", PolicyName="all", PolicyDocument=everything)
        key = self.query("iam", "2010-05-08", "CreateAccessKey", UserName="lab")
        self.credentials = Credentials(_text(key, "AccessKeyId"), _text(key, "SecretAccessKey"))
        exchange("POST", "/moto-api/reset-auth", {"Host": "localhost", "Content-Type": "text/plain"}, b"0")

    def create_role(self, name: str) -> None:
        """moto's half of a role: may sign and do anything there; what it may really do, the proxy judges."""
        trust = json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
        everything = json.dumps({"Version": "2012-10-17",
                                 "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
        self.query("iam", "2010-05-08", "CreateRole", RoleName=name, AssumeRolePolicyDocument=trust)
        self.query("iam", "2010-05-08", "PutRolePolicy", RoleName=name, PolicyName="all", PolicyDocument=everything)

    def assume(self, role: str, session: str) -> Credentials:
        answer = self.query("sts", "2011-06-15", "AssumeRole", RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{role}",
                            RoleSessionName=session)
        return Credentials(_text(answer, "AccessKeyId"), _text(answer, "SecretAccessKey"),
                           _text(answer, "SessionToken"))


def _strip_namespace(document: bytes) -> bytes:
    start = document.find(b' xmlns="')
    return document if start < 0 else document[:start] + document[document.index(b'"', start + 8) + 1 :]


def _text(root: xml.Element, name: str) -> str:
    found = root.find(f".//{name}")
    if found is None or not found.text:
        raise LabError(f"moto's answer has no {name}")
    return found.text


def tree_models() -> Path:
    """AWS's own service models, as botocore ships them."""
    return tree.aws_tree() / "usr/lib/python3/dist-packages/botocore/data"
