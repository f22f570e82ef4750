"""The policies that `cluster iam-policy` prints and `cluster up` gives to nodes, judged by the lab's AWS: they are enough,
and nothing in them is idle: without any one permission something that worked is refused.

NODEBOOT_EVERY=1 takes away each of the operator's permissions in turn; 7, the default, every seventh of them.
"""
from __future__ import annotations

import base64
import copy
import json
import os
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from botocore.exceptions import ClientError
from cases.operator import SESSION, Account, Operator, client

from lab.cloud.handle import CloudHandle
from lab.command import Result

ACCOUNT = "123456789012"
EVERYWHERE = "0.0.0.0/0"
Permission = tuple[int, str]  # number of the statement, action


@pytest.fixture
def operator(cloud: CloudHandle, tmp_path: Path) -> Operator:
    """An operator who may do what the printed policy allows, in an account where nothing has to be waited for."""
    operator = Operator(cloud, tmp_path, settings={"access": {"ssh_generated_key": str(tmp_path / "key")},
                                                   "instances": {"workers": 3}})
    begin(operator, policy(operator))
    return operator


def policy(operator: Operator) -> dict[str, Any]:
    printed = operator.run("iam-policy", "--account", ACCOUNT)
    assert printed.ok, printed
    return dict(json.loads(printed.out))


def begin(operator: Operator, document: dict[str, Any]) -> Account:
    """An empty account whose operator may do this."""
    cloud = operator.cloud
    cloud.call("reset")
    cloud.call("durations", scale=0)
    cloud.call("play_nodes")
    cloud.call("put_user", name=operator.user, document=document)
    return Account(cloud)


def test_it_is_no_use_on_another_cluster(operator: Operator, cloud: CloudHandle, tmp_path: Path) -> None:
    other = Operator(cloud, tmp_path, name="other", settings=operator.settings)
    refused = other.run("up")
    assert not refused.ok and "AccessDenied" in refused.err, refused
    account = Account(cloud)
    assert not account.vpcs() and not account.instances()


def test_it_does_not_take_what_a_cluster_of_a_longer_name_has(operator: Operator, cloud: CloudHandle) -> None:
    """The names of "demo-2" begin with those of "demo", and what lost its tag is known by its name."""
    account = Account(cloud)
    theirs, lost = (account.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"] for _ in range(2))
    account.ec2.create_tags(Resources=[theirs, lost], Tags=[{"Key": "Name", "Value": "demo-2-vpc"}])
    account.ec2.create_tags(Resources=[theirs], Tags=[{"Key": "nodeboot.io/cluster", "Value": "demo-2"}])
    own = client(cloud, "ec2", operator.user)
    mine = [{"Key": "nodeboot.io/cluster", "Value": "demo"}]
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        own.create_tags(Resources=[theirs], Tags=mine)
    own.create_tags(Resources=[lost], Tags=mine)


# ---- a life in which everything happens that an operator's permissions are for


def changed_by_hand(account: Account) -> None:
    """Whatever `up` puts right."""
    ec2, iam = account.ec2, account.iam
    instances = {name: account.find("instance", name)["InstanceId"] for name in ("worker-1", "worker-2", "worker-3")}
    groups = {name: account.find("security-group", name) for name in ("control-plane", "worker")}
    vpc, subnet = account.find("vpc", "vpc"), account.find("subnet", "private-1")["SubnetId"]
    public, private = account.find("route-table", "public"), account.find("route-table", "private")
    role = next(one["RoleName"] for one in account.everything()["role"] if one["RoleName"].endswith("worker"))

    associations = {one["InstanceId"]: one["AssociationId"] for one in
                    ec2.describe_iam_instance_profile_associations()["IamInstanceProfileAssociations"]}
    ec2.disassociate_iam_instance_profile(AssociationId=associations[instances["worker-1"]])
    ec2.replace_iam_instance_profile_association(
        AssociationId=associations[instances["worker-2"]],
        IamInstanceProfile={"Name": role.replace("worker", "control-plane")})
    ec2.stop_instances(InstanceIds=[instances["worker-3"]])
    ec2.modify_instance_attribute(InstanceId=instances["worker-1"], Groups=[groups["control-plane"]["GroupId"]])
    ec2.modify_instance_metadata_options(InstanceId=instances["worker-1"], HttpTokens="optional")

    ec2.revoke_security_group_egress(GroupId=groups["worker"]["GroupId"],
                                     IpPermissions=groups["worker"]["IpPermissionsEgress"])
    ec2.authorize_security_group_egress(GroupId=groups["control-plane"]["GroupId"], IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": 25, "ToPort": 25, "IpRanges": [{"CidrIp": "198.51.100.0/24"}]}])
    ec2.modify_vpc_attribute(VpcId=vpc["VpcId"], EnableDnsHostnames={"Value": False})
    gateway = account.everything()["internet-gateway"][0]["InternetGatewayId"]
    ec2.replace_route(RouteTableId=private["RouteTableId"], DestinationCidrBlock=EVERYWHERE, GatewayId=gateway)
    ec2.replace_route_table_association(AssociationId=private["Associations"][0]["RouteTableAssociationId"],
                                        RouteTableId=public["RouteTableId"])
    ec2.create_tags(Resources=[subnet], Tags=[{"Key": "nodeboot.io/role", "Value": "mine"}])
    disk = account.find("instance", "worker-1")["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    ec2.delete_tags(Resources=[account.find("subnet", "private-2")["SubnetId"], disk],
                    Tags=[{"Key": "nodeboot.io/cluster"}])
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
                                                "Principal": {"Service": "lambda.amazonaws.com"}}]}))


