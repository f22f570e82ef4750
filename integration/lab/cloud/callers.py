"""Who calls: access keys of users, and short-lived ones of roles, with the policies that speak for them.

Policies are read where the client put them, in moto's IAM. A permission can be withheld from a caller without
touching its policies: that is how a test asks whether something is needed at all.
"""
from __future__ import annotations

import functools
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from .backend import ACCOUNT, Backend
from .errors import AwsError
from .policy import Context, Document, Request, Statement, as_list, judge, like, statements

ADMIN = "lab"
OPERATOR = "operator"
EVERYTHING: Document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
EC2_TRUST: Document = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
WITHHELD = "because no identity-based policy allows the {} action"


@dataclass
class Caller:
    name: str  # of the user or role
    arn: str
    secret: str
    token: str = ""
    expires: float = float("inf")
    context: Context = field(default_factory=dict)

    @property
    def is_role(self) -> bool:
        return ":assumed-role/" in self.arn


class Callers:
    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._lock = threading.Lock()
        self._expiry: dict[str, float] = {}  # by access key, where the lab decides otherwise than STS did
        self.used: dict[str, Counter[Statement]] = {}
        self.withheld: dict[str, list[tuple[str, str]]] = {}

    # ---- users

    def create_user(self, name: str, document: Document, keep: tuple[str, str] | None) -> tuple[str, str]:
        """Access key and secret of a new user with this one policy; `keep`: those it is to have."""
        iam = self._backend.iam
        iam.create_user("us-east-1", name)
        self.set_user_policy(name, document)
        key = iam.create_access_key(name)
        if keep is not None:
            key.access_key_id, key.secret_access_key = keep
        return key.access_key_id, key.secret_access_key

    def set_user_policy(self, name: str, document: Document) -> None:
        self._backend.iam.get_user(name).policies = {"given": json.dumps(document)}

    # ---- roles

    def role(self, name: str) -> Any:
        return next((one for one in self._backend.iam.roles.values() if one.name == name), None)

    def put_role(self, name: str, document: Document) -> None:
        iam = self._backend.iam
        if self.role(name) is None:
            iam.create_role(name, json.dumps(EC2_TRUST), "/", None, "", [], "3600")
            iam.create_instance_profile(name, "/", [])
            iam.add_role_to_instance_profile(name, name)
        self.role(name).policies = {"given": json.dumps(document)}

    def issue(self, role: str, session: str, lifetime: float) -> dict[str, Any]:
        """Credentials of a role for one session (an instance's id, for metadata)."""
        found = self.role(role)
        if found is None or not _trusts_ec2(_document(found.assume_role_policy_document)):
            raise ValueError(f"there is no role {role}" if found is None else f"the role {role} does not trust EC2")
        made = self._backend.of("sts").assume_role(
            region_name=self._backend.region, role_session_name=session, role_arn=found.arn, policy=None,
            duration=int(lifetime), external_id=None)
        expires = time.time() + lifetime
        with self._lock:
            self._expiry[made.access_key_id] = expires
        return {"access_key": made.access_key_id, "secret_key": made.secret_access_key, "token": made.session_token,
                "expires": expires}

    def expire(self, access_key: str | None = None) -> None:
        """This key, or every role's, is expired from now on."""
        with self._lock:
            keys = [access_key] if access_key else [one.access_key_id for one in
                                                    self._backend.of("sts").assumed_roles]
            self._expiry |= {key: time.time() for key in keys}

    # ---- requests

    def find(self, access_key: str) -> Caller:
        """Whose key it is; InvalidClientTokenId for nobody's."""
        for role in self._backend.of("sts").assumed_roles:
            if role.access_key_id == access_key:
                name = role.role_arn.rpartition("/")[2]
                expires = self._expiry.get(access_key, role.expiration.timestamp())
                return Caller(name, role.arn, role.secret_access_key, role.session_token, expires,
                              {"aws:principalarn": role.role_arn, "aws:userid": role.user_id})
        for user in self._backend.iam.users.values():
            for key in user.access_keys:
                if key.access_key_id == access_key and key.status == "Active":
                    return Caller(user.name, user.arn, key.secret_access_key, "", self._expiry.get(
                        access_key, float("inf")), {"aws:principalarn": user.arn, "aws:username": user.name})
        raise AwsError("InvalidClientTokenId", "The security token included in the request is invalid.")

    def policies(self, caller: Caller) -> list[tuple[str, Document]]:
        iam = self._backend.iam
        if caller.is_role:
            role = next((one for one in iam.roles.values() if one.name == caller.name), None)
            holders = [role] if role else []
        else:
            user = iam.users[caller.name]
            holders = [user, *iam.get_groups_for_user(caller.name)]
        found = []
        for holder in holders:
            found += [(name, _document(text)) for name, text in holder.policies.items()]
            found += [(one.name, _document(one.document)) for one in holder.managed_policies.values()]
        return found

    def judge(self, caller: Caller, request: Request) -> None:
        """AccessDenied unless the caller may. Counts by which statement it might."""
        verdict: Statement | str = WITHHELD.format(request.action)
        if not any(like(action, request.action, ignore_case=True) and like(resource, request.resource)
                   for action, resource in self.withheld.get(caller.name, [])):
            verdict = judge(self.policies(caller), request)
        if isinstance(verdict, Statement):
            with self._lock:
                self.used.setdefault(caller.name, Counter())[verdict] += 1
            return
        message = f"User: {caller.arn} is not authorized to perform: {request.action} on resource: " \
                  f"{request.resource} {verdict}"
        if request.action.startswith("ec2:"):
            message = "You are not authorized to perform this operation. " + message
        raise AwsError("AccessDenied", message)

    def permission_use(self, name: str) -> list[dict[str, Any]]:
        """For each permission that a user or role has been given, how often it was what allowed a request."""
        iam = self._backend.iam
        is_user = name in iam.users
        arn = f"arn:aws:iam::{ACCOUNT}:user/{name}" if is_user else f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/x"
        out = []
        counts = self.used.get(name, Counter())
        for policy, document in self.policies(Caller(name, arn, "")):
            for number, one in enumerate(statements(document)):
                for action in as_list(one.get("Action", [])):
                    for resource in as_list(one.get("Resource", [])):
                        out.append({"policy": policy, "statement": number, "action": action, "resource": resource,
                                    "used": counts[Statement(policy, number, action, resource)]})
        return out


def _trusts_ec2(document: Document) -> bool:
    return any(one["Effect"] == "Allow" and "sts:AssumeRole" in as_list(one["Action"]) and
               "ec2.amazonaws.com" in as_list(one.get("Principal", {}).get("Service", []))
               for one in statements(document))


def _document(text: Any) -> Document:
    return _parsed(text) if isinstance(text, str) else dict(text)


@functools.lru_cache(256)
def _parsed(text: str) -> Document:
    return json.loads(text)  # type: ignore[no-any-return]
