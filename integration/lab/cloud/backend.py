"""moto, in this process: one call at a time, and a view into what it remembers."""
from __future__ import annotations

import json
import threading
import urllib.parse
from types import SimpleNamespace
from typing import Any, Mapping

import moto.backends
from botocore.awsrequest import HeadersDict
from moto.core.botocore_stubber import BotocoreStubber
from moto.moto_api._internal import moto_api_backend

from .errors import AwsError
from .models import Call

ACCOUNT = "123456789012"  # moto's
Answer = tuple[int, dict[str, str], bytes]


class Backend:
    """`lock` is held around everything that looks at or changes moto's memory: it is not made for threads."""

    account = ACCOUNT

    def __init__(self, region: str) -> None:
        self.region = region
        self.lock = threading.RLock()
        self.tags_in_metadata = False  # the account's default of InstanceMetadataTags
        self._stub = BotocoreStubber()

    # ---- calls

    def send(self, call: Call, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """A client's request, as it came; moto is told the address that it would have had on AWS."""
        if call.service == "s3":
            query = target.partition("?")[2]
            path = "/" + urllib.parse.quote(f"{call.bucket}/{call.key}" if call.bucket else "", safe="/-_.~")
            url = f"https://s3.{call.region}.amazonaws.com{path}" + (f"?{query}" if query else "")
        else:
            host = "iam.amazonaws.com" if call.service == "iam" else f"{call.service}.{call.region}.amazonaws.com"
            url = f"https://{host}/"
        kept = HeadersDict({name: value for name, value in headers.items() if name.lower() != "host"})
        kept["Host"] = urllib.parse.urlsplit(url).netloc
        request = SimpleNamespace(url=url, method=method, headers=kept, body=body)
        found = self._stub.process_request(request)
        if found is None or found[0] == 404 and found[2] == "Not yet implemented":
            raise AwsError("LabModelViolation", f"moto does not know {call.name}")
        status, answer_headers, text = found
        return status, {str(k): str(v) for k, v in dict(answer_headers).items()}, _bytes(text)

    def query(self, service: str, action: str, version: str, parameters: dict[str, str]) -> Answer:
        """The lab's own call, past all judgement."""
        body = urllib.parse.urlencode({"Action": action, "Version": version} | parameters).encode()
        return self._own(service, {"Content-Type": "application/x-www-form-urlencoded"}, body)

    def json(self, service: str, target: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """The lab's own call, past all judgement."""
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}
        status, _, answer = self._own(service, headers, json.dumps(parameters).encode())
        if status != 200:
            raise ValueError(f"moto answered {status} to {target}: {answer[:500].decode(errors='replace')}")
        return json.loads(answer or b"{}")  # type: ignore[no-any-return]

    def _own(self, service: str, headers: dict[str, str], body: bytes) -> Answer:
        scope = f"AKIALAB/20260101/{self.region}/{service}/aws4_request"
        headers = headers | {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}
        url = f"https://{service}.{self.region}.amazonaws.com/"
        with self.lock:
            found = self._stub.process_request(
                SimpleNamespace(url=url, method="POST", headers=HeadersDict(headers), body=body))
        assert found is not None
        return found[0], dict(found[1]), _bytes(found[2])

    def reset(self) -> None:
        """An account as on its first day."""
        with self.lock:
            self.tags_in_metadata = False
            moto_api_backend.reset()

    # ---- moto's memory

    def of(self, service: str, region: str = "") -> Any:
        backends = moto.backends.get_backend(service)[ACCOUNT]  # type: ignore[call-overload]
        return backends["aws" if service in ("iam", "sts", "s3") else region or self.region]

    @property
    def iam(self) -> Any:
        return self.of("iam")

    @property
    def ec2(self) -> Any:
        return self.of("ec2")

    def inventory(self, without: Any) -> dict[str, int]:
        """Things of each kind, but for a default VPC's, what is as good as gone, and the users `without`."""
        ec2, iam = self.ec2, self.iam
        ours = {name for name, vpc in ec2.vpcs.items() if vpc.is_default != "true"}
        counts = {
            "VPCs": len(ours), "subnets": sum(one.vpc_id in ours for zone in ec2.subnets.values() for one in zone.values()),
            "internet gateways": len(ec2.internet_gateways), "elastic IPs": len(ec2.addresses),
            "NAT gateways": sum(one.state not in ("deleted", "failed") for one in ec2.nat_gateways.values()),
            "route tables": sum(one.vpc_id in ours and one.main_association_id is None
                                for one in ec2.route_tables.values()),
            "security groups": sum(one.name != "default" for vpc in ours for one in ec2.groups[vpc].values()),
            "key pairs": len(ec2.keypairs), "instances": sum(one._state.name != "terminated" for one in ec2.all_instances()),
            "volumes": len(ec2.volumes), "roles": len(iam.roles), "instance profiles": len(iam.instance_profiles),
            "users": len(set(one.name for one in iam.users.values()) - set(without)),
            "parameters": sum(not name.startswith("/aws/") for name in self.of("ssm")._parameters),
            "buckets": len(self.of("s3").buckets)}
        return {kind: number for kind, number in counts.items() if number}

    # ---- what resources.py asks

    def tags(self, resource: str) -> dict[str, str]:
        if resource.startswith("role/"):
            role = self.iam.roles and next((r for r in self.iam.roles.values() if r.name == resource[5:]), None)
            return {tag["Key"]: tag["Value"] for tag in role.tags.values()} if role else {}
        if resource.startswith("profile/"):
            found = next((p for p in self.iam.instance_profiles.values() if p.name == resource[8:]), None)
            return dict(found.tags) if found else {}
        if resource.startswith("parameter"):
            return {}
        kept = self.ec2.tags.get(self.key_pair_id(resource), {})
        return {str(key): str(value) for key, value in kept.items()}

    def attributes(self, resource: str) -> dict[str, str]:
        """Condition keys that come from a resource's own state."""
        kind = resource.partition("-")[0]
        out: dict[str, str] = {}
        vpc = ""
        if kind == "subnet":
            zones = self.ec2.subnets.values()
            found = next((zone[resource] for zone in zones if resource in zone), None)
            vpc = found.vpc_id if found else ""
        elif kind == "sg":
            found = self.ec2.get_security_group_from_id(resource)
            vpc = found.vpc_id if found else ""
        elif kind == "rtb":
            found = self.ec2.route_tables.get(resource)
            vpc = found.vpc_id if found else ""
        elif kind == "i":
            found = self.ec2.get_instance_by_id(resource)
            if found:
                out["ec2:InstanceType"] = found.instance_type
        if vpc:
            out["ec2:Vpc"] = f"arn:aws:ec2:{self.region}:{ACCOUNT}:vpc/{vpc}"
        return out

    def key_pair_id(self, word: str) -> str:
        pair = self.ec2.keypairs.get(word)
        return str(pair.id) if pair else word

    def key_pair_name(self, word: str) -> str:
        return next((name for name, pair in self.ec2.keypairs.items() if word in (name, pair.id)), word)

    def association(self, association: str) -> tuple[str, str]:
        for table in self.ec2.route_tables.values():
            if association == table.main_association_id:
                return table.id, ""
            if association in table.associations:
                return table.id, table.associations[association]
        for address in self.ec2.addresses:
            if association and address.association_id == association:
                return address.allocation_id, ""
        return "", ""

    def profile(self, name_or_arn: str) -> Any:
        name = name_or_arn.rpartition("/")[2]
        return next((p for p in self.iam.instance_profiles.values() if p.name == name), None)

    def profile_role(self, name_or_arn: str) -> str:
        found = self.profile(name_or_arn)
        return str(found.roles[0].arn) if found and found.roles else ""

    def profile_holder(self, association: str) -> str:
        """The instance that an association gives a profile to."""
        there = self.ec2.iam_instance_profile_associations.values()
        return next((str(one.instance.id) for one in there if one.id == association), "")

    def role_arn(self, name: str) -> str:
        found = next((r for r in self.iam.roles.values() if r.name == name), None)
        return str(found.arn) if found else f"arn:aws:iam::{ACCOUNT}:role/{name}"

    def profile_arn(self, name: str) -> str:
        found = self.profile(name)
        return str(found.arn) if found else f"arn:aws:iam::{ACCOUNT}:instance-profile/{name}"


def _bytes(text: Any) -> bytes:
    return text if isinstance(text, bytes) else str(text).encode()
