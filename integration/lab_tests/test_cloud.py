"""The lab's AWS, tried with boto3: does it behave as AWS where moto alone would not?"""
from __future__ import annotations

import base64
import http.client
import select
import time
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.parsers import ResponseParserError
from lab_tests.architecture import KEY, TRUST, UBUNTU, Architecture, client, code_of, eventually, tagged

from lab.cloud.handle import CloudHandle


HOUR = 3600.0  # longer than any test takes: what is to pass, `pass_time` lets pass


@pytest.fixture
def made(cloud: CloudHandle) -> Architecture:
    """Everything, with nothing to wait for."""
    cloud.call("durations", scale=0)
    one = Architecture(cloud)
    one.up()
    return one


def test_up_and_down_leave_an_empty_account(cloud: CloudHandle, made: Architecture) -> None:
    made.down()
    ec2 = made.ec2
    assert [one for one in ec2.describe_vpcs()["Vpcs"] if not one["IsDefault"]] == []
    assert ec2.describe_addresses()["Addresses"] == []
    assert [one["State"] for one in ec2.describe_nat_gateways()["NatGateways"]] == ["deleted"]
    assert ec2.describe_volumes()["Volumes"] == []
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []
    assert ec2.describe_key_pairs()["KeyPairs"] == []


def test_an_instance_reads_as_it_was_asked_for(made: Architecture) -> None:
    found = made.describe()
    assert found["MetadataOptions"]["HttpTokens"] == "required"
    assert found["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    assert found["PrivateIpAddress"] == "10.0.1.4"
    assert found["PrivateDnsName"] == "ip-10-0-1-4.eu-central-1.compute.internal"
    assert found["PublicDnsName"] == "" and "PublicIpAddress" not in found
    assert found["IamInstanceProfile"]["Arn"].endswith(":instance-profile/worker")
    assert [one["GroupId"] for one in found["SecurityGroups"]] == [made.group]
    assert found["RootDeviceName"] == "/dev/sda1"
    volume = made.ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id",
                                                 "Values": [made.instance]}])["Volumes"][0]
    assert (volume["Size"], volume["VolumeType"], volume["Encrypted"]) == (30, "gp3", True)
    assert {"Key": "nodeboot.io/cluster", "Value": "demo"} in volume["Tags"]
    data = made.ec2.describe_instance_attribute(InstanceId=made.instance, Attribute="userData")["UserData"]["Value"]
    assert base64.b64decode(data) == b"#cloud-config\n"


def test_everything_is_found_by_its_tag(made: Architecture) -> None:
    by_tag = [{"Name": "tag:nodeboot.io/cluster", "Values": ["demo"]}]
    other = [{"Name": "tag:nodeboot.io/cluster", "Values": ["other"]}]
    for action, key, expected in (
            ("describe_vpcs", "Vpcs", 1), ("describe_subnets", "Subnets", 2), ("describe_route_tables", "RouteTables", 2),
            ("describe_internet_gateways", "InternetGateways", 1), ("describe_addresses", "Addresses", 1),
            ("describe_nat_gateways", "NatGateways", 1), ("describe_security_groups", "SecurityGroups", 1),
            ("describe_key_pairs", "KeyPairs", 1), ("describe_instances", "Reservations", 1),
            ("describe_volumes", "Volumes", 1)):
        assert len(getattr(made.ec2, action)(Filters=by_tag)[key]) == expected, action
        assert getattr(made.ec2, action)(Filters=other)[key] == [], action


