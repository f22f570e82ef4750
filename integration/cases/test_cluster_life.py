"""`nodeboot cluster`: from an empty account to the architecture and back, and every way in which it can be found."""
from __future__ import annotations

import base64
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable

import pytest
from cases.operator import CHANGES, Account, Operator, eventually, tags

from lab.cloud.handle import CloudHandle

EVERYWHERE = "0.0.0.0/0"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl someone@example.com\n"


@pytest.fixture
def operator(cloud: CloudHandle, tmp_path: Path) -> Operator:
    """An operator in an account where nothing has to be waited for."""
    cloud.call("durations", scale=0)
    cloud.call("play_nodes")
    return Operator(cloud, tmp_path)


@pytest.fixture
def account(cloud: CloudHandle) -> Account:
    return Account(cloud)


def test_an_empty_account_becomes_the_architecture_and_empty_again(operator: Operator, account: Account) -> None:
    account.empty()
    assert operator.run("plan").code == CHANGES
    account.empty()  # a plan writes nothing
    operator.up()
    assert account.counts() == ARCHITECTURE
    operator.converged()
    operator.down()
    account.empty()
    operator.down()  # nothing left to do is no error


ARCHITECTURE = {"vpc": 1, "subnet": 4, "internet-gateway": 1, "elastic-ip": 1, "natgateway": 1, "route-table": 2,
                "security-group": 2, "network-interface": 5, "instance": 4, "volume": 4, "role": 2,
                "instance-profile": 2, "bucket": 1}


def test_a_second_run_changes_nothing(operator: Operator, account: Account, cloud: CloudHandle) -> None:
    operator.up()
    before, asked = account.everything(), len(cloud.requests())
    operator.up()
    changed = [one["action"] for one in cloud.requests()[asked:] if not one["action"].startswith(("Describe", "Get",
                                                                                                 "List", "Head"))]
    assert changed == []
    assert account.everything() == before


def rules(group: dict[str, Any], names: dict[str, str]) -> set[tuple[str, str, str]]:
    """(protocol and ports, from or to, who) of every rule."""
    found = set()
    for direction, key in (("in", "IpPermissions"), ("out", "IpPermissionsEgress")):
        for one in group[key]:
            ports = "all" if one["IpProtocol"] == "-1" else f"{one['IpProtocol']} {one['FromPort']}-{one['ToPort']}"
            who = [names[pair["GroupId"]] for pair in one["UserIdGroupPairs"]] + \
                [each["CidrIp"] for each in one["IpRanges"]] + [each["CidrIpv6"] for each in one["Ipv6Ranges"]]
            found |= {(ports, direction, name) for name in who}
    return found


def between(*ports: str) -> set[tuple[str, str, str]]:
    return {(one, "in", who) for one in ports for who in ("control-plane", "worker")}


NODES = between("tcp 10250-10250", "tcp 30000-32767", "udp 4789-4789")
OUT = {("all", "out", EVERYWHERE)}


@pytest.mark.parametrize("access, control_plane, worker", [
    ({}, set(), set()),
    ({"ssh_from": ["203.0.113.7/32"], "admin_cidr": ["198.51.100.0/24"]},
     {("tcp 22-22", "in", "203.0.113.7/32"), ("tcp 6443-6443", "in", "198.51.100.0/24")},
     {("tcp 22-22", "in", "203.0.113.7/32")}),
    ({"etcd_from_workers": True}, {("tcp 2379-2380", "in", "worker")}, set()),
])
def test_every_security_group_rule_is_there_and_no_other(
        operator: Operator, account: Account, access: dict[str, Any], control_plane: set[Any], worker: set[Any]) -> None:
    (operator.folder / "key.pub").write_text(KEY)
    operator.settings = {"access": access | {"ssh_public_key": str(operator.folder / "key.pub")}}
    operator.up()
    groups = {one: account.find("security-group", one) for one in ("control-plane", "worker")}
    names = {one["GroupId"]: name for name, one in groups.items()}
    assert rules(groups["control-plane"], names) == NODES | OUT | control_plane | between("tcp 6443-6443") | {
        ("tcp 2379-2380", "in", "control-plane")}
    assert rules(groups["worker"], names) == NODES | OUT | worker


