"""What the lab's AWS refuses: requests that AWS's service models do not know, callers whose policies do not allow it."""
from __future__ import annotations

import json
import socket
import time
from typing import Any, Callable

import pytest
from botocore.exceptions import ClientError
from lab_tests.architecture import TRUST, Architecture, client, code_of, tagged

from lab.cloud.handle import CloudHandle
from lab.command import LabError

PARAMETER = "arn:aws:ssm:eu-central-1:123456789012:parameter/nodeboot/demo/"


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(action: str | list[str], resource: str | list[str] = "*", **condition: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource} | ({"Condition": condition} if condition else {})


def deny(action: str, resource: str = "*") -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource}


def arn(kind: str, name: str = "*", account: str = "123456789012") -> str:
    return f"arn:aws:ec2:eu-central-1:{account}:{kind}/{name}"


# ---- AWS's own models

def raw(cloud: CloudHandle, service: str, parameters: dict[str, Any]) -> str:
    """A request that boto3 itself would refuse to send, signed well; the answer's text."""
    import urllib.error
    import urllib.parse
    import urllib.request

    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    body = urllib.parse.urlencode(parameters)
    if service == "ssm":
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": parameters.pop("target")}
        body = json.dumps(parameters)
    request = AWSRequest("POST", cloud.endpoint + "/", data=body.encode(), headers=headers)
    SigV4Auth(Credentials(*cloud.call("keys")["operator"]), service, cloud.region).add_auth(request)
    sent = urllib.request.Request(cloud.endpoint + "/", body.encode(), dict(request.headers.items()))
    try:
        with urllib.request.urlopen(sent) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return error.read().decode()


EC2, IAM = {"Version": "2016-11-15"}, {"Version": "2010-05-08"}


@pytest.mark.parametrize("service, parameters, problem", [
    ("ec2", EC2 | {"Action": "CreateVpc", "CidrBlock": "10.0.0.0/16", "Cidr": "x"}, "Cidr: unknown parameter"),
    ("ec2", EC2 | {"Action": "CreateSubnet", "CidrBlock": "10.0.0.0/24"}, "VpcId: missing, and required"),
    ("ec2", EC2 | {"Action": "MakeVpc"}, "ec2 has no action &#x27;MakeVpc&#x27;".replace("&#x27;", "'")),
    ("ec2", {"Version": "2014-01-01", "Action": "DescribeVpcs"}, "the model is of 2016-11-15"),
    ("ec2", EC2 | {"Action": "RunInstances", "MinCount": "one", "MaxCount": "1"}, "'one' is not an integer"),
    ("ec2", EC2 | {"Action": "RunInstances", "MinCount": "1", "MaxCount": "1", "InstanceType": "t3.huge"},
     "'t3.huge' is none of"),
    ("ec2", EC2 | {"Action": "RunInstances", "MinCount": "1", "MaxCount": "1", "EbsOptimized": "yes"},
     "'yes' is not a boolean"),
    ("ec2", EC2 | {"Action": "DescribeVpcs", "VpcId.0": "vpc-1"}, "numbered 1, 2, 3"),
    ("ec2", EC2 | {"Action": "DescribeVpcs", "VpcId.1": "vpc-1", "VpcId.3": "vpc-1"}, "numbered 1, 2, 3"),
    ("ec2", EC2 | {"Action": "DescribeVpcs", "Filter.1.Name": "x", "Filter.1.Values.1": "y"},
     "Filter.1.Values: unknown parameter"),
    ("ec2", EC2 | {"Action": "CreateVpc", "TagSpecification.1.ResourceType": "vpc",
                   "TagSpecification.1.Tags.1.Key": "a"}, "TagSpecification.1.Tags: unknown parameter"),
    ("iam", IAM | {"Action": "CreateRole", "RoleName": "r", "AssumeRolePolicyDocument": "{}", "Tags.1.Key": "a"},
     "Tags.member.N"),
    ("iam", IAM | {"Action": "CreateRole", "RoleName": "a role", "AssumeRolePolicyDocument": "{}"}, "does not match"),
    ("ssm", {"target": "AmazonSSM.GetParameter", "Name": "/a", "WithDecription": True}, "WithDecription: unknown"),
    ("ssm", {"target": "AmazonSSM.GetParameter", "Name": "/a", "WithDecryption": "true"}, "is no boolean"),
    ("ssm", {"target": "AmazonSSM.PutParameter", "Name": "/a"}, "Value: missing, and required"),
])
def test_a_request_that_the_service_model_does_not_know_is_refused_and_told(
        cloud: CloudHandle, service: str, parameters: dict[str, Any], problem: str) -> None:
    said = raw(cloud, service, dict(parameters))
    assert "LabModelViolation" in said and problem in said
    (told,) = cloud.call("violations")
    assert problem in "; ".join(told["problems"])
    cloud.call("reset")  # or the fixture would fail this test, as it should others