def test_instances_pass_through_their_states(cloud: CloudHandle, made: Architecture) -> None:
    assert made.state() == "running"
    cloud.call("durations", scale=1, **dict.fromkeys(("stopping", "pending", "shutting_down"), HOUR))
    stopped = made.ec2.stop_instances(InstanceIds=[made.instance])["StoppingInstances"][0]
    assert (stopped["PreviousState"]["Name"], stopped["CurrentState"]["Name"]) == ("running", "stopping")
    assert made.state() == "stopping"
    cloud.call("pass_time", seconds=HOUR)
    assert made.state() == "stopped"
    made.ec2.start_instances(InstanceIds=[made.instance])
    assert made.state() == "pending"
    cloud.call("pass_time", seconds=HOUR)
    assert made.state() == "running"
    made.ec2.terminate_instances(InstanceIds=[made.instance])
    assert made.state() == "shutting-down"
    assert code_of(lambda: made.ec2.delete_subnet(SubnetId=made.private)) == "DependencyViolation"
    cloud.call("pass_time", seconds=HOUR)
    assert made.state() == "terminated"
    made.ec2.terminate_instances(InstanceIds=[made.instance])
    assert code_of(lambda: made.ec2.start_instances(InstanceIds=[made.instance])) == "IncorrectInstanceState"


def test_a_nat_gateway_takes_its_time_and_routes_may_be_made_meanwhile(cloud: CloudHandle) -> None:
    cloud.call("durations", scale=HOUR / 100)  # a gateway takes 100 s
    one = Architecture(cloud)
    one.network()
    one.nat()  # makes the route
    assert one.nat_state() == "pending"
    cloud.call("pass_time", seconds=HOUR)
    assert one.nat_state() == "available"
    one.ec2.delete_nat_gateway(NatGatewayId=one.nat_gateway)
    assert one.nat_state() == "deleting"
    assert code_of(lambda: one.ec2.release_address(AllocationId=one.eip)) == "InvalidIPAddress.InUse"
    cloud.call("pass_time", seconds=HOUR)
    assert one.nat_state() == "deleted"
    route = one.ec2.describe_route_tables(RouteTableIds=[one.tables[1]])["RouteTables"][0]["Routes"][1]
    assert (route["NatGatewayId"], route["State"]) == (one.nat_gateway, "blackhole")
    one.ec2.release_address(AllocationId=one.eip)


def test_a_nat_gateway_can_fail(cloud: CloudHandle) -> None:
    cloud.call("durations", scale=HOUR / 100)
    cloud.call("fail_nat", code="InsufficientFreeAddressesInSubnet", message="full")
    one = Architecture(cloud)
    one.network()
    one.nat()
    cloud.call("pass_time", seconds=HOUR)
    found = one.ec2.describe_nat_gateways(NatGatewayIds=[one.nat_gateway])["NatGateways"][0]
    assert (found["State"], found["FailureCode"]) == ("failed", "InsufficientFreeAddressesInSubnet")
    one.ec2.release_address(AllocationId=one.eip)  # a failed gateway lets go of it


# ---- idempotency, staleness, faults


def test_a_client_token_gives_the_same_instance_again(cloud: CloudHandle, made: Architecture) -> None:
    first = made.launch(ClientToken="one")
    assert made.launch(ClientToken="one") == first
    assert made.launch(ClientToken="two") != first
    assert code_of(lambda: made.launch(ClientToken="one", InstanceType="t3.medium")) == "IdempotentParameterMismatch"
    assert made.describe(first)["ClientToken"] == "one"
    assert len(made.ec2.describe_instances()["Reservations"]) == 3
    made.ec2.terminate_instances(InstanceIds=[first])
    assert code_of(lambda: made.launch(ClientToken="one")) == "IdempotentInstanceTerminated"


def test_a_client_token_gives_the_same_nat_gateway_again(cloud: CloudHandle) -> None:
    one = Architecture(cloud)
    one.network()
    def make(**more: str) -> str:
        return str(one.ec2.create_nat_gateway(SubnetId=one.public, AllocationId=one.eip, **more)["NatGateway"]
                   ["NatGatewayId"])
    assert make(ClientToken="t") == make(ClientToken="t")
    assert code_of(lambda: make(ClientToken="u")) == "Resource.AlreadyAssociated"