def test_networks_are_as_the_architecture_says(operator: Operator, account: Account) -> None:
    operator.up()
    vpc = account.find("vpc", "vpc")
    assert vpc["CidrBlock"] == "10.0.0.0/16"
    for name in ("enableDnsHostnames", "enableDnsSupport"):
        answer = account.ec2.describe_vpc_attribute(VpcId=vpc["VpcId"], Attribute=name)
        assert answer[name[0].upper() + name[1:]] == {"Value": True}
    subnets = {name: account.find("subnet", name) for name in ("public", "private-1", "private-2", "private-3")}
    assert [one["CidrBlock"] for one in subnets.values()] == [f"10.0.{n}.0/24" for n in range(4)]
    assert [one["MapPublicIpOnLaunch"] for one in subnets.values()] == [True, False, False, False]
    assert len({subnets[f"private-{n}"]["AvailabilityZone"] for n in (1, 2, 3)}) == 3
    public, private = account.find("route-table", "public"), account.find("route-table", "private")
    assert way_out(public) == account.everything()["internet-gateway"][0]["InternetGatewayId"]
    assert way_out(private) == account.find("natgateway", "nat")["NatGatewayId"]
    associated = {one["SubnetId"] for one in private["Associations"]}
    assert associated == {subnets[f"private-{n}"]["SubnetId"] for n in (1, 2, 3)}


def way_out(table: dict[str, Any]) -> str:
    (route,) = (one for one in table["Routes"] if one["DestinationCidrBlock"] == EVERYWHERE)
    assert route["State"] == "active"
    return str(route.get("NatGatewayId") or route["GatewayId"])


# ---- what people change by hand


def _group(account: Account, name: str) -> str:
    return str(account.find("security-group", name)["GroupId"])


def rule_added(account: Account) -> None:
    account.ec2.authorize_security_group_ingress(GroupId=_group(account, "worker"), IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080, "IpRanges": [{"CidrIp": EVERYWHERE}]}])


def rule_removed(account: Account) -> None:
    group = account.find("security-group", "control-plane")
    rule = next(one for one in group["IpPermissions"] if one["FromPort"] == 6443)
    account.ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[rule])


def outbound_removed(account: Account) -> None:
    group = account.find("security-group", "worker")
    account.ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"])


def tag_changed(account: Account) -> None:
    account.ec2.create_tags(Resources=[account.find("subnet", "private-1")["SubnetId"]],
                            Tags=[{"Key": "nodeboot.io/role", "Value": "mine"}])


def tag_removed(account: Account) -> None:
    account.ec2.delete_tags(Resources=[account.find("route-table", "public")["RouteTableId"]],
                            Tags=[{"Key": "Name"}])


def route_removed(account: Account) -> None:
    account.ec2.delete_route(RouteTableId=account.find("route-table", "private")["RouteTableId"],
                             DestinationCidrBlock=EVERYWHERE)


def route_changed(account: Account) -> None:
    gateway = account.everything()["internet-gateway"][0]["InternetGatewayId"]
    account.ec2.replace_route(RouteTableId=account.find("route-table", "private")["RouteTableId"],
                              DestinationCidrBlock=EVERYWHERE, GatewayId=gateway)


def subnet_moved_to_another_table(account: Account) -> None:
    private = account.find("route-table", "private")
    account.ec2.replace_route_table_association(
        AssociationId=private["Associations"][0]["RouteTableAssociationId"],
        RouteTableId=account.find("route-table", "public")["RouteTableId"])


def association_removed(account: Account) -> None:
    public = account.find("route-table", "public")
    account.ec2.disassociate_route_table(AssociationId=public["Associations"][0]["RouteTableAssociationId"])


def dns_names_off(account: Account) -> None:
    account.ec2.modify_vpc_attribute(VpcId=account.find("vpc", "vpc")["VpcId"], EnableDnsHostnames={"Value": False})


def public_addresses_off(account: Account) -> None:
    account.ec2.modify_subnet_attribute(SubnetId=account.find("subnet", "public")["SubnetId"],
                                        MapPublicIpOnLaunch={"Value": False})


def nat_gateway_deleted(account: Account) -> None:
    account.ec2.delete_nat_gateway(NatGatewayId=account.find("natgateway", "nat")["NatGatewayId"])
    eventually("the NAT gateway to go", lambda: account.everything()["natgateway"] == [])


def address_tags_removed(account: Account) -> None:
    address = account.find("elastic-ip", "nat")
    account.ec2.delete_tags(Resources=[address["AllocationId"]], Tags=[{"Key": "Name"}])