def test_the_same_requests_without_their_mistake_are_taken(cloud: CloudHandle) -> None:
    assert "<vpcId>" in raw(cloud, "ec2", EC2 | {"Action": "CreateVpc", "CidrBlock": "10.0.0.0/16",
                                                  "TagSpecification.1.ResourceType": "vpc",
                                                  "TagSpecification.1.Tag.1.Key": "a",
                                                  "TagSpecification.1.Tag.1.Value": "b"})
    assert "<RoleName>r</RoleName>" in raw(cloud, "iam", IAM | {
        "Action": "CreateRole", "RoleName": "r", "AssumeRolePolicyDocument": TRUST, "Tags.member.1.Key": "a",
        "Tags.member.1.Value": "b"})
    assert "ParameterNotFound" in raw(cloud, "ssm", {"target": "AmazonSSM.GetParameter", "Name": "/a"})


# ---- signatures and credentials

def test_what_a_killed_client_has_sent_of_a_request_is_none(cloud: CloudHandle) -> None:
    """Judged as one, it would lack a parameter."""
    today = time.strftime("%Y%m%d", time.gmtime())
    with socket.create_connection(("127.0.0.1", int(cloud.endpoint.rpartition(":")[2])), 60) as client_side:
        client_side.sendall(
            "POST / HTTP/1.1\r\nHost: ssm.eu-central-1.amazonaws.com\r\nContent-Type: application/x-amz-json-1.1\r\n"
            "X-Amz-Target: AmazonSSM.GetParameter\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/"
            f"{today}/eu-central-1/ssm/aws4_request, SignedHeaders=host, Signature={'0' * 64}\r\n"
            "Content-Length: 40\r\n\r\n{}".encode())
        client_side.shutdown(socket.SHUT_WR)
        assert client_side.recv(1) == b""
    assert cloud.call("violations") == []


def test_a_wrong_secret_is_refused(cloud: CloudHandle) -> None:
    assert code_of(client(cloud, "ec2", aws_secret_access_key="wrong").describe_vpcs) == "AuthFailure"
    assert code_of(client(cloud, "iam", aws_secret_access_key="wrong").list_roles) == "SignatureDoesNotMatch"
    ssm = client(cloud, "ssm", aws_secret_access_key="wrong")
    assert code_of(ssm.describe_parameters) == "InvalidSignatureException"
    assert code_of(client(cloud, "s3", aws_secret_access_key="wrong").list_buckets) == "SignatureDoesNotMatch"


