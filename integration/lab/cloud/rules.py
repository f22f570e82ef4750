"""What AWS refuses and moto lets pass: things in use, things that do not fit together.

Codes and messages are EC2's and IAM's own, from their API references ("Error codes for the Amazon EC2 API").
"""
from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any, Callable, Iterator

from . import policy
from .backend import Backend
from .errors import AwsError
from .models import Call, Violation

USER_DATA_LIMIT = 16384  # bytes, before encoding
TAG_IN_METADATA = re.compile(r"[0-9a-zA-Z\-_+=,.@:]{1,255}")
ARM = re.compile(r"[a-z]+\d+g[a-z]*\.")  # t4g, m7g, c7gn, …


def check(call: Call, backend: Backend) -> None:
    rule = RULES.get(call.name)
    if rule is not None:
        rule(call.parameters, backend)


def _in_use(message: str) -> AwsError:
    return AwsError("DependencyViolation", message)


def _interfaces(backend: Backend, *, vpc: str = "", subnet: str = "", group: str = "") -> Iterator[Any]:
    for one in backend.ec2.enis.values():
        groups = [getattr(found, "id", found) for found in one.group_set]
        if vpc in ("", one.subnet.vpc_id) and subnet in ("", one.subnet.id) and (not group or group in groups):
            yield one


def _delete_vpc(parameters: dict[str, Any], backend: Backend) -> None:
    ec2, vpc = backend.ec2, parameters["VpcId"]
    if vpc not in ec2.vpcs:
        return  # moto words it
    inside = [*(one.id for zone in ec2.subnets.values() for one in zone.values() if one.vpc_id == vpc),
              *(one.id for one in ec2.internet_gateways.values() if one.vpc and one.vpc.id == vpc),
              *(one.id for one in ec2.route_tables.values() if one.vpc_id == vpc and one.main_association_id is None),
              *(one.id for one in ec2.groups[vpc].values() if one.name != "default"),
              *(one.id for one in _interfaces(backend, vpc=vpc))]
    if inside:
        raise _in_use(f"The vpc '{vpc}' has dependencies and cannot be deleted.")


def _delete_subnet(parameters: dict[str, Any], backend: Backend) -> None:
    subnet = parameters["SubnetId"]
    if any(_interfaces(backend, subnet=subnet)):
        raise _in_use(f"The subnet '{subnet}' has dependencies and cannot be deleted.")


def _delete_security_group(parameters: dict[str, Any], backend: Backend) -> None:
    ec2 = backend.ec2
    group = ec2.get_security_group_from_id(parameters.get("GroupId", ""))
    if group is None:
        return
    if group.name == "default":
        raise AwsError("CannotDelete", f"the specified group: \"{group.id}\" name: \"default\" cannot be deleted by a user")
    others = (one for groups in ec2.groups.values() for one in groups.values() if one is not group)
    referring = any(source.get("GroupId") == group.id for one in others
                    for rule in [*one.ingress_rules, *one.egress_rules] for source in rule.source_groups)
    if referring or any(_interfaces(backend, group=group.id)):
        raise _in_use(f"resource {group.id} has a dependent object")


def _detach_internet_gateway(parameters: dict[str, Any], backend: Backend) -> None:
    vpc = parameters["VpcId"]
    addressed = {address.eni.id for address in backend.ec2.addresses if address.eni}
    if any(one.public_ip or one.id in addressed for one in _interfaces(backend, vpc=vpc)):
        raise _in_use(f"Network {vpc} has some mapped public address(es). Please unmap those public address(es) before "
                      "detaching the gateway.")


def _attach_internet_gateway(parameters: dict[str, Any], backend: Backend) -> None:
    vpc = parameters["VpcId"]
    for one in backend.ec2.internet_gateways.values():
        if one.vpc and one.vpc.id == vpc and one.id != parameters["InternetGatewayId"]:
            raise AwsError("InvalidParameterValue", f"Network {vpc} already has an internet gateway attached")


def _release_address(parameters: dict[str, Any], backend: Backend) -> None:
    for address in backend.ec2.addresses:
        if address.allocation_id == parameters.get("AllocationId") and address.association_id:
            raise AwsError("InvalidIPAddress.InUse", f"Address {address.public_ip} is in use.")