def cluster_tags_removed(account: Account) -> None:
    """Of one of each kind: without its own tag a cluster does not find them."""
    found = [account.find("vpc", "vpc")["VpcId"], account.find("subnet", "private-2")["SubnetId"],
             account.find("elastic-ip", "nat")["AllocationId"], account.find("natgateway", "nat")["NatGatewayId"],
             account.find("route-table", "private")["RouteTableId"], _group(account, "worker"),
             account.find("internet-gateway", "internet-gateway")["InternetGatewayId"]]
    account.ec2.delete_tags(Resources=found, Tags=[{"Key": "nodeboot.io/cluster"}])


def names_removed(account: Account) -> None:
    """In the cluster's VPC a Name is enough to be known by."""
    account.ec2.delete_tags(Resources=[account.find("subnet", "private-2")["SubnetId"], _group(account, "worker")],
                            Tags=[{"Key": "nodeboot.io/name"}, {"Key": "nodeboot.io/cluster"}])


def role_removed(account: Account) -> None:
    role = _role(account, "worker")
    account.iam.remove_role_from_instance_profile(InstanceProfileName=role, RoleName=role)
    for name in account.iam.list_role_policies(RoleName=role)["PolicyNames"]:
        account.iam.delete_role_policy(RoleName=role, PolicyName=name)
    account.iam.delete_role(RoleName=role)


def role_given_to_others(account: Account) -> None:
    account.iam.update_assume_role_policy(RoleName=_role(account, "worker"), PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
                                                "Principal": {"Service": "lambda.amazonaws.com"}}]}))


def role_tags_removed(account: Account) -> None:
    role = _role(account, "worker")
    account.iam.untag_role(RoleName=role, TagKeys=["nodeboot.io/cluster", "Name"])
    account.iam.untag_instance_profile(InstanceProfileName=role, TagKeys=["nodeboot.io/cluster"])


def profile_emptied(account: Account) -> None:
    role = _role(account, "control-plane")
    account.iam.remove_role_from_instance_profile(InstanceProfileName=role, RoleName=role)


def _role(account: Account, word: str) -> str:
    return next(str(one["RoleName"]) for one in account.everything()["role"] if one["RoleName"].endswith(word))


NETWORK_DRIFTS: list[Callable[[Account], None]] = [
    rule_added, rule_removed, outbound_removed, tag_changed, tag_removed, route_removed, route_changed,
    subnet_moved_to_another_table, association_removed, dns_names_off, public_addresses_off, nat_gateway_deleted,
    address_tags_removed, cluster_tags_removed, names_removed]