def test_nobodys_key_is_refused(cloud: CloudHandle) -> None:
    assert code_of(client(cloud, "ec2", aws_access_key_id="AKIANOBODY").describe_vpcs) == "AuthFailure"
    assert code_of(client(cloud, "sts", aws_access_key_id="AKIANOBODY").get_caller_identity) == "InvalidClientTokenId"


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_clock_that_is_off_is_refused(cloud: CloudHandle, minutes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import datetime

    import botocore.auth

    class Off(datetime.datetime):
        @classmethod
        def utcnow(cls) -> datetime.datetime:  # type: ignore[override]
            return super().utcnow() + datetime.timedelta(minutes=minutes)
    monkeypatch.setattr(botocore.auth.datetime, "datetime", Off)
    assert "RequestExpired" in raw(cloud, "ec2", EC2 | {"Action": "DescribeVpcs"})
    assert "InvalidSignatureException" in raw(cloud, "ssm", {"target": "AmazonSSM.DescribeParameters"})


def role(cloud: CloudHandle, document: dict[str, Any], name: str = "worker") -> dict[str, str]:
    iam = client(cloud, "iam")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    iam.put_role_policy(RoleName=name, PolicyName="given", PolicyDocument=json.dumps(document))
    issued = cloud.call("issue", role=name, session="i-00000000000000001")
    return {"aws_access_key_id": issued["access_key"], "aws_secret_access_key": issued["secret_key"],
            "aws_session_token": issued["token"]}


def test_a_roles_credentials_work_until_they_expire(cloud: CloudHandle) -> None:
    keys = role(cloud, policy(allow("ec2:DescribeVpcs")))
    who = client(cloud, "sts", **keys).get_caller_identity()["Arn"]
    assert who == "arn:aws:sts::123456789012:assumed-role/worker/i-00000000000000001"
    ec2 = client(cloud, "ec2", **keys)
    ec2.describe_vpcs()
    without = {name: value for name, value in keys.items() if name != "aws_session_token"}
    assert code_of(client(cloud, "ec2", **without).describe_vpcs) == "AuthFailure"
    cloud.call("expire", access_key=keys["aws_access_key_id"])
    assert code_of(ec2.describe_vpcs) == "RequestExpired"
    assert code_of(client(cloud, "ssm", **keys).describe_parameters) == "ExpiredTokenException"


# ---- policies

def test_a_worker_reads_its_one_parameter_and_no_other(cloud: CloudHandle) -> None:
    operator = client(cloud, "ssm")
    for name in ("/nodeboot/demo/join", "/nodeboot/demo/init", "/nodeboot/other/join"):
        operator.put_parameter(Name=name, Value="s3cret", Type="SecureString")
    ssm = client(cloud, "ssm", **role(cloud, policy(allow("ssm:GetParameter", PARAMETER + "join"))))
    assert ssm.get_parameter(Name="/nodeboot/demo/join", WithDecryption=True)["Parameter"]["Value"] == "s3cret"
    refused: list[Callable[[], Any]] = [
        lambda: ssm.get_parameter(Name="/nodeboot/demo/init"), lambda: ssm.get_parameter(Name="/nodeboot/other/join"),
        lambda: ssm.put_parameter(Name="/nodeboot/demo/join", Value="x", Overwrite=True),
        lambda: ssm.get_parameters(Names=["/nodeboot/demo/join"]),
        lambda: ssm.get_parameters_by_path(Path="/nodeboot/demo")]
    assert [code_of(one) for one in refused] == ["AccessDeniedException"] * 5
    with pytest.raises(ClientError, match="assumed-role/worker/i-00000000000000001 is not authorized to perform: "
                       "ssm:GetParameter on resource: .*parameter/nodeboot/demo/init because no identity-based policy"):
        refused[0]()


def test_a_node_reads_its_one_object_and_no_other(cloud: CloudHandle) -> None:
    s3 = client(cloud, "s3")
    s3.create_bucket(Bucket="nodeboot-demo", CreateBucketConfiguration={"LocationConstraint": cloud.region})
    for key in ("nodeboot", "secret"):
        s3.put_object(Bucket="nodeboot-demo", Key=key, Body=b"x")
    node = client(cloud, "s3", **role(cloud, policy(allow("s3:GetObject", "arn:aws:s3:::nodeboot-demo/nodeboot"))))
    assert node.get_object(Bucket="nodeboot-demo", Key="nodeboot")["Body"].read() == b"x"
    assert code_of(lambda: node.get_object(Bucket="nodeboot-demo", Key="secret")) == "AccessDenied"
    assert code_of(lambda: node.get_object(Bucket="nodeboot-demo", Key="missing")) == "AccessDenied"
    assert code_of(lambda: node.list_objects_v2(Bucket="nodeboot-demo")) == "AccessDenied"
    assert code_of(lambda: node.put_object(Bucket="nodeboot-demo", Key="nodeboot", Body=b"y")) == "AccessDenied"


TAGGED = {"aws:RequestTag/nodeboot.io/cluster": "demo"}
CREATE_TAGS = allow("ec2:CreateTags", arn("vpc"), StringEquals={"ec2:CreateAction": "CreateVpc"})


@pytest.mark.parametrize("document, allowed", [
    (policy(allow("ec2:*")), True),
    (policy(allow("ec2:CreateVpc", arn("vpc")), CREATE_TAGS), True),
    (policy(allow("ec2:CreateVpc", arn("vpc"))), False),  # tags at creation need CreateTags
    (policy(allow("ec2:CreateVpc", arn("subnet")), CREATE_TAGS), False),
    (policy(allow("ec2:CreateVpc", arn("vpc"), StringEquals=TAGGED), CREATE_TAGS), True),
    (policy(allow("ec2:CreateVpc", arn("vpc"), StringEquals={"aws:RequestTag/nodeboot.io/cluster": "other"}),
            CREATE_TAGS), False),
    (policy(allow("ec2:CreateVpc", arn("vpc"), StringLike={"aws:RequestTag/nodeboot.io/cluster": "d*"}),
            CREATE_TAGS), True),
    (policy(allow("ec2:CreateVpc", arn("vpc"), StringEquals={"ec2:Region": "eu-central-1"}), CREATE_TAGS), True),
    (policy(allow("ec2:CreateVpc", arn("vpc"), StringEquals={"aws:RequestedRegion": "us-east-1"}), CREATE_TAGS), False),
    (policy(allow("ec2:CreateVpc", arn("vpc"), **{"ForAllValues:StringEquals": {
        "aws:TagKeys": ["nodeboot.io/cluster", "Name"]}}), CREATE_TAGS), True),
    (policy(allow("ec2:CreateVpc", arn("vpc"), **{"ForAllValues:StringEquals": {"aws:TagKeys": ["Name"]}}),
            CREATE_TAGS), False),
    (policy(allow("ec2:CreateVpc", arn("vpc"), Null={"aws:TagKeys": "false"}), CREATE_TAGS), True),
    (policy(allow("ec2:CreateVpc", arn("vpc"), Null={"aws:TagKeys": "true"}), CREATE_TAGS), False),
    (policy(allow("*"), deny("ec2:CreateVpc")), False),
    (policy({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}), True),
    (policy(allow("ec2:Describe*")), False),
])
def test_a_vpc_is_made_only_as_the_policy_allows(cloud: CloudHandle, document: dict[str, Any], allowed: bool) -> None:
    cloud.call("put_user", name="operator", document=document)
    said = code_of(lambda: client(cloud, "ec2").create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tagged("vpc")))
    assert said == ("" if allowed else "UnauthorizedOperation")