def left_behind(account: Account) -> None:
    """Whatever `down` finds beyond what `up` made."""
    ec2 = account.ec2
    mine = [{"Key": "nodeboot.io/cluster", "Value": "demo"}]
    subnet = account.find("subnet", "private-1")
    volume = ec2.create_volume(AvailabilityZone=subnet["AvailabilityZone"], Size=1)["VolumeId"]
    interface = ec2.create_network_interface(SubnetId=subnet["SubnetId"])["NetworkInterface"]["NetworkInterfaceId"]
    ec2.create_tags(Resources=[volume, interface], Tags=mine)
    role = next(one["RoleName"] for one in account.everything()["role"] if one["RoleName"].endswith("worker"))
    account.iam.attach_role_policy(RoleName=role, PolicyArn="arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore")


def published_by_nodes(account: Account) -> None:
    pem = base64.b64encode(b"PEM").decode()
    account.ssm.put_parameter(Name="/nodeboot/demo/join", Value="secret", Type="SecureString")
    account.ssm.put_parameter(Name="/nodeboot/demo/control-plane/kubeconfig", Type="SecureString", Value=json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "a",
        "contexts": [{"name": "a", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://10.0.0.10:6443", "certificate-authority-data": pem}}],
        "users": [{"name": "u", "user": {"client-certificate-data": pem, "client-key-data": pem}}]}))


def life(operator: Operator, account: Account) -> Iterator[Result]:
    """Every command of the operator, one after the other."""
    yield operator.run("up")
    changed_by_hand(account)
    yield operator.run("up")
    published_by_nodes(account)
    yield operator.run("status")
    yield operator.run("kubeconfig", "--file", str(operator.folder / "kubeconfig"))
    left_behind(account)
    yield operator.run("down", "--yes")


def test_the_printed_policy_is_enough_for_a_whole_life_and_all_of_it_is_used(operator: Operator) -> None:
    account = Account(operator.cloud)
    for result in life(operator, account):
        assert result.ok, result
    account.empty()
    used: dict[Permission, int] = {}
    for one in operator.cloud.call("permission_use", name=operator.user):
        permission = (one["statement"], one["action"])
        used[permission] = used.get(permission, 0) + one["used"]
    document = policy(operator)
    idle = {f"{document['Statement'][number]['Sid']} {action}" for (number, action), times in used.items() if not times}
    assert idle == set()


# ---- with what was given