def test_what_was_just_made_is_not_seen_at_first(cloud: CloudHandle) -> None:
    cloud.call("stale", seconds={"vpc": HOUR})
    ec2 = client(cloud, "ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tagged("vpc"))["Vpc"]["VpcId"]
    by_tag = [{"Name": "tag:nodeboot.io/cluster", "Values": ["demo"]}]
    assert code_of(lambda: ec2.describe_vpcs(VpcIds=[vpc])) == "InvalidVpcID.NotFound"
    assert code_of(lambda: ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")) == "InvalidVpcID.NotFound"
    assert ec2.describe_vpcs(Filters=by_tag)["Vpcs"] == []
    cloud.call("pass_time", seconds=HOUR)
    assert len(ec2.describe_vpcs(Filters=by_tag)["Vpcs"]) == 1
    assert [one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"]][-1] == vpc


def test_a_fresh_instance_profile_is_not_accepted_at_first(cloud: CloudHandle) -> None:
    cloud.call("durations", scale=0)
    one = Architecture(cloud)
    one.network()
    cloud.call("stale", seconds={"instance-profile": HOUR})
    one.iam.create_role(RoleName="worker", AssumeRolePolicyDocument="{\"Version\": \"2012-10-17\", \"Statement\": []}")
    one.iam.create_instance_profile(InstanceProfileName="worker")
    with pytest.raises(ClientError, match="Invalid IAM Instance Profile"):
        one.launch(KeyName=None)
    cloud.call("pass_time", seconds=HOUR)
    with pytest.raises(ClientError, match="InvalidParameterValue.*has no associated IAM Roles"):
        one.launch(KeyName=None)
    one.iam.add_role_to_instance_profile(InstanceProfileName="worker", RoleName="worker")
    one.launch(KeyName=None)


def test_a_lost_reply_leaves_what_was_asked_for(cloud: CloudHandle) -> None:
    ec2 = client(cloud, "ec2")
    cloud.call("add_fault", target="aws", effect="lost", match={"action": "AllocateAddress"}, count=1)
    with pytest.raises((EndpointConnectionError, Exception)):
        ec2.allocate_address(Domain="vpc")
    assert len(ec2.describe_addresses()["Addresses"]) == 1


@pytest.mark.parametrize("error, code, status", [("InternalError", "InternalError", 500), ("Throttling",
                                                 "RequestLimitExceeded", 503), ("ServiceUnavailable", "Unavailable",
                                                                                503)])
def test_scripted_errors_are_spelt_as_ec2_spells_them(cloud: CloudHandle, error: str, code: str, status: int) -> None:
    cloud.call("add_fault", target="aws", effect="error", value=error, match={"action": "CreateVpc"}, count=1)
    with pytest.raises(ClientError) as caught:
        client(cloud, "ec2").create_vpc(CidrBlock="10.0.0.0/16")
    answer = caught.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)


def test_throttling_has_buckets(cloud: CloudHandle) -> None:
    cloud.call("throttle", buckets=[("ec2:Describe.*", 3, 3 / HOUR), ("ssm:.*", 1, 1 / HOUR)])
    ec2, ssm = client(cloud, "ec2"), client(cloud, "ssm")
    assert [code_of(ec2.describe_vpcs) for _ in range(5)] == ["", "", ""] + ["RequestLimitExceeded"] * 2
    ask = lambda: ssm.get_parameter(Name=UBUNTU)  # noqa: E731
    assert [code_of(ask), code_of(ask)] == ["", "ThrottlingException"]
    cloud.call("pass_time", seconds=HOUR)
    assert [code_of(ec2.describe_vpcs) for _ in range(4)] == ["", "", "", "RequestLimitExceeded"]


def test_a_storm_is_the_same_for_the_same_seed_and_lets_a_patient_client_through(cloud: CloudHandle) -> None:
    def outcomes(seed: int) -> list[str]:
        cloud.call("reset")
        cloud.call("storm", seed=seed, error_500=0.3, throttle=0.3)
        ec2 = client(cloud, "ec2")
        return [code_of(ec2.describe_vpcs) for _ in range(20)]
    first = outcomes(7)
    assert first == outcomes(7) != outcomes(8)
    assert "InternalError" in first and "RequestLimitExceeded" in first and "" in first
    cloud.call("reset")
    cloud.call("storm", seed=7, error_500=0.2, throttle=0.2, error_503=0.2)
    client(cloud, "ec2", retries=4).create_vpc(CidrBlock="10.0.0.0/16")


def test_a_client_can_be_stopped_at_its_nth_request(cloud: CloudHandle) -> None:
    from concurrent.futures import ThreadPoolExecutor
    cloud.call("hold", number=2, changing=True)
    ec2 = client(cloud, "ec2")
    ec2.create_vpc(CidrBlock="10.0.0.0/16")
    ec2.describe_vpcs()
    pool = ThreadPoolExecutor(1)
    waiting = pool.submit(lambda: ec2.allocate_address(Domain="vpc"))
    eventually(lambda: cloud.call("held") == "ec2:AllocateAddress")
    time.sleep(0.3)
    assert not waiting.done()
    assert len(client(cloud, "ec2").describe_addresses()["Addresses"]) == 1
    pool.shutdown(wait=False)


# ---- what does not fit


def test_quotas(cloud: CloudHandle, made: Architecture) -> None:
    cloud.call("limit", vpcs=2, addresses=1, vcpus=2)
    assert code_of(lambda: made.ec2.create_vpc(CidrBlock="10.1.0.0/16")) == "VpcLimitExceeded"
    assert code_of(lambda: made.ec2.allocate_address(Domain="vpc")) == "AddressLimitExceeded"
    assert code_of(made.launch) == "VcpuLimitExceeded"


def test_a_zone_without_capacity(cloud: CloudHandle, made: Architecture) -> None:
    other = made.ec2.create_subnet(VpcId=made.vpc, CidrBlock="10.0.2.0/24", AvailabilityZone="eu-central-1b")
    cloud.call("no_capacity", zone="a", type="t3.small")
    assert code_of(made.launch) == "InsufficientInstanceCapacity"
    made.launch(InstanceType="t3.medium")
    made.launch(SubnetId=other["Subnet"]["SubnetId"])
    cloud.call("no_capacity")
    made.launch()


def test_what_is_in_use_stays(made: Architecture) -> None:
    ec2 = made.ec2
    other = ec2.create_security_group(GroupName="other", Description="other", VpcId=made.vpc)["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=made.group, IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "UserIdGroupPairs": [{"GroupId": other}]}])
    for refused, code in ((lambda: ec2.delete_vpc(VpcId=made.vpc), "DependencyViolation"),
                          (lambda: ec2.delete_subnet(SubnetId=made.public), "DependencyViolation"),
                          (lambda: ec2.delete_security_group(GroupId=made.group), "DependencyViolation"),
                          (lambda: ec2.delete_security_group(GroupId=other), "DependencyViolation"),
                          (lambda: ec2.delete_internet_gateway(InternetGatewayId=made.igw), "DependencyViolation"),
                          (lambda: ec2.detach_internet_gateway(InternetGatewayId=made.igw, VpcId=made.vpc),
                           "DependencyViolation"),
                          (lambda: ec2.delete_route_table(RouteTableId=made.tables[0]), "DependencyViolation"),
                          (lambda: ec2.release_address(AllocationId=made.eip), "InvalidIPAddress.InUse"),
                          (lambda: made.iam.delete_role(RoleName="worker"), "DeleteConflict"),
                          (lambda: made.iam.delete_instance_profile(InstanceProfileName="worker"), "DeleteConflict")):
        assert code_of(refused) == code


@pytest.mark.parametrize("change, code", [
    ({"IamInstanceProfile": {"Name": "none"}}, "InvalidParameterValue"), ({"KeyName": "none"}, "InvalidKeyPair.NotFound"),
    ({"ImageId": "ami-00000000000000000"}, "InvalidAMIID.NotFound"), ({"InstanceType": "t4g.small"},
                                                                      "InvalidParameterValue"),
    ({"SecurityGroupIds": ["sg-00000000000000000"]}, "InvalidGroup.NotFound"),
    ({"SubnetId": "subnet-00000000000000000"}, "InvalidSubnetID.NotFound"),
    ({"UserData": base64.b64encode(b"x" * 16385).decode()}, "InvalidParameterValue"),
    ({"PrivateIpAddress": "10.0.1.4"}, "InvalidIPAddress.InUse"), ({"DryRun": True}, "DryRunOperation")])
def test_a_launch_that_cannot_be(made: Architecture, change: dict[str, object], code: str) -> None:
    assert code_of(lambda: made.launch(**change)) == code
    assert len(made.ec2.describe_instances()["Reservations"]) == 1


def test_tags_with_a_slash_do_not_fit_into_metadata(cloud: CloudHandle, made: Architecture) -> None:
    inside = {"MetadataOptions": {"InstanceMetadataTags": "enabled"}}
    assert code_of(lambda: made.launch(**inside)) == "InvalidParameterValue"
    cloud.call("tags_in_metadata")
    assert code_of(made.launch) == "InvalidParameterValue"
    made.launch(MetadataOptions={"InstanceMetadataTags": "disabled"})
    made.launch(TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "worker-1"}]}])


