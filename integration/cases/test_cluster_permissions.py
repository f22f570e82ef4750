"""The policy that `cluster iam-policy` prints, judged by the lab's AWS: it is enough, and nothing in it is idle."""
from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from cases.operator import Account, Operator

from lab.cloud.handle import CloudHandle

ACCOUNT = "123456789012"


@pytest.fixture
def operator(cloud: CloudHandle, tmp_path: Path) -> Operator:
    """An operator who may do what the printed policy allows, in an account where nothing has to be waited for."""
    cloud.call("durations", scale=0)
    cloud.call("play_nodes")
    operator = Operator(cloud, tmp_path, settings={"access": {"ssh_generated_key": str(tmp_path / "key")},
                                                   "instances": {"workers": 1}})
    cloud.call("put_user", name="operator", document=policy(operator))
    return operator


def policy(operator: Operator) -> dict[str, Any]:
    printed = operator.run("iam-policy", "--account", ACCOUNT)
    assert printed.ok, printed
    return dict(json.loads(printed.out))


def test_the_printed_policy_is_enough_for_a_whole_life(operator: Operator, cloud: CloudHandle) -> None:
    operator.up()
    operator.converged()
    operator.down()
    Account(cloud).empty()


def test_it_is_no_use_on_another_cluster(operator: Operator, cloud: CloudHandle, tmp_path: Path) -> None:
    other = Operator(cloud, tmp_path, name="other", settings=operator.settings)
    refused = other.run("up")
    assert not refused.ok and "AccessDenied" in refused.err, refused
    account = Account(cloud)
    assert not account.vpcs() and not account.instances()


# What a life without troubles does not need: each puts right what somebody changed by hand, or removes what is left.
AGAINST_DRIFT = {
    "ec2:AssociateIamInstanceProfile", "ec2:CreateTags", "ec2:DeleteNetworkInterface", "ec2:DeleteVolume",
    "ec2:AuthorizeSecurityGroupEgress", "ec2:DescribeIamInstanceProfileAssociations", "ec2:ModifyInstanceAttribute",
    "ec2:ModifyInstanceMetadataOptions", "ec2:ReplaceIamInstanceProfileAssociation", "ec2:ReplaceRoute",
    "ec2:ReplaceRouteTableAssociation", "ec2:RevokeSecurityGroupEgress", "ec2:StartInstances", "iam:DetachRolePolicy",
    "iam:TagInstanceProfile", "iam:TagRole", "iam:UpdateAssumeRolePolicy", "ssm:DeleteParameter"}


def test_each_permission_is_used(operator: Operator, cloud: CloudHandle) -> None:
    operator.up()
    operator.converged()
    operator.down()
    used: Counter[str] = Counter()
    for one in cloud.call("permission_use", name="operator"):
        used[one["action"]] += one["used"]
    idle = {action for action, times in used.items() if times == 0}
    assert idle <= AGAINST_DRIFT, idle - AGAINST_DRIFT
