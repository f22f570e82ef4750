"""The calls of `nodeboot cluster up` in an empty account, made with boto3 one after the other; bench/launcher times it.

In boto3's favour: it knows that the account is empty, asks nothing twice, checks nothing, takes no lock, and looks for
what has become ready as often as nodeboot does.
"""
from __future__ import annotations

import json
import os
import sys
import time
import tomllib
from typing import Any

import boto3
from botocore.config import Config

POLL = 1.5
IMAGE = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "*"}]})


def tags(kind: str, name: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": f"demo-{name}"},
                                            {"Key": "nodeboot.io/cluster", "Value": "demo"},
                                            {"Key": "nodeboot.io/name", "Value": name}]}]


def network(ec2: Any) -> tuple[str, dict[str, str], str]:
    """VPC, subnets by name, NAT gateway."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tags("vpc", "vpc"))["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    subnets = {}
    for number, name in enumerate(("public", "private-1", "private-2", "private-3")):
        zone = f"{ec2.meta.region_name}{'aabc'[number]}"
        subnets[name] = ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=zone,
                                          TagSpecifications=tags("subnet", name))["Subnet"]["SubnetId"]
    ec2.modify_subnet_attribute(SubnetId=subnets["public"], MapPublicIpOnLaunch={"Value": True})
    gateway = ec2.create_internet_gateway(TagSpecifications=tags("internet-gateway", "internet-gateway"))
    gateway = gateway["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    address = ec2.allocate_address(Domain="vpc", TagSpecifications=tags("elastic-ip", "nat"))["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=subnets["public"], AllocationId=address,
                                 TagSpecifications=tags("natgateway", "nat"))["NatGateway"]["NatGatewayId"]
    for name, way in (("public", {"GatewayId": gateway}), ("private", {"NatGatewayId": nat})):
        table = ec2.create_route_table(VpcId=vpc, TagSpecifications=tags("route-table", name))
        table = table["RouteTable"]["RouteTableId"]
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", **way)
        for subnet in (one for one in subnets if one.startswith(name)):
            ec2.associate_route_table(RouteTableId=table, SubnetId=subnets[subnet])
    return vpc, subnets, nat


def groups(ec2: Any, vpc: str) -> dict[str, str]:
    found = {name: ec2.create_security_group(GroupName=f"demo-{name}", Description=name, VpcId=vpc, TagSpecifications=tags(
        "security-group", name))["GroupId"] for name in ("control-plane", "worker")}
    nodes = [{"GroupId": one} for one in found.values()]
    for name, group in found.items():
        ports = [("tcp", 10250, 10250), ("tcp", 30000, 32767), ("udp", 4789, 4789)]
        rules = [{"IpProtocol": protocol, "FromPort": first, "ToPort": last, "UserIdGroupPairs": nodes}
                 for protocol, first, last in [*ports, *([("tcp", 6443, 6443)] if name == "control-plane" else [])]]
        if name == "control-plane":
            rules.append({"IpProtocol": "tcp", "FromPort": 2379, "ToPort": 2380, "UserIdGroupPairs": [{"GroupId": group}]})
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rules)
    return found


def roles(iam: Any) -> None:
    for name in ("demo-control-plane", "demo-worker"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
        iam.put_role_policy(RoleName=name, PolicyName="nodeboot", PolicyDocument=POLICY)
        iam.create_instance_profile(InstanceProfileName=name)
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)


def binary(s3: Any, account: str, path: str) -> None:
    bucket = f"demo-{account}-binary"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name})
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(
        ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True))
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags("", "binary")[0]["Tags"]})
    with open(path, "rb") as file:
        s3.put_object(Bucket=bucket, Key="demo/nodeboot", Body=file)


def instances(ec2: Any, image: str, subnets: dict[str, str], group: dict[str, str]) -> list[str]:
    made = []
    for name, subnet in (("control-plane", "public"), *((f"worker-{n}", f"private-{n}") for n in (1, 2, 3))):
        role = "control-plane" if name == "control-plane" else "worker"
        made.append(ec2.run_instances(
            ImageId=image, InstanceType="t3.medium" if role == "control-plane" else "t3.small", MinCount=1, MaxCount=1,
            NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": subnets[subnet], "Groups": [group[role]],
                                "AssociatePublicIpAddress": role == "control-plane"}],
            BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 30, "VolumeType": "gp3",
                                                                     "Encrypted": True}}],
            MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
            IamInstanceProfile={"Name": f"demo-{role}"}, UserData="#cloud-config\n{}\n",
            TagSpecifications=tags("instance", name))["Instances"][0]["InstanceId"])
    return made


def wait(ec2: Any, nat: str, nodes: list[str]) -> None:
    while ec2.describe_nat_gateways(NatGatewayIds=[nat])["NatGateways"][0]["State"] != "available":
        time.sleep(POLL)
    for node in nodes:
        while "outcome=ready" not in ec2.get_console_output(InstanceId=node, Latest=True).get("Output", ""):
            time.sleep(POLL)


def main(config: str) -> None:
    with open(config, "rb") as file:
        settings = tomllib.load(file)
    session = boto3.Session(region_name=settings["cluster"]["region"])
    at = os.environ["AWS_ENDPOINT_URL"]  # Debian 12's boto3 does not look for it
    ec2, iam, ssm, sts = (session.client(one, endpoint_url=at) for one in ("ec2", "iam", "ssm", "sts"))
    s3 = session.client("s3", endpoint_url=at, config=Config(s3={"addressing_style": "path"}))
    image = ssm.get_parameter(Name=IMAGE)["Parameter"]["Value"]
    account = sts.get_caller_identity()["Account"]
    vpc, subnets, nat = network(ec2)
    group = groups(ec2, vpc)
    roles(iam)
    binary(s3, account, settings["binary"]["file"])
    wait(ec2, nat, instances(ec2, image, subnets, group))


if __name__ == "__main__":
    main(sys.argv[1])