def test_groups_and_subnets_of_different_networks_do_not_fit(made: Architecture) -> None:
    vpc = made.ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    other = made.ec2.create_security_group(GroupName="o", Description="o", VpcId=vpc)["GroupId"]
    assert code_of(lambda: made.launch(SecurityGroupIds=[other])) == "InvalidParameter"


def test_each_source_of_a_permission_is_a_rule_of_its_own(made: Architecture) -> None:
    """One can be revoked, whatever else has the same ports."""
    group = made.ec2.create_security_group(GroupName="apart", Description="apart", VpcId=made.vpc)["GroupId"]

    def api(**who: Any) -> list[dict[str, Any]]:
        return [{"IpProtocol": "tcp", "FromPort": 6443, "ToPort": 6443} | who]
    outside, nodes = {"IpRanges": [{"CidrIp": "203.0.113.7/32"}]}, {"UserIdGroupPairs": [{"GroupId": group}]}
    made.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=api(**outside) + api(**nodes))
    made.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=api(**nodes))
    (left,) = made.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    assert (left["UserIdGroupPairs"], left["IpRanges"]) == ([], outside["IpRanges"])
    with pytest.raises(ClientError, match="InvalidPermission.NotFound"):
        made.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=api(**nodes))


def test_key_pairs_are_known_by_id_too(made: Architecture) -> None:
    key = made.ec2.describe_key_pairs(KeyNames=["me"])["KeyPairs"][0]["KeyPairId"]
    assert made.ec2.describe_key_pairs(KeyPairIds=[key])["KeyPairs"][0]["KeyName"] == "me"
    assert code_of(lambda: made.ec2.import_key_pair(KeyName="me", PublicKeyMaterial=KEY)) == "InvalidKeyPair.Duplicate"
    made.ec2.delete_key_pair(KeyPairId=key)
    assert made.ec2.describe_key_pairs()["KeyPairs"] == []