def _associate_address(parameters: dict[str, Any], backend: Backend) -> None:
    instance = backend.ec2.get_instance_by_id(parameters.get("InstanceId", ""))
    if instance is None:
        return
    if instance._state.name != "running":
        raise AwsError("InvalidInstanceID", f"The {instance._state.name} instance '{instance.id}' is not in a valid "
                       "state for this operation.")
    vpc = instance.vpc_id
    if not any(one.vpc and one.vpc.id == vpc for one in backend.ec2.internet_gateways.values()):
        raise AwsError("Gateway.NotAttached", f"Network {vpc} is not attached to any internet gateway")


def _route(parameters: dict[str, Any], backend: Backend) -> None:
    ec2 = backend.ec2
    table = ec2.route_tables.get(parameters["RouteTableId"])
    if table is None:
        return
    if nat := parameters.get("NatGatewayId"):
        found = ec2.nat_gateways.get(nat)
        if found is None or found.state in ("deleted", "deleting", "failed"):
            raise AwsError("InvalidNatGatewayID.NotFound", f"The natGateway ID '{nat}' does not exist")
        if found.vpc_id != table.vpc_id:
            raise AwsError("InvalidParameterValue", f"route table {table.id} and nat gateway {nat} belong to different "
                           "networks")
    gateway = parameters.get("GatewayId", "")
    found = ec2.internet_gateways.get(gateway)
    if gateway.startswith("igw-") and found is not None and (not found.vpc or found.vpc.id != table.vpc_id):
        raise AwsError("InvalidParameterValue", f"route table {table.id} and network gateway {gateway} belong to "
                       "different networks")


def _associate_route_table(parameters: dict[str, Any], backend: Backend) -> None:
    ec2, subnet = backend.ec2, parameters.get("SubnetId", "")
    table = ec2.route_tables.get(parameters["RouteTableId"])
    zone = next((zone for zone in ec2.subnets.values() if subnet in zone), None)
    if table is None or zone is None:
        return
    if zone[subnet].vpc_id != table.vpc_id:
        raise AwsError("InvalidParameterValue", f"Route table {table.id} and subnet {subnet} belong to different networks")
    for other in ec2.route_tables.values():
        if other is not table and subnet in other.associations.values():
            found = next(key for key, value in other.associations.items() if value == subnet)
            raise AwsError("Resource.AlreadyAssociated", f"the specified association for route table {table.id} "
                           f"conflicts with an existing association {found}")


# ---- RunInstances


def _run_instances(parameters: dict[str, Any], backend: Backend) -> None:
    if parameters["MinCount"] != parameters["MaxCount"]:
        raise AwsError("LabUnsupported", "the lab starts exactly as many instances as asked for: MinCount = MaxCount")
    try:
        user_data = base64.b64decode(parameters.get("UserData", ""), validate=True)
    except binascii.Error:
        raise AwsError("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.") from None
    if len(user_data) > USER_DATA_LIMIT:
        raise AwsError("InvalidParameterValue", "User data is limited to 16384 bytes")
    _tags_in_metadata(parameters, backend)
    interfaces = parameters.get("NetworkInterfaces", [])
    if interfaces and (parameters.get("SecurityGroupIds") or parameters.get("SubnetId")):
        raise AwsError("InvalidParameterCombination", "Network interfaces and an instance-level security groups may not "
                       "be specified on the same request")
    _network(parameters, interfaces, backend)
    _architecture(parameters, backend)
    if profile := parameters.get("IamInstanceProfile"):
        _profile(profile, backend)


def _tags_in_metadata(parameters: dict[str, Any], backend: Backend) -> None:
    default = "enabled" if backend.tags_in_metadata else "disabled"
    if parameters.get("MetadataOptions", {}).get("InstanceMetadataTags", default) != "enabled":
        return
    keys = [tag["Key"] for one in parameters.get("TagSpecifications", []) if one["ResourceType"] == "instance"
            for tag in one["Tags"]]
    for key in keys:
        if not TAG_IN_METADATA.fullmatch(key) or key in (".", "..", "_index"):
            raise AwsError("InvalidParameterValue", f"'{key}' is not a valid tag key. Tag keys must match pattern "
                           f"({TAG_IN_METADATA.pattern}), and must not be a reserved name ('.', '..', '_index')")