def groups_named_in_outbound_rules(account: Account) -> None:
    """Each in the other's: EC2 deletes no group that a rule names, whichever way the rule leads."""
    groups = [_group(account, "worker"), _group(account, "control-plane")]
    for group, other in (groups, reversed(groups)):
        account.ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 6443, "ToPort": 6443, "UserIdGroupPairs": [{"GroupId": other}]},
            {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": other}]}])


NETWORK_DRIFTS.append(groups_named_in_outbound_rules)


@pytest.mark.parametrize("drift", NETWORK_DRIFTS, ids=lambda one: one.__name__)
def test_what_was_changed_by_hand_is_shown_and_put_right(
        operator: Operator, account: Account, drift: Callable[[Account], None]) -> None:
    operator.up()
    before = account.counts()
    drift(account)
    changes = operator.changes()
    assert 1 <= len(changes) <= 8, changes
    assert operator.changes() == changes  # a plan only looks
    operator.up()
    operator.converged()
    assert account.counts() == before
    operator.down()
    account.empty()


# ---- instances


def test_instances_are_as_the_architecture_says(operator: Operator, account: Account) -> None:
    operator.up()
    subnets = {one["SubnetId"]: tag for one in account.everything()["subnet"] for tag in [_name(one)]}
    groups = {one["GroupId"]: _name(one) for one in account.everything()["security-group"]}
    volumes = {one["Attachments"][0]["InstanceId"]: one for one in account.everything()["volume"]}
    for name, kind, subnet, group in (("control-plane", "t3.medium", "public", "control-plane"),
                                      *((f"worker-{n}", "t3.small", f"private-{n}", "worker") for n in (1, 2, 3))):
        one = account.find("instance", name)
        assert (one["InstanceType"], subnets[one["SubnetId"]]) == (kind, subnet)
        assert [groups[each["GroupId"]] for each in one["SecurityGroups"]] == [group]
        assert one["MetadataOptions"]["HttpTokens"] == "required"
        assert one["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
        assert one["IamInstanceProfile"]["Arn"].endswith(group)
        assert ("PublicIpAddress" in one) == (subnet == "public")
        volume = volumes[one["InstanceId"]]
        assert (volume["Size"], volume["VolumeType"], volume["Encrypted"]) == (30, "gp3", True)
        assert {"nodeboot.io/cluster": "demo", "nodeboot.io/name": name}.items() <= tags(volume).items()


def _name(item: dict[str, Any]) -> str:
    return tags(item)["nodeboot.io/name"]


def test_user_data_holds_no_secret_and_fits(operator: Operator, account: Account) -> None:
    operator.up()
    for one in account.instances():
        answer = account.ec2.describe_instance_attribute(InstanceId=one["InstanceId"], Attribute="userData")
        text = base64.b64decode(answer["UserData"]["Value"]).decode()
        assert text.startswith("#cloud-config\n") and len(text.encode()) <= 16384
        assert not re.search(r"AKIA|ASIA|BEGIN [A-Z ]*PRIVATE KEY|[a-z0-9]{6}\.[a-z0-9]{16}", text)


def instance_terminated(account: Account) -> None:
    account.ec2.terminate_instances(InstanceIds=[account.find("instance", "worker-2")["InstanceId"]])


def policy_widened(account: Account) -> None:
    role = next(one["RoleName"] for one in account.everything()["role"] if one["RoleName"].endswith("worker"))
    (name,) = account.iam.list_role_policies(RoleName=role)["PolicyNames"]
    account.iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ssm:*", "Resource": "*"}]}))


def policy_removed(account: Account) -> None:
    role = next(one["RoleName"] for one in account.everything()["role"] if one["RoleName"].endswith("worker"))
    (name,) = account.iam.list_role_policies(RoleName=role)["PolicyNames"]
    account.iam.delete_role_policy(RoleName=role, PolicyName=name)


def groups_of_an_instance_changed(account: Account) -> None:
    account.ec2.modify_instance_attribute(InstanceId=account.find("instance", "worker-1")["InstanceId"],
                                          Groups=[_group(account, "control-plane")])


def metadata_loosened(account: Account) -> None:
    account.ec2.modify_instance_metadata_options(InstanceId=account.find("instance", "worker-1")["InstanceId"],
                                                 HttpTokens="optional", HttpPutResponseHopLimit=2)


def binary_deleted(account: Account) -> None:
    (bucket,) = account.everything()["bucket"]
    for one in account.s3.list_objects_v2(Bucket=bucket["Name"])["Contents"]:
        account.s3.delete_object(Bucket=bucket["Name"], Key=one["Key"])


def bucket_opened(account: Account) -> None:
    (bucket,) = account.everything()["bucket"]
    account.s3.put_public_access_block(Bucket=bucket["Name"], PublicAccessBlockConfiguration={"BlockPublicAcls": False})


def bucket_removed(account: Account) -> None:
    binary_deleted(account)
    (bucket,) = account.everything()["bucket"]
    account.s3.delete_bucket(Bucket=bucket["Name"])


def bucket_tags_removed(account: Account) -> None:
    (bucket,) = account.everything()["bucket"]
    account.s3.delete_bucket_tagging(Bucket=bucket["Name"])


def instance_stopped(account: Account) -> None:
    account.ec2.stop_instances(InstanceIds=[account.find("instance", "worker-1")["InstanceId"]])


def instance_lost_its_tags(account: Account) -> None:
    one = account.find("instance", "worker-1")
    disk = one["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    account.ec2.delete_tags(Resources=[one["InstanceId"], disk], Tags=[{"Key": "nodeboot.io/cluster"}])


def _association(account: Account, instance: str) -> str:
    found = account.ec2.describe_iam_instance_profile_associations()["IamInstanceProfileAssociations"]
    wanted = account.find("instance", instance)["InstanceId"]
    return next(str(one["AssociationId"]) for one in found if one["InstanceId"] == wanted)


def profile_of_an_instance_removed(account: Account) -> None:
    account.ec2.disassociate_iam_instance_profile(AssociationId=_association(account, "worker-1"))


def profile_of_an_instance_changed(account: Account) -> None:
    account.ec2.replace_iam_instance_profile_association(
        AssociationId=_association(account, "worker-1"), IamInstanceProfile={"Name": _role(account, "control-plane")})


def profile_deleted_and_made_again(account: Account) -> None:
    """Same name, same ARN, another id: what runs with the old one gets no credentials."""
    role = _role(account, "worker")
    tags = account.iam.get_instance_profile(InstanceProfileName=role)["InstanceProfile"]["Tags"]
    account.iam.remove_role_from_instance_profile(InstanceProfileName=role, RoleName=role)
    account.iam.delete_instance_profile(InstanceProfileName=role)
    account.iam.create_instance_profile(InstanceProfileName=role, Tags=tags)
    account.iam.add_role_to_instance_profile(InstanceProfileName=role, RoleName=role)


def subnet_removed_with_its_instance(account: Account) -> None:
    subnet = account.find("subnet", "private-3")
    instance_of(account, "worker-3")
    account.ec2.delete_subnet(SubnetId=subnet["SubnetId"])


def instance_of(account: Account, name: str) -> None:
    one = account.find("instance", name)["InstanceId"]
    account.ec2.terminate_instances(InstanceIds=[one])
    eventually(f"{name} to go", lambda: all(each["InstanceId"] != one for each in account.instances()))


def way_out_removed(account: Account) -> None:
    """Internet gateway, address and NAT gateway, and the control plane, whose public address holds the gateway."""
    nat_gateway_deleted(account)
    account.ec2.release_address(AllocationId=account.find("elastic-ip", "nat")["AllocationId"])
    instance_of(account, "control-plane")
    (gateway,) = account.everything()["internet-gateway"]
    account.ec2.detach_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"],
                                        VpcId=account.find("vpc", "vpc")["VpcId"])
    account.ec2.delete_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"])


INSTANCE_DRIFTS: list[Callable[[Account], None]] = [
    instance_terminated, policy_widened, policy_removed, groups_of_an_instance_changed, metadata_loosened,
    binary_deleted, bucket_opened, bucket_removed, bucket_tags_removed, instance_stopped, instance_lost_its_tags,
    profile_of_an_instance_removed, profile_of_an_instance_changed, profile_deleted_and_made_again, role_removed,
    role_given_to_others, role_tags_removed, profile_emptied, subnet_removed_with_its_instance, way_out_removed]


@pytest.mark.parametrize("drift", INSTANCE_DRIFTS, ids=lambda one: one.__name__)
def test_an_instance_or_what_it_needs_changed_by_hand_is_put_right(
        operator: Operator, account: Account, drift: Callable[[Account], None]) -> None:
    test_what_was_changed_by_hand_is_shown_and_put_right(operator, account, drift)


@pytest.mark.parametrize("drift", [*NETWORK_DRIFTS, *INSTANCE_DRIFTS], ids=lambda one: one.__name__)
def test_what_was_changed_by_hand_is_taken_away_as_it_is(
        operator: Operator, account: Account, drift: Callable[[Account], None]) -> None:
    """Without an `up` that puts it right first."""
    operator.up()
    drift(account)
    operator.down()
    account.empty()


def test_a_zone_without_capacity_is_avoided(operator: Operator, account: Account, cloud: CloudHandle) -> None:
    cloud.call("no_capacity", zone="b", type="t3.small")
    operator.up()
    operator.converged()
    zones = {one["Placement"]["AvailabilityZone"][-1] for one in account.instances() if one["InstanceType"] == "t3.small"}
    assert zones == {"a", "c"}
    assert account.counts()["instance"] == 4


def test_a_fresh_instance_profile_is_waited_for(operator: Operator, account: Account, cloud: CloudHandle) -> None:
    cloud.call("stale", seconds={"instance-profile": 2, "role": 1})
    operator.up()
    cloud.call("calm")
    operator.converged()
    assert account.counts() == ARCHITECTURE


def test_an_account_that_puts_tags_into_metadata_is_told_not_to(operator: Operator, cloud: CloudHandle) -> None:
    cloud.call("tags_in_metadata")
    operator.up()
    operator.converged()


@pytest.mark.parametrize("action, code", [("TerminateInstances", "InvalidInstanceID.NotFound"),
                                          ("DeleteNatGateway", "NatGatewayNotFound")])
def test_what_is_listed_and_unknown_to_its_deletion_goes_all_the_same(
        operator: Operator, account: Account, cloud: CloudHandle, action: str, code: str) -> None:
    operator.up()
    cloud.call("add_fault", target="aws", effect="error", value=code, match={"action": f"^{action}$"}, count=1)
    operator.down()
    account.empty()


def test_the_quota_of_vcpus_is_named(operator: Operator, cloud: CloudHandle) -> None:
    cloud.call("limit", vcpus=4)
    refused = operator.run("up")
    assert refused.code == 1 and "vCPU" in refused.err and "Service Quotas" in refused.err, refused


def test_fewer_and_more_workers(operator: Operator, account: Account) -> None:
    operator.up()
    operator.settings = {"instances": {"workers": 1}}
    refused = operator.run("up")  # what runs on them is asked about first
    assert refused.code == 1 and "would be terminated" in refused.err, refused
    assert len(account.instances("running")) == 4
    operator.up("--yes")
    assert sorted(map(_name, account.instances("running"))) == ["control-plane", "worker-1"]
    operator.settings = {"instances": {"workers": 5}}
    operator.up()
    assert len(account.instances("running")) == 6
    operator.converged()
    operator.down()
    account.empty()


def test_up_and_down_at_once_leave_all_or_nothing(operator: Operator, account: Account) -> None:
    started = [operator.start("up"), operator.start("down", "--yes")]
    said = [one.communicate(timeout=600)[0].decode() for one in started]
    assert [one.returncode for one in started] == [0, 0], said
    assert account.counts() in ({}, ARCHITECTURE), said
    operator.down()
    account.empty()


# ---- what is somebody else's


def test_what_others_own_is_left_alone(operator: Operator, account: Account) -> None:
    """A VPC that bears the same Name, another cluster, and things in no cluster at all."""
    theirs = account.ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=[
        {"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "demo-vpc"}]}])["Vpc"]["VpcId"]
    account.ec2.create_subnet(VpcId=theirs, CidrBlock="10.0.0.0/24")
    account.ec2.allocate_address(Domain="vpc")
    other = Operator(operator.cloud, operator.folder, name="other")
    other.up()
    before = account.everything()
    operator.up()
    operator.down()
    assert account.everything() == before
    other.converged()


def test_two_clusters_stand_side_by_side(operator: Operator, account: Account) -> None:
    other = Operator(operator.cloud, operator.folder, name="other")
    operator.up()
    other.up()
    operator.converged()
    other.converged()
    operator.down()
    other.converged()
    other.down()
    account.empty()


def test_two_operators_at_once_make_one_cluster(operator: Operator, account: Account) -> None:
    started = [operator.start("up") for _ in range(2)]
    said = [one.communicate(timeout=600)[0].decode() for one in started]
    assert [one.returncode for one in started] == [0, 0], said
    operator.converged()
    assert account.counts() == ARCHITECTURE
    operator.down()
    account.empty()


# ---- what was made is found whatever has changed since


def test_down_finds_what_other_settings_made(operator: Operator, account: Account) -> None:
    operator.settings = {"access": {"ssh_generated_key": str(operator.folder / "key")}}
    operator.up()
    assert account.counts()["key-pair"] == 1
    operator.settings = {"access": {"key_pair": "of-somebody"}, "binary": {"source": "image"},
                         "instances": {"control_plane_profile": "mine", "worker_profile": "mine", "workers": 1,
                                       "ami": "ami-0123456789abcdef0"}}
    operator.down()
    account.empty()


def test_down_leaves_what_others_put_into_the_vpc_and_says_so(operator: Operator, account: Account) -> None:
    """Their subnet keeps the VPC: everything else goes, and what is in the way is named while it is waited for."""
    operator.up()
    vpc = account.find("vpc", "vpc")["VpcId"]
    theirs = account.ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.9.0/24", TagSpecifications=[
        {"ResourceType": "subnet", "Tags": [{"Key": "Name", "Value": "demo-database"}]}])["Subnet"]["SubnetId"]
    down = operator.start("down", "--yes")
    try:
        eventually("all but the VPC to go", lambda: set(account.counts()) <= {"vpc", "subnet", "parameter"})
        assert down.stdout is not None
        said = next((line.decode() for line in down.stdout if b"waits for:" in line), "")
        assert f"{vpc} waits for: subnet {theirs} (demo-database)" in said
    finally:
        down.kill()
        down.communicate()
    assert [one["SubnetId"] for one in account.everything()["subnet"]] == [theirs]
    account.ec2.delete_subnet(SubnetId=theirs)
    operator.down()
    account.empty()


def test_what_is_there_twice_is_named_until_down_takes_both(operator: Operator, account: Account) -> None:
    """As after a lost answer and listings that are late for longer than nodeboot waits for them."""
    operator.up()
    subnet, first = account.find("subnet", "public")["SubnetId"], account.find("natgateway", "nat")
    address = account.ec2.allocate_address(Domain="vpc")["AllocationId"]
    second = account.ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address, TagSpecifications=[
        {"ResourceType": "natgateway", "Tags": first["Tags"]}])["NatGateway"]["NatGatewayId"]
    for command, code in (("plan", 0), ("up", 0), ("status", 0)):
        ran = operator.run(command)
        assert ran.code == code and f"NAT gateway {second} bears the tags" in " ".join(ran.err.split()), ran
        assert f"which is {first['NatGatewayId']}" in " ".join(ran.err.split()), ran
    operator.down()
    account.ec2.release_address(AllocationId=address)
    account.empty()


def test_what_lost_all_of_its_tags_is_named(operator: Operator, account: Account) -> None:
    operator.up()
    subnet, group = account.find("subnet", "private-2")["SubnetId"], account.find("security-group", "worker")["GroupId"]
    account.ec2.delete_tags(Resources=[subnet, group], Tags=[{"Key": key} for key in (
        "Name", "nodeboot.io/cluster", "nodeboot.io/name", "nodeboot.io/role")])
    refused = operator.run("plan")
    assert refused.code == 1 and f"subnet {subnet} (no tags)" in refused.err, refused
    assert f"security group {group} (nodeboot-demo-worker" in refused.err, refused
    for one, name in ((subnet, "private-2"), (group, "worker")):  # as it says
        assert f"--resources {one} " in " ".join(refused.err.split())
        account.ec2.create_tags(Resources=[one], Tags=[{"Key": "nodeboot.io/cluster", "Value": "demo"},
                                                       {"Key": "nodeboot.io/name", "Value": name}])
    operator.up()
    operator.converged()
    assert account.counts() == ARCHITECTURE


def test_the_longest_name_fits_everywhere(operator: Operator, account: Account, cloud: CloudHandle) -> None:
    longest = Operator(cloud, operator.folder, name="c" * 63)
    longest.settings = {"access": {"ssh_generated_key": str(operator.folder / "key")}}
    printed = longest.run("iam-policy", "--account", "123456789012")
    assert printed.ok and "managed policy holds 6144" in printed.err, printed
    cloud.call("put_user", name="operator", document=json.loads(printed.out))
    longest.up()
    longest.converged()
    longest.down()
    account.empty()


# ---- what AWS refuses


@pytest.mark.parametrize("action, code, words", [
    ("CreateSubnet", "SubnetLimitExceeded", "Subnets per VPC"),
    ("CreateRouteTable", "RouteTableLimitExceeded", "Route tables per VPC"),
    ("CreateRoute", "RouteLimitExceeded", "Routes per route table"),
    ("CreateSecurityGroup", "SecurityGroupLimitExceeded", "VPC security groups per Region"),
    ("AuthorizeSecurityGroupIngress", "RulesPerSecurityGroupLimitExceeded", "rules per security group"),
    ("RunInstances", "InstanceLimitExceeded", "Running On-Demand instances"),
    ("RunInstances", "VolumeLimitExceeded", "General Purpose SSD"),
    ("CreateRole", "LimitExceeded", "IAM"), ("CreateInstanceProfile", "LimitExceeded", "IAM")])
def test_each_quota_that_is_used_up_is_named(operator: Operator, account: Account, cloud: CloudHandle, action: str,
                                             code: str, words: str) -> None:
    cloud.call("add_fault", target="aws", effect="error", value=code, match={"action": f"^{action}$"})
    refused = operator.run("up")
    assert refused.code == 1 and words in refused.err and "Service Quotas" in refused.err, refused
    cloud.call("clear_faults")
    operator.up()
    operator.converged()
    operator.down()
    account.empty()


def test_no_room_for_the_control_plane_is_explained(operator: Operator, account: Account, cloud: CloudHandle) -> None:
    """Its one subnet is in the first zone."""
    cloud.call("no_capacity", zone="a", type="t3.medium")
    refused = operator.run("up")
    assert refused.code == 1 and "InsufficientInstanceCapacity" in refused.err and "vpc.zones" in refused.err, refused
    cloud.call("no_capacity")
    operator.up()
    operator.converged()
    assert account.counts()["instance"] == 4


@pytest.mark.parametrize("limit, words", [("vpcs", "VPCs per Region"), ("addresses", "EC2-VPC Elastic IPs"),
                                          ("internet_gateways", "Internet gateways per Region"),
                                          ("nat_gateways_per_zone", "NAT gateways per Availability Zone")])
def test_a_quota_that_is_used_up_is_named(operator: Operator, account: Account, cloud: CloudHandle, limit: str,
                                          words: str) -> None:
    cloud.call("limit", **{limit: 0})
    refused = operator.run("up")
    assert refused.code == 1 and words in refused.err and "Service Quotas" in refused.err, refused
    cloud.call("limit", **{limit: 5})
    operator.up()
    operator.converged()
    operator.down()
    account.empty()


def test_a_failed_nat_gateway_is_made_again_once(operator: Operator, account: Account, cloud: CloudHandle) -> None:
    cloud.call("durations", scale=0.01, nat_pending=100, nat_deleting=0)
    cloud.call("fail_nat", code="InternalError", message="NAT gateway creation failed")
    operator.up()
    operator.converged()
    operator.down()
    account.empty()
    cloud.call("fail_nat", code="InternalError", message="NAT gateway creation failed", times=2)
    refused = operator.run("up")
    assert refused.code == 1 and "NAT gateway creation failed" in refused.err, refused
    operator.up()
    operator.down()
    account.empty()


@pytest.mark.parametrize("says_when", ["yes", "no"])
def test_credentials_that_expire_in_the_middle_are_asked_for_again(operator: Operator, account: Account,
                                                                   cloud: CloudHandle, says_when: str) -> None:
    """credential_process is run anew when AWS says that what it gave has expired, whether it said itself when that would
    be or not. EC2 says RequestExpired, S3 and the others ExpiredToken."""
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    cloud.call("put_role", name="admin", document=everything)
    cloud.call("durations", scale=0.01, nat_pending=360_000)  # an hour, to expire in
    asked = operator.folder / "asked"
    program = operator.folder / "credentials"
    program.write_text(CREDENTIALS.format(socket=cloud.folder / "cloud.sock", asked=asked))
    program.chmod(0o755)
    config = operator.folder / "aws"
    config.write_text(f"[default]\nregion = {cloud.region}\ncredential_process = {program}\n")
    files = {"AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "SAYS_WHEN": says_when}
    def gateways() -> int:
        return len(cloud.requests(action="CreateNatGateway", outcome="200"))
    before = gateways()  # the log is of all cases
    with ThreadPoolExecutor(1) as runs:
        up = runs.submit(operator.run, "up", **files)
        eventually("a NAT gateway", lambda: gateways() > before)
        given = len(asked.read_text().splitlines())
        cloud.call("expire")
        cloud.call("pass_time", seconds=3600)
        ran = up.result()
    assert ran.ok, ran
    assert given == 1 and len(asked.read_text().splitlines()) >= 2
    operator.converged()


CREDENTIALS = """\
#!/usr/bin/python3
import json, os, socket, time
connection = socket.socket(socket.AF_UNIX)
connection.connect("{socket}")
question = {{"call": "issue", "with": {{"role": "admin", "session": "me", "lifetime": 900}}}}
connection.sendall(json.dumps(question).encode() + b"\\n")
got = json.loads(connection.makefile().readline())["value"]
# As `aws configure export-credentials` writes it; whether it says so at all is up to the operator's environment.
expiration = {{"Expiration": time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() + 900))}}
expiration = expiration if os.environ["SAYS_WHEN"] == "yes" else {{}}
print(json.dumps({{"Version": 1, "AccessKeyId": got["access_key"], "SecretAccessKey": got["secret_key"],
                  "SessionToken": got["token"], **expiration}}))
open("{asked}", "a").write("asked\\n")
"""


def test_an_operator_without_a_permission_is_told_which(operator: Operator, account: Account, cloud: CloudHandle) -> None:
    cloud.call("withhold", name="operator", action="ec2:CreateNatGateway")
    refused = operator.run("up")
    assert refused.code == 1 and "ec2:CreateNatGateway" in refused.err and "iam-policy" in refused.err, refused
    cloud.call("restore", name="operator")
    operator.up()
    operator.down()
    account.empty()
