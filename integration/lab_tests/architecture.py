"""The reference architecture, made and unmade with boto3: a second client beside nodeboot's own, to try the lab with."""
from __future__ import annotations

import base64
import functools
import json
import time
from typing import Any, Callable

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from lab.cloud.handle import CloudHandle

UBUNTU = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
KEY = ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl someone@example.com")


SESSION = boto3.Session()  # keeps the service models it has read


@functools.cache
def _client(service: str, region: str, endpoint: str, retries: int, **keys: str) -> Any:
    return SESSION.client(service, region_name=region, endpoint_url=endpoint, config=Config(
        retries={"total_max_attempts": retries + 1}, s3={"addressing_style": "path"}), **keys)


def client(cloud: CloudHandle, service: str, user: str = "operator", retries: int = 0, **more: Any) -> Any:
    access_key, secret = cloud.call("keys")[user]
    keys = {"aws_access_key_id": access_key, "aws_secret_access_key": secret} | more
    return _client(service, cloud.region, cloud.endpoint, retries, **keys)


def tagged(kind: str, **tags: str) -> list[dict[str, Any]]:
    tags = {"nodeboot.io/cluster": "demo"} | tags
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]


def code_of(call: Callable[[], Any]) -> str:
    """The error code that a call ends with; "" when it succeeds."""
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


class Architecture:
    """VPC, public and private subnet, gateways, routes, a role, one instance."""

    def __init__(self, cloud: CloudHandle, user: str = "operator", **more: Any) -> None:
        self.ec2 = client(cloud, "ec2", user, **more)
        self.iam = client(cloud, "iam", user, **more)
        self.ssm = client(cloud, "ssm", user, **more)

    def network(self) -> None:
        ec2 = self.ec2
        self.vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tagged("vpc"))["Vpc"]["VpcId"]
        ec2.modify_vpc_attribute(VpcId=self.vpc, EnableDnsHostnames={"Value": True})
        self.public, self.private = (ec2.create_subnet(
            VpcId=self.vpc, CidrBlock=cidr, AvailabilityZone="eu-central-1a",
            TagSpecifications=tagged("subnet"))["Subnet"]["SubnetId"] for cidr in ("10.0.0.0/24", "10.0.1.0/24"))
        ec2.modify_subnet_attribute(SubnetId=self.public, MapPublicIpOnLaunch={"Value": True})
        self.igw = ec2.create_internet_gateway(
            TagSpecifications=tagged("internet-gateway"))["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(VpcId=self.vpc, InternetGatewayId=self.igw)
        self.eip = ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip"))["AllocationId"]
        self.group = ec2.create_security_group(GroupName="workers", Description="workers", VpcId=self.vpc,
                                               TagSpecifications=tagged("security-group"))["GroupId"]
        ec2.authorize_security_group_ingress(GroupId=self.group, IpPermissions=[
            {"IpProtocol": "udp", "FromPort": 4789, "ToPort": 4789, "UserIdGroupPairs": [{"GroupId": self.group}]}])

    def nat(self) -> None:
        ec2 = self.ec2
        self.nat_gateway = ec2.create_nat_gateway(SubnetId=self.public, AllocationId=self.eip,
                                                  TagSpecifications=tagged("natgateway"))["NatGateway"]["NatGatewayId"]
        self.tables, self.associations = [], []
        for subnet, to in ((self.public, {"GatewayId": self.igw}), (self.private, {"NatGatewayId": self.nat_gateway})):
            table = ec2.create_route_table(VpcId=self.vpc, TagSpecifications=tagged("route-table"))
            self.tables.append(table["RouteTable"]["RouteTableId"])
            ec2.create_route(RouteTableId=self.tables[-1], DestinationCidrBlock="0.0.0.0/0", **to)
            self.associations.append(ec2.associate_route_table(RouteTableId=self.tables[-1],
                                                               SubnetId=subnet)["AssociationId"])

    def profile(self) -> None:
        self.iam.create_role(RoleName="worker", AssumeRolePolicyDocument=TRUST)
        self.iam.put_role_policy(RoleName="worker", PolicyName="join", PolicyDocument=json.dumps({
            "Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Action": "ssm:GetParameter",
                "Resource": "arn:aws:ssm:eu-central-1:123456789012:parameter/nodeboot/demo/join"}]}))
        self.iam.create_instance_profile(InstanceProfileName="worker")
        self.iam.add_role_to_instance_profile(InstanceProfileName="worker", RoleName="worker")

    def launch(self, **more: Any) -> str:
        self.image = self.ssm.get_parameter(Name=UBUNTU)["Parameter"]["Value"]
        parameters = {
            "ImageId": self.image, "MinCount": 1, "MaxCount": 1, "InstanceType": "t3.small", "SubnetId": self.private,
            "SecurityGroupIds": [self.group], "IamInstanceProfile": {"Name": "worker"}, "KeyName": "me",
            "UserData": base64.b64encode(b"#cloud-config\n").decode(),
            "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
            "BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 30, "VolumeType": "gp3",
                                                                        "Encrypted": True,
                                                                        "DeleteOnTermination": True}}],
            "TagSpecifications": tagged("instance", Name="worker-1") + tagged("volume")} | more
        parameters = {name: value for name, value in parameters.items() if value is not None}
        if "UserData" in parameters:  # boto3 encodes it
            parameters["UserData"] = base64.b64decode(parameters["UserData"]).decode()
        self.instance = str(self.ec2.run_instances(**parameters)["Instances"][0]["InstanceId"])
        return self.instance

    def up(self) -> None:
        self.network()
        self.nat()
        self.profile()
        self.ec2.import_key_pair(KeyName="me", PublicKeyMaterial=KEY, TagSpecifications=tagged("key-pair"))
        self.launch()

    def describe(self, instance: str = "") -> dict[str, Any]:
        found = self.ec2.describe_instances(InstanceIds=[instance or self.instance])
        return found["Reservations"][0]["Instances"][0]  # type: ignore[no-any-return]

    def state(self) -> str:
        return str(self.describe()["State"]["Name"])

    def nat_state(self) -> str:
        return str(self.ec2.describe_nat_gateways(NatGatewayIds=[self.nat_gateway])["NatGateways"][0]["State"])

    def down(self) -> None:
        ec2 = self.ec2
        ec2.terminate_instances(InstanceIds=[self.instance])
        ec2.delete_nat_gateway(NatGatewayId=self.nat_gateway)
        eventually(lambda: self.state() == "terminated" and self.nat_state() == "deleted")
        ec2.release_address(AllocationId=self.eip)
        for association in self.associations:
            ec2.disassociate_route_table(AssociationId=association)
        for table in self.tables:
            ec2.delete_route_table(RouteTableId=table)
        ec2.delete_security_group(GroupId=self.group)
        for subnet in (self.public, self.private):
            ec2.delete_subnet(SubnetId=subnet)
        ec2.detach_internet_gateway(VpcId=self.vpc, InternetGatewayId=self.igw)
        ec2.delete_internet_gateway(InternetGatewayId=self.igw)
        ec2.delete_vpc(VpcId=self.vpc)
        ec2.delete_key_pair(KeyName="me")
        self.iam.remove_role_from_instance_profile(InstanceProfileName="worker", RoleName="worker")
        self.iam.delete_instance_profile(InstanceProfileName="worker")
        self.iam.delete_role_policy(RoleName="worker", PolicyName="join")
        self.iam.delete_role(RoleName="worker")


def eventually(check: Callable[[], bool], timeout: float = 120) -> None:
    deadline = time.monotonic() + timeout
    while not check():
        assert time.monotonic() < deadline, "in vain"
        time.sleep(0.02)
