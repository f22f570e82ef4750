"""Instance metadata, version 2 only, at 169.254.169.254; each instance, known by its address, sees its own.

Strict where EC2 is: a session token must be PUT for, is bound to its instance and expires; a request that went
through a proxy gets none; the answer to the PUT travels only as many hops as the instance's hop limit allows.
"""
from __future__ import annotations

import json
import secrets
import threading
import time
from typing import Any

from .instance import Instance
from .serve import Handler, set_ttl

VERSIONS = ("1.0", "2009-04-04", "2016-09-02", "2018-09-24", "2021-03-23", "latest")
TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"
TOKEN_HEADER = "X-aws-ec2-metadata-token"
MAX_TTL = 21600
Tree = dict[str, Any]  # folders are dicts, leaves strings


class Tokens:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens: dict[str, tuple[str, float]] = {}

    def make(self, source: str, ttl: int) -> str:
        token = secrets.token_urlsafe(42)
        with self._lock:
            self._tokens[token] = (source, time.monotonic() + ttl)
        return token

    def valid(self, token: str, source: str) -> bool:
        owner, deadline = self._tokens.get(token, ("", 0.0))
        return owner == source and time.monotonic() < deadline

    def expire_all(self) -> None:
        with self._lock:
            self._tokens.clear()


def mac(instance: Instance) -> str:
    return instance.mac or "02:00:" + ":".join(f"{int(part):02x}" for part in instance.address.split("."))


def meta_data(instance: Instance, credentials: Tree) -> Tree:
    """`credentials`: what is below iam/, empty for an instance without a profile."""
    interface = {"device-number": "0", "interface-id": instance.interface or f"eni-{instance.id[2:]}",
                 "local-hostname": instance.fqdn, "local-ipv4s": instance.address, "mac": mac(instance),
                 "owner-id": "123456789012", "subnet-id": instance.subnet if instance.subnet.startswith("subnet-") else
                 f"subnet-{instance.subnet}", "vpc-id": instance.vpc, "vpc-ipv4-cidr-block": instance.vpc_cidr,
                 "vpc-ipv4-cidr-blocks": instance.vpc_cidr}
    tree: Tree = {
        "ami-id": instance.image, "ami-launch-index": "0", "hostname": instance.fqdn, "instance-action": "none",
        "instance-id": instance.id, "instance-life-cycle": "on-demand", "instance-type": instance.type,
        "local-hostname": instance.fqdn, "local-ipv4": instance.address, "mac": mac(instance),
        "network": {"interfaces": {"macs": {mac(instance): interface}}},
        "placement": {"availability-zone": instance.availability_zone, "region": instance.region},
        "reservation-id": "r-" + instance.id[2:], "security-groups": "\n".join(instance.security_groups),
        "services": {"domain": "amazonaws.com", "partition": "aws"}}
    if credentials:
        tree["iam"] = credentials
    if instance.tags_in_metadata and instance.tags:
        tree["tags"] = {"instance": dict(instance.tags)}
    if instance.public_address:
        tree |= {"public-ipv4": instance.public_address, "public-hostname": public_name(instance)}
        interface |= {"public-ipv4s": instance.public_address, "public-hostname": public_name(instance)}
    if instance.key:
        tree["public-keys"] = {"0": {"openssh-key": instance.key}}
    return tree


def public_name(instance: Instance) -> str:
    domain = "compute-1" if instance.region == "us-east-1" else f"{instance.region}.compute"
    return f"ec2-{instance.public_address.replace('.', '-')}.{domain}.amazonaws.com"


def identity_document(instance: Instance) -> str:
    return json.dumps({"accountId": "123456789012", "architecture": "x86_64", "imageId": instance.image,
                       "availabilityZone": instance.availability_zone, "instanceId": instance.id,
                       "instanceType": instance.type, "privateIp": instance.address, "region": instance.region,
                       "pendingTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(instance.launched)),
                       "version": "2017-09-30"}, indent=2)


def look_up(tree: Tree, path: str, key_name: str = "lab-key") -> str | None:
    """A leaf's text, or a folder's listing, whose own folders end in a slash."""
    node: Any = tree
    for part in (part for part in path.split("/") if part):
        if not isinstance(node, dict) or part not in node:
            return None
        node = node[part]
    if not isinstance(node, dict):
        return str(node)
    if set(node) == {"0"}:
        return f"0={key_name}"  # public-keys has a listing of its own kind
    return "\n".join(name + ("/" if isinstance(child, dict) else "") for name, child in node.items())


class ImdsHandler(Handler):
    def do_PUT(self) -> None:
        self.begin("imds", path=self.path)
        self.body()
        instance = self.lab.instance_at(self.source)
        ttl = self.headers.get(TTL_HEADER, "")
        if self._scripted() or instance is None:
            return
        if self.path != "/latest/api/token":
            self.reply(405)
        elif "X-Forwarded-For" in self.headers:
            self.reply(403)
        elif not ttl.isdigit() or not 1 <= int(ttl) <= MAX_TTL:
            self.reply(400)
        else:
            set_ttl(self.connection, instance.hop_limit)
            token = self.lab.tokens.make(self.source, int(ttl))
            self.reply(200, token, **{TTL_HEADER.replace("-", "_"): ttl})

    def do_GET(self) -> None:
        self.begin("imds", path=self.path)
        if self._scripted():
            return
        if not self.lab.tokens.valid(self.headers.get(TOKEN_HEADER, ""), self.source):
            self.reply(401)
            return
        answer = self._answer()
        self.reply(404, "not found\n") if answer is None else self.reply(200, answer)

    def _scripted(self) -> bool:
        if "status" in self.effects:
            self.reply(int(self.effects["status"]))
        return "status" in self.effects

    def _answer(self) -> str | bytes | None:
        instance = self.lab.instance_at(self.source)
        version, _, rest = self.path.lstrip("/").partition("/")
        if instance is None:
            return None
        if not version:
            return "\n".join(VERSIONS)
        if version not in VERSIONS:
            return None
        if rest.rstrip("/") == "user-data":
            return self.lab.user_data(instance)
        if rest.startswith("meta-data"):
            return look_up(meta_data(instance, self._iam(instance, rest)), rest.removeprefix("meta-data"),
                           instance.key_name)
        if rest.startswith("dynamic"):
            return look_up({"instance-identity": {"document": identity_document(instance)}},
                           rest.removeprefix("dynamic"))
        return "dynamic\nmeta-data\nuser-data" if not rest else None

    def _iam(self, instance: Instance, path: str) -> Tree:
        """Credentials are made only for who asks for them."""
        if not instance.role:
            return {}
        info = {"Code": "Success", "LastUpdated": "2026-01-01T00:00:00Z",
                "InstanceProfileArn":
                f"arn:aws:iam::123456789012:instance-profile/{instance.profile or instance.role}"}
        wanted = "security-credentials/" + instance.role in path
        return {"info": json.dumps(info), "security-credentials": {
            instance.role: self.lab.credentials.document(instance) if wanted else ""}}