LAUNCH = ["instance", "network-interface", "security-group", "subnet", "volume", "key-pair"]


@pytest.mark.parametrize("missing", [*LAUNCH, "image", "iam:PassRole", "ec2:CreateTags", ""])
def test_a_launch_needs_each_of_its_permissions(cloud: CloudHandle, missing: str) -> None:
    cloud.call("durations", scale=0)
    one = Architecture(cloud)
    one.up()
    statements = [allow("ssm:GetParameter"), *(allow("ec2:RunInstances", arn(kind)) for kind in LAUNCH if kind != missing)]
    if missing != "image":
        statements.append(allow("ec2:RunInstances", arn("image", account="")))
    if missing != "iam:PassRole":
        statements.append(allow("iam:PassRole", "arn:aws:iam::123456789012:role/worker", StringEquals={
            "iam:PassedToService": "ec2.amazonaws.com"}))
    if missing != "ec2:CreateTags":
        statements.append(allow("ec2:CreateTags", [arn("instance"), arn("volume")], StringEquals={
            "ec2:CreateAction": "RunInstances"}))
    cloud.call("put_user", name="operator", document=policy(*statements))
    assert code_of(one.launch) == ("UnauthorizedOperation" if missing else "")


def test_only_tagged_things_may_be_touched(cloud: CloudHandle) -> None:
    ec2 = client(cloud, "ec2")
    mine = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tagged("vpc"))["Vpc"]["VpcId"]
    theirs = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    cloud.call("put_user", name="operator", document=policy(allow(
        "ec2:DeleteVpc", arn("vpc"), StringEquals={"aws:ResourceTag/nodeboot.io/cluster": "demo"})))
    assert code_of(lambda: ec2.delete_vpc(VpcId=theirs)) == "UnauthorizedOperation"
    assert code_of(lambda: ec2.delete_vpc(VpcId=mine)) == ""


def test_a_withheld_permission_is_refused_and_use_is_counted(cloud: CloudHandle) -> None:
    cloud.call("put_user", name="operator", document=policy(
        allow(["ec2:DescribeVpcs", "ec2:CreateVpc"]), allow("ec2:DeleteVpc", arn("vpc"))))
    ec2 = client(cloud, "ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    cloud.call("withhold", name="operator", action="ec2:DeleteVpc")
    assert code_of(lambda: ec2.delete_vpc(VpcId=vpc)) == "UnauthorizedOperation"
    cloud.call("restore", name="operator")
    ec2.delete_vpc(VpcId=vpc)
    used = {(one["action"], one["resource"]): one["used"] for one in cloud.call("permission_use", name="operator")}
    assert used == {("ec2:DescribeVpcs", "*"): 0, ("ec2:CreateVpc", "*"): 1, ("ec2:DeleteVpc", arn("vpc")): 1}


@pytest.mark.parametrize("document, problem", [
    (policy(allow("ec2:*") | {"Principal": "*"}), "does not judge Principal"),
    (policy(allow("ec2:*", DateGreaterThan={"aws:CurrentTime": "x"})), "condition operator DateGreaterThan"),
    (policy(allow("CreateVpc")), "is no action"), (policy(allow("ec2:*", "vpc/*")), "is no ARN"),
    ({"Statement": []}, "Version")])
def test_a_policy_that_cannot_be_judged_is_refused(cloud: CloudHandle, document: dict[str, Any], problem: str) -> None:
    with pytest.raises(LabError, match=problem):
        cloud.call("put_user", name="someone", document=document)