def own_vpc(operator: Operator, account: Account) -> dict[str, Any]:
    vpc = account.ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    subnets = [account.ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.20.{n}.0/24")["Subnet"]["SubnetId"] for n in range(3)]
    return {"vpc": {"id": vpc, "public_subnet_id": subnets[0], "private_subnet_ids": subnets[1:]},
            "network": {"vpc_cidr": "10.20.0.0/16"}}


def own_profiles(operator: Operator, account: Account) -> dict[str, Any]:
    for role in ("worker", "control-plane"):
        printed = operator.run("iam-policy", "--account", ACCOUNT, "--for", role)
        operator.cloud.call("put_role", name=f"their-{role}", document=json.loads(printed.out))
    return {"instances": {"worker_profile": "their-worker", "control_plane_profile": "their-control-plane"}}


def lent_bucket(operator: Operator, account: Account) -> dict[str, Any]:
    account.s3.create_bucket(Bucket="artifacts", CreateBucketConfiguration={"LocationConstraint": operator.cloud.region})
    account.s3.put_object(Bucket="artifacts", Key="demo/999999999999/eu-central-1/nodeboot-0", Body=b"theirs")
    return {"binary": {"bucket": "artifacts"}}


def all_of_it(operator: Operator, account: Account) -> dict[str, Any]:
    return own_vpc(operator, account) | own_profiles(operator, account) | lent_bucket(operator, account)


@pytest.mark.parametrize("give", [own_vpc, own_profiles, lent_bucket, all_of_it], ids=lambda one: one.__name__)
def test_the_printed_policy_is_enough_for_a_life_with_what_was_given(
        operator: Operator, give: Callable[[Operator, Account], dict[str, Any]]) -> None:
    """And all that was given is there afterwards, unchanged."""
    account = Account(operator.cloud)
    given = give(operator, account)
    operator.settings = operator.settings | given
    operator.cloud.call("put_user", name=operator.user, document=policy(operator))
    before = account.everything()
    operator.up()
    group = account.find("security-group", "worker")
    account.ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"])
    operator.up()
    operator.converged()
    published_by_nodes(account)
    for command in ("status", "kubeconfig"):
        words = [command] + (["--file", str(operator.folder / "kubeconfig")] if command == "kubeconfig" else [])
        assert (ran := operator.run(*words)).ok, ran
    operator.down()
    assert account.everything() == before
    if "binary" in given:
        (left,) = account.s3.list_objects_v2(Bucket="artifacts")["Contents"]
        assert left["Key"].endswith("nodeboot-0")


def test_a_policy_that_passes_any_role_says_so(operator: Operator) -> None:
    assert "role/*" not in operator.run("iam-policy", "--account", ACCOUNT).err
    operator.settings = operator.settings | {"instances": {"worker_profile": "theirs"}}
    printed = operator.run("iam-policy", "--account", ACCOUNT)
    wide = [one["Sid"] for one in json.loads(printed.out)["Statement"] if str(one["Resource"]).endswith("role/*")]
    assert wide == ["GiveAnyRoleToInstances"]
    assert "GiveAnyRoleToInstances" in printed.err and "--instance-profile-name theirs" in printed.err, printed


def permissions(document: dict[str, Any]) -> list[Permission]:
    return [(number, action) for number, one in enumerate(document["Statement"])
            for action in (one["Action"] if isinstance(one["Action"], list) else [one["Action"]])]


def without(document: dict[str, Any], number: int, action: str) -> dict[str, Any]:
    left = copy.deepcopy(document)
    statement = left["Statement"][number]
    actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
    statement["Action"] = [one for one in actions if one != action]
    if not statement["Action"]:
        del left["Statement"][number]
    return left


def test_taking_any_single_permission_away_breaks_something(operator: Operator) -> None:
    every = int(os.environ.get("NODEBOOT_EVERY", "7"))
    document = policy(operator)
    idle, unnamed = [], []
    for number, action in permissions(document)[::every]:
        what = f"{document['Statement'][number]['Sid']} {action}"
        account = begin(operator, without(document, number, action))
        refused = next((one for one in life(operator, account) if not one.ok), None)
        if refused is None:
            idle.append(what)
        elif action not in refused.err:
            unnamed.append(f"{what}: {refused.err[-500:]}")
    assert idle == []
    assert unnamed == [], "refused without a word on which permission is missing"


# ---- nodes


def node_role(account: Account, role: str) -> str:
    return next(str(one["RoleName"]) for one in account.everything()["role"] if one["RoleName"].endswith(role))


class NodeRole:
    """A node's credentials, by boto3."""

    def __init__(self, cloud: CloudHandle, role: str) -> None:
        keys = cloud.call("issue", role=role, session="i-0123456789abcdef0")
        self.ssm, self.s3, self.ec2 = (SESSION.client(
            service, region_name=cloud.region, endpoint_url=cloud.endpoint, aws_access_key_id=keys["access_key"],
            aws_secret_access_key=keys["secret_key"], aws_session_token=keys["token"]) for service in ("ssm", "s3", "ec2"))

    def put(self, name: str) -> None:
        self.ssm.put_parameter(Name=name, Value="x", Type="SecureString", Overwrite=True)

    def get(self, name: str) -> None:
        self.ssm.get_parameter(Name=name, WithDecryption=True)


Act = Callable[[NodeRole, str, str], Any]
JOIN, KUBECONFIG = "/nodeboot/demo/join", "/nodeboot/demo/control-plane/kubeconfig"

# What the code of nodes calls: src/net/ssm_join_store.cpp and cloud-init/install.py.
FETCH: Act = lambda node, bucket, key: node.s3.get_object(Bucket=bucket, Key=key)
CONTROL_PLANE: list[Act] = [lambda node, *_: node.put(JOIN), lambda node, *_: node.get(JOIN),
                            lambda node, *_: node.put(KUBECONFIG), lambda node, *_: node.get(KUBECONFIG), FETCH]
WORKER: list[Act] = [lambda node, *_: node.get(JOIN), FETCH]

# What none of them may.
NEITHER: list[Act] = [
    lambda node, *_: node.get("/nodeboot/other/join"), lambda node, *_: node.put("/nodeboot/other/join"),
    lambda node, *_: node.get("/nodeboot/demo/launch"), lambda node, *_: node.get("/nodeboot/demo-2/join"),
    lambda node, *_: node.ssm.get_parameters_by_path(Path="/nodeboot/demo/", Recursive=True),
    lambda node, *_: node.ssm.delete_parameter(Name=JOIN), lambda node, *_: node.ec2.describe_instances(),
    lambda node, bucket, key: node.s3.get_object(Bucket=bucket, Key=key.replace("demo/", "other/")),
    lambda node, bucket, key: node.s3.put_object(Bucket=bucket, Key=key, Body=b"x"),
    lambda node, bucket, key: node.s3.delete_object(Bucket=bucket, Key=key),
    lambda node, bucket, _: node.s3.list_objects_v2(Bucket=bucket)]
NOT_A_WORKER: list[Act] = [lambda node, *_: node.put(JOIN), lambda node, *_: node.get(KUBECONFIG),
                           lambda node, *_: node.put(KUBECONFIG)]


def may(act: Act, *words: Any) -> bool:
    try:
        act(*words)
    except ClientError as error:
        assert error.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException",
                                                    "UnauthorizedOperation"), error
        return False
    return True