def _network(parameters: dict[str, Any], interfaces: list[dict[str, Any]], backend: Backend) -> None:
    ec2 = backend.ec2
    subnet = parameters.get("SubnetId") or (interfaces[0].get("SubnetId", "") if interfaces else "")
    groups = list(parameters.get("SecurityGroupIds", [])) + [one for each in interfaces for one in each.get("Groups", [])]
    zone = next((zone for zone in ec2.subnets.values() if subnet in zone), None)
    for name in groups:
        group = ec2.get_security_group_from_id(name)
        if group is None:
            raise AwsError("InvalidGroup.NotFound", f"The security group '{name}' does not exist")
        if zone is not None and group.vpc_id != zone[subnet].vpc_id:
            raise AwsError("InvalidParameter", f"Security group {name} and subnet {subnet} belong to different networks.")
    address = parameters.get("PrivateIpAddress") or (interfaces[0].get("PrivateIpAddress") if interfaces else None)
    if address and zone is not None and any(one.private_ip_address == address for one in _interfaces(backend,
                                                                                                     subnet=subnet)):
        raise AwsError("InvalidIPAddress.InUse", f"Address {address} is in use.")


def _architecture(parameters: dict[str, Any], backend: Backend) -> None:
    image = backend.ec2.amis.get(parameters.get("ImageId", ""))
    if image is None:
        return
    theirs = "arm64" if ARM.match(parameters.get("InstanceType", "m1.small")) else "x86_64"
    if image.architecture != theirs:
        raise AwsError("InvalidParameterValue", f"The architecture '{theirs}' of the specified instance type does not "
                       f"match the architecture '{image.architecture}' of the specified AMI. Specify an instance type "
                       "and an AMI that have matching architectures, and try again.")


def _profile(profile: dict[str, str], backend: Backend) -> None:
    name = profile.get("Name") or profile.get("Arn", "")
    field = "name" if "Name" in profile else "arn"
    found = backend.profile(name)
    if found is None:
        raise AwsError("InvalidParameterValue", f"Value ({name}) for parameter iamInstanceProfile.{field} is invalid. "
                       f"Invalid IAM Instance Profile {field}")
    if not found.roles:
        raise AwsError("InvalidParameterValue", f"IAM Instance Profile \"{found.arn}\" has no associated IAM Roles")


def _add_role_to_instance_profile(parameters: dict[str, Any], backend: Backend) -> None:
    found = backend.profile(parameters["InstanceProfileName"])
    if found is not None and found.roles:
        raise AwsError("LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1", 409)


def _remove_role_from_instance_profile(parameters: dict[str, Any], backend: Backend) -> None:
    name, found = parameters["RoleName"], backend.profile(parameters["InstanceProfileName"])
    if found is not None and all(one.name != name for one in found.roles):
        raise AwsError("NoSuchEntity", f"The role with name {name} cannot be found in the instance profile.", 404)


def _put_policy(parameters: dict[str, Any], backend: Backend) -> None:
    try:
        policy.check(json.loads(parameters["PolicyDocument"]))
    except (ValueError, KeyError) as error:
        raise Violation([f"PolicyDocument: {error}"]) from None


RULES: dict[str, Callable[[dict[str, Any], Backend], None]] = {
    "ec2:DeleteVpc": _delete_vpc, "ec2:DeleteSubnet": _delete_subnet, "ec2:DeleteSecurityGroup": _delete_security_group,
    "ec2:DetachInternetGateway": _detach_internet_gateway, "ec2:AttachInternetGateway": _attach_internet_gateway,
    "ec2:ReleaseAddress": _release_address, "ec2:AssociateAddress": _associate_address, "ec2:CreateRoute": _route,
    "ec2:ReplaceRoute": _route, "ec2:AssociateRouteTable": _associate_route_table, "ec2:RunInstances": _run_instances,
    "iam:AddRoleToInstanceProfile": _add_role_to_instance_profile,
    "iam:RemoveRoleFromInstanceProfile": _remove_role_from_instance_profile, "iam:PutRolePolicy": _put_policy,
    "iam:PutUserPolicy": _put_policy,
}