def test_images_are_found_by_their_public_parameters(cloud: CloudHandle) -> None:
    ec2, ssm = client(cloud, "ec2"), client(cloud, "ssm")
    for name, architecture, owner in (
            (UBUNTU, "x86_64", "099720109477"), (UBUNTU.replace("amd64", "arm64"), "arm64", "099720109477"),
            ("/aws/service/debian/release/12/latest/amd64", "x86_64", "136693071363"),
            ("/aws/service/debian/release/13/latest/arm64", "arm64", "136693071363"),
            ("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64", "x86_64", "137112412989")):
        image = ssm.get_parameter(Name=name)["Parameter"]["Value"]
        found = ec2.describe_images(ImageIds=[image])["Images"][0]
        assert (found["Architecture"], found["OwnerId"]) == (architecture, owner)


def test_a_private_bucket_keeps_objects(cloud: CloudHandle) -> None:
    s3 = client(cloud, "s3")
    s3.create_bucket(Bucket="nodeboot-demo", CreateBucketConfiguration={"LocationConstraint": cloud.region})
    s3.put_public_access_block(Bucket="nodeboot-demo", PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    s3.put_object(Bucket="nodeboot-demo", Key="nodeboot/a b+c", Body=b"binary")
    assert s3.get_object(Bucket="nodeboot-demo", Key="nodeboot/a b+c")["Body"].read() == b"binary"
    assert s3.head_object(Bucket="nodeboot-demo", Key="nodeboot/a b+c")["ContentLength"] == 6
    assert [one["Key"] for one in s3.list_objects_v2(Bucket="nodeboot-demo")["Contents"]] == ["nodeboot/a b+c"]
    assert code_of(lambda: s3.get_object(Bucket="nodeboot-demo", Key="none")) == "NoSuchKey"
    assert code_of(lambda: s3.delete_bucket(Bucket="nodeboot-demo")) == "BucketNotEmpty"
    s3.delete_object(Bucket="nodeboot-demo", Key="nodeboot/a b+c")
    s3.delete_bucket(Bucket="nodeboot-demo")


def test_an_answer_without_content_leaves_nothing_on_the_connection(cloud: CloudHandle) -> None:
    s3 = client(cloud, "s3")
    s3.create_bucket(Bucket="nodeboot-demo", CreateBucketConfiguration={"LocationConstraint": cloud.region})
    access_key, secret = cloud.call("keys")["operator"]
    connection = http.client.HTTPConnection(cloud.endpoint.rpartition("/")[2])
    for method, status in (("DELETE", 204), ("HEAD", 404)):
        request = AWSRequest(method, f"{cloud.endpoint}/nodeboot-demo")
        S3SigV4Auth(Credentials(access_key, secret), "s3", cloud.region).add_auth(request)
        connection.request(method, "/nodeboot-demo", headers=dict(request.headers.items()))
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (status, b"")
        assert not select.select([connection.sock], [], [], 0.2)[0]


def test_lists_come_in_pages(cloud: CloudHandle) -> None:
    ec2, iam, ssm = client(cloud, "ec2"), client(cloud, "iam"), client(cloud, "ssm")
    for number in range(1, 4):
        ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")
        iam.create_role(RoleName=f"r{number}", AssumeRolePolicyDocument=TRUST)
        ssm.put_parameter(Name=f"/nodeboot/{number}", Value="x", Type="String")
    whole = [one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"]]
    cloud.call("pages", size=1)
    first = ec2.describe_vpcs()
    assert len(first["Vpcs"]) == 1 and first["NextToken"]
    assert [one["VpcId"] for page in ec2.get_paginator("describe_vpcs").paginate() for one in page["Vpcs"]] == whole
    roles = [one["RoleName"] for page in iam.get_paginator("list_roles").paginate() for one in page["Roles"]]
    assert sorted(roles) == ["r1", "r2", "r3"] and iam.list_roles()["IsTruncated"]
    pages = list(ssm.get_paginator("get_parameters_by_path").paginate(Path="/nodeboot"))
    assert [len(page["Parameters"]) for page in pages] == [1, 1, 1]


def test_a_young_subnet_still_keeps_its_vpc_and_its_addresses(cloud: CloudHandle) -> None:
    ec2 = client(cloud, "ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    cloud.call("stale", seconds=HOUR)
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    assert ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"] == []
    assert code_of(lambda: ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")) == "InvalidSubnet.Conflict"
    assert code_of(lambda: ec2.delete_vpc(VpcId=vpc)) == "DependencyViolation"
    assert code_of(lambda: ec2.delete_subnet(SubnetId=subnet)) == "InvalidSubnetID.NotFound"


def test_consoles_of_instances_that_are_only_played(cloud: CloudHandle, made: Architecture) -> None:
    cloud.call("console", lines=[[0, "hello from {hostname}"], [3600, "later"]], tag="nodeboot.io/cluster", value="demo")
    cloud.call("console", lines=[[0, "not me"]], tag="nodeboot.io/cluster", value="other")
    cloud.call("durations", scale=1, pending=HOUR)
    made.launch()
    cloud.call("write_console", instance=made.instance, text="by hand")
    read = lambda **more: made.ec2.get_console_output(InstanceId=made.instance, **more).get("Output")  # noqa: E731
    assert read() is None
    cloud.call("durations", pending=0, scale=1)
    other = made.launch()
    made.state()
    assert read(Latest=True) == f"hello from ip-10-0-1-6\r\n" and other == made.instance


@pytest.mark.parametrize("seed", range(5))
def test_a_bad_day_is_survived_by_patience(cloud: CloudHandle, seed: int) -> None:
    cloud.call("durations", scale=0.001)
    print("seed", seed, cloud.call("bad_day", seed=seed, seconds=0.1))
    ec2 = client(cloud, "ec2", retries=8)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tagged("vpc"))["Vpc"]["VpcId"]
    eventually(lambda: code_of(lambda: ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")) in ("", "InvalidSubnet"
                                                                                                  ".Conflict"))
    by_tag = [{"Name": "tag:nodeboot.io/cluster", "Values": ["demo"]}]

    def found() -> bool:
        try:
            return any(page["Vpcs"] for page in ec2.get_paginator("describe_vpcs").paginate(Filters=by_tag))
        except ResponseParserError:  # a truncated answer, which boto3 does not ask for again
            return False
    eventually(found)


def test_an_instance_can_be_changed(made: Architecture) -> None:
    ec2 = made.ec2
    ec2.modify_instance_metadata_options(InstanceId=made.instance, HttpTokens="optional", HttpPutResponseHopLimit=2)
    found = made.describe()["MetadataOptions"]
    assert (found["HttpTokens"], found["HttpPutResponseHopLimit"], found["HttpEndpoint"]) == ("optional", 2, "enabled")
    other = ec2.create_security_group(GroupName="other", Description="other", VpcId=made.vpc)["GroupId"]
    ec2.modify_instance_attribute(InstanceId=made.instance, Groups=[other])
    assert [one["GroupId"] for one in made.describe()["SecurityGroups"]] == [other]
    assert [one["GroupId"] for one in made.describe()["NetworkInterfaces"][0]["Groups"]] == [other]
    ec2.delete_security_group(GroupId=made.group)  # nothing uses it any more


def test_details_that_a_launcher_looks_at(made: Architecture) -> None:
    ec2 = made.ec2
    key = ec2.describe_key_pairs(KeyNames=["me"], IncludePublicKey=True)["KeyPairs"][0]
    assert (key["PublicKey"], key["KeyType"]) == (KEY, "ed25519")
    nat = ec2.describe_nat_gateways(NatGatewayIds=[made.nat_gateway])["NatGateways"][0]["NatGatewayAddresses"][0]
    assert nat["PrivateIp"].startswith("10.0.0.") and nat["AllocationId"] == made.eip
    assert ec2.describe_addresses(AllocationIds=[made.eip])["Addresses"][0]["PrivateIpAddress"] == nat["PrivateIp"]
    interface = ec2.describe_network_interfaces(NetworkInterfaceIds=[nat["NetworkInterfaceId"]])["NetworkInterfaces"][0]
    assert interface["Description"] == f"Interface for NAT Gateway {made.nat_gateway}"
    made.launch(TagSpecifications=tagged("network-interface"))
    found = ec2.describe_network_interfaces(Filters=[{"Name": "tag:nodeboot.io/cluster", "Values": ["demo"]}])
    assert [one["Attachment"]["InstanceId"] for one in found["NetworkInterfaces"]] == [made.instance]
    made.ec2.terminate_instances(InstanceIds=[made.instance])
    made.state()
    (volume,) = ec2.describe_volumes()["Volumes"]
    assert volume["Attachments"][0]["DeleteOnTermination"] is True


def test_the_lab_counts_what_an_account_holds(cloud: CloudHandle, made: Architecture) -> None:
    client(cloud, "s3").create_bucket(Bucket="nodeboot-demo", CreateBucketConfiguration={
        "LocationConstraint": cloud.region})
    made.ssm.put_parameter(Name="/nodeboot/demo/join", Value="x", Type="String")
    assert cloud.call("inventory") == {
        "VPCs": 1, "subnets": 2, "internet gateways": 1, "elastic IPs": 1, "NAT gateways": 1, "route tables": 2,
        "security groups": 1, "key pairs": 1, "instances": 1, "volumes": 1, "roles": 1, "instance profiles": 1,
        "parameters": 1, "buckets": 1}
    made.down()
    made.ssm.delete_parameter(Name="/nodeboot/demo/join")
    client(cloud, "s3").delete_bucket(Bucket="nodeboot-demo")
    assert cloud.call("inventory") == {}