@pytest.mark.parametrize("word, does, does_not", [("control-plane", CONTROL_PLANE, NEITHER),
                                                  ("worker", WORKER, NEITHER + NOT_A_WORKER)])
def test_a_node_may_what_it_does_and_nothing_else(operator: Operator, cloud: CloudHandle, word: str, does: list[Act],
                                                  does_not: list[Act]) -> None:
    operator.up()
    account = Account(cloud)
    published_by_nodes(account)
    account.ssm.put_parameter(Name="/nodeboot/other/join", Value="x", Type="SecureString")
    (bucket,) = (one["Name"] for one in account.everything()["bucket"])
    (key,) = (one["Key"] for one in account.s3.list_objects_v2(Bucket=bucket)["Contents"])
    role = node_role(account, word)
    node = NodeRole(cloud, role)
    assert [may(act, node, bucket, key) for act in does] == [True] * len(does)
    assert [may(act, node, bucket, key) for act in does_not] == [False] * len(does_not)
    given = cloud.call("permission_use", name=role)
    assert [one for one in given if not one["used"]] == []
    for one in given:  # each of them is what lets one of the calls through
        cloud.call("withhold", name=role, action=one["action"], resource=one["resource"])
        assert [may(act, node, bucket, key) for act in does].count(False) == 1, one
        cloud.call("restore", name=role)
