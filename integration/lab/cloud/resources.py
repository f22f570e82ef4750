"""Which permissions a call needs, on which resources, under which condition keys.

From AWS's Service Authorization Reference. A call needs all of the requests listed here. An action without a row is
refused by the lab rather than judged by guesswork: add its row.
"""
from __future__ import annotations

from typing import Any, Callable, Protocol

from .models import Call
from .policy import Context, Request

Row = Callable[["Judged"], list[Request]]


class World(Protocol):
    """What has to be known of resources that exist."""
    account: str

    def tags(self, resource: str) -> dict[str, str]: ...
    def attributes(self, resource: str) -> dict[str, str]: ...
    def key_pair_name(self, word: str) -> str: ...
    def association(self, association: str) -> tuple[str, str]: ...
    def profile_role(self, name_or_arn: str) -> str: ...
    def profile_holder(self, association: str) -> str: ...
    def role_arn(self, name: str) -> str: ...
    def profile_arn(self, name: str) -> str: ...


class Unjudged(Exception):
    """The lab has no row for this action."""


# EC2's id prefixes, as resource types in ARNs.
EC2_TYPES = {"i": "instance", "vpc": "vpc", "subnet": "subnet", "igw": "internet-gateway", "eipalloc": "elastic-ip",
             "nat": "natgateway", "rtb": "route-table", "sg": "security-group", "sgr": "security-group-rule",
             "key": "key-pair", "vol": "volume", "eni": "network-interface", "ami": "image",
             "lt": "launch-template", "eigw": "egress-only-internet-gateway", "vpce": "vpc-endpoint"}

# Creating actions: the type made, and the parameters that name existing resources it also asks about.
CREATES = {
    "AllocateAddress": ("elastic-ip", ()), "CreateInternetGateway": ("internet-gateway", ()),
    "CreateKeyPair": ("key-pair", ()), "CreateLaunchTemplate": ("launch-template", ()),
    "CreateNatGateway": ("natgateway", ("SubnetId", "AllocationId")), "CreateNetworkInterface":
    ("network-interface", ("SubnetId", "Groups")), "CreateRouteTable": ("route-table", ("VpcId",)),
    "CreateSecurityGroup": ("security-group", ("VpcId",)), "CreateSubnet": ("subnet", ("VpcId",)),
    "CreateVolume": ("volume", ()), "CreateVpc": ("vpc", ()), "CreateVpcEndpoint": ("vpc-endpoint", ("VpcId",
                                                                                    "SubnetIds", "RouteTableIds",
                                                                                    "SecurityGroupIds")),
    "ImportKeyPair": ("key-pair", ()),
}

# Actions on existing resources: the parameters that name them.
TOUCHES = {
    "AssociateAddress": ("AllocationId", "InstanceId", "NetworkInterfaceId"),
    "AssociateRouteTable": ("RouteTableId", "SubnetId", "GatewayId"),
    "AttachInternetGateway": ("InternetGatewayId", "VpcId"), "AttachVolume": ("InstanceId", "VolumeId"),
    "AuthorizeSecurityGroupEgress": ("GroupId",), "AuthorizeSecurityGroupIngress": ("GroupId",),
    "CreateRoute": ("RouteTableId",), "DeleteInternetGateway": ("InternetGatewayId",),
    "DeleteNatGateway": ("NatGatewayId",), "DeleteNetworkInterface": ("NetworkInterfaceId",),
    "DeleteRoute": ("RouteTableId",), "DeleteRouteTable": ("RouteTableId",), "DeleteSecurityGroup": ("GroupId",),
    "DeleteSubnet": ("SubnetId",), "DeleteVolume": ("VolumeId",), "DeleteVpc": ("VpcId",),
    "DescribeInstanceAttribute": ("InstanceId",), "DescribeVpcAttribute": ("VpcId",),
    "DetachInternetGateway": ("InternetGatewayId", "VpcId"), "DetachVolume": ("VolumeId", "InstanceId"),
    "GetConsoleOutput": ("InstanceId",), "ModifyInstanceAttribute": ("InstanceId", "Groups"),
    "ModifyInstanceMetadataOptions": ("InstanceId",), "ModifySecurityGroupRules": ("GroupId",),
    "ModifySubnetAttribute": ("SubnetId",), "ModifyVpcAttribute": ("VpcId",), "MonitorInstances": ("InstanceIds",),
    "RebootInstances": ("InstanceIds",), "ReleaseAddress": ("AllocationId",), "ReplaceRoute": ("RouteTableId",),
    "RevokeSecurityGroupEgress": ("GroupId", "SecurityGroupRuleIds"),
    "RevokeSecurityGroupIngress": ("GroupId", "SecurityGroupRuleIds"), "StartInstances": ("InstanceIds",),
    "StopInstances": ("InstanceIds",), "TerminateInstances": ("InstanceIds",),
    "UpdateSecurityGroupRuleDescriptionsIngress": ("GroupId",),
    "UpdateSecurityGroupRuleDescriptionsEgress": ("GroupId",),
}


class Judged:
    """A call on its way to become permission requests."""

    def __init__(self, call: Call, world: World, common: Context) -> None:
        self.call, self.world, self.common = call, world, common
        self.parameters = call.parameters

    def request(self, resource: str, action: str = "", **more: Any) -> Request:
        context = self.common | {key.lower(): value for key, value in more.pop("keys", {}).items()}
        return Request(action or self.call.name, resource, context)

    # ---- EC2

    def ec2_arn(self, kind: str, name: str) -> str:
        account = "" if kind == "image" else self.world.account
        return f"arn:aws:ec2:{self.call.region}:{account}:{kind}/{name}"

    def existing(self, name: str) -> Request:
        """An EC2 resource by its id, with its tags and attributes as condition keys."""
        kind = EC2_TYPES.get(name.partition("-")[0], "")
        if not kind:
            raise Unjudged(f"{self.call.name} on {name!r}: the lab does not know what that is")
        keys: dict[str, Any] = {"ec2:ResourceID": name}
        for tag, value in self.world.tags(name).items():
            keys |= {f"aws:ResourceTag/{tag}": value, f"ec2:ResourceTag/{tag}": value}
        keys |= self.world.attributes(name)
        return self.request(self.ec2_arn(kind, self.world.key_pair_name(name) if kind == "key-pair" else name),
                            keys=keys)

    def request_tags(self, kind: str) -> dict[str, str]:
        return {tag["Key"]: tag.get("Value", "") for one in self.parameters.get("TagSpecifications", [])
                if one.get("ResourceType") == kind for tag in one.get("Tags", [])}

    def new(self, kind: str, name: str = "*", **keys: Any) -> list[Request]:
        """The resource being made, and ec2:CreateTags on it when it is made with tags."""
        tags = self.request_tags(kind)
        keys |= tag_keys(tags)
        out = [self.request(self.ec2_arn(kind, name), keys=keys)]
        if tags:
            out.append(self.request(self.ec2_arn(kind, name), "ec2:CreateTags",
                                    keys=keys | {"ec2:CreateAction": self.call.action}))
        return out


def tag_keys(tags: dict[str, str]) -> dict[str, Any]:
    return {f"aws:RequestTag/{key}": value for key, value in tags.items()} | ({"aws:TagKeys": list(tags)} if tags
                                                                             else {})


def _named(parameters: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    found: list[str] = []
    for name in names:
        value = parameters.get(name)
        found += value if isinstance(value, list) else [value] if value else []
    return [one for one in found if one != "local"]


def _ec2(judged: Judged) -> list[Request]:
    call, parameters = judged.call, judged.parameters
    action = call.action
    if action in EC2_SPECIAL:
        return EC2_SPECIAL[action](judged)
    if action in CREATES:
        kind, references = CREATES[action]
        name = str(parameters.get("KeyName", "*")) if kind == "key-pair" else "*"
        extra = {f"ec2:Vpc": judged.ec2_arn("vpc", parameters["VpcId"])} if "VpcId" in parameters else {}
        return judged.new(kind, name, **extra) + [judged.existing(one) for one in _named(parameters, references)]
    if action in TOUCHES:
        out = [judged.existing(one) for one in _named(parameters, TOUCHES[action])]
        if action.startswith("AuthorizeSecurityGroup"):
            out += judged.new("security-group-rule")[1:]
        return out or [judged.request("*")]
    if action.startswith("Describe"):
        return [judged.request("*")]  # no resource-level permissions
    raise Unjudged(f"{call.name} has no row in the lab's table of permissions (resources.py)")


def _run_instances(judged: Judged) -> list[Request]:
    parameters = judged.parameters
    interfaces = parameters.get("NetworkInterfaces", [])
    subnets = _named(parameters, ("SubnetId",)) + [one["SubnetId"] for one in interfaces if "SubnetId" in one]
    groups = _named(parameters, ("SecurityGroupIds",)) + [group for one in interfaces for group in one.get("Groups",
                                                                                                         [])]
    options = parameters.get("MetadataOptions", {})
    profile = parameters.get("IamInstanceProfile", {})
    profile = profile.get("Arn") or profile.get("Name", "")
    keys = {"ec2:InstanceType": parameters.get("InstanceType", "m1.small"),
            "ec2:MetadataHttpTokens": options.get("HttpTokens", "optional"),
            "ec2:MetadataHttpPutResponseHopLimit": str(options.get("HttpPutResponseHopLimit", 1)),
            "ec2:Tenancy": "default", "ec2:IsLaunchTemplateResource": "false"}
    if profile:
        keys["ec2:InstanceProfile"] = profile if profile.startswith("arn:") else judged.world.profile_arn(profile)
    volume = next((one["Ebs"] for one in parameters.get("BlockDeviceMappings", []) if "Ebs" in one), {})
    out = judged.new("instance", **keys)
    out += judged.new("network-interface", **({"ec2:Subnet": judged.ec2_arn("subnet", subnets[0])} if subnets else {}))
    out += judged.new("volume", **{"ec2:VolumeType": volume.get("VolumeType", "gp2"),
                                   "ec2:Encrypted": str(volume.get("Encrypted", False)).lower(),
                                   "ec2:VolumeSize": str(volume.get("VolumeSize", 8))})
    out += [judged.existing(one) for one in _named(parameters, ("ImageId",)) + subnets + groups]
    if "KeyName" in parameters:
        out.append(judged.request(judged.ec2_arn("key-pair", parameters["KeyName"])))
    if profile and (role := judged.world.profile_role(profile)):
        out.append(_pass_role(judged, role))
    return out


def _pass_role(judged: Judged, role_arn: str) -> Request:
    return judged.request(role_arn, "iam:PassRole", keys={"iam:PassedToService": "ec2.amazonaws.com"})


def _give_profile(judged: Judged) -> list[Request]:
    """AssociateIamInstanceProfile, and the actions on an association: judged by the instance."""
    parameters = judged.parameters
    instance = parameters.get("InstanceId") or judged.world.profile_holder(parameters["AssociationId"])
    out = [judged.existing(instance) if instance else judged.request("*")]
    profile = parameters.get("IamInstanceProfile", {})
    role = judged.world.profile_role(profile.get("Arn") or profile.get("Name", "")) if profile else ""
    return out + ([_pass_role(judged, role)] if role else [])


def _tagging(judged: Judged) -> list[Request]:
    tags = {tag["Key"]: tag.get("Value", "") for tag in judged.parameters.get("Tags", [])}
    out = [judged.existing(one) for one in judged.parameters["Resources"]]
    for one in out:
        one.context |= {key.lower(): value for key, value in tag_keys(tags).items()}
    return out


def _disassociate_route_table(judged: Judged) -> list[Request]:
    table, subnet = judged.world.association(judged.parameters["AssociationId"])
    return [judged.existing(one) for one in (table, subnet) if one] or [judged.request("*")]


def _replace_association(judged: Judged) -> list[Request]:
    return _disassociate_route_table(judged) + [judged.existing(judged.parameters["RouteTableId"])]


def _delete_key_pair(judged: Judged) -> list[Request]:
    word = judged.parameters.get("KeyPairId") or judged.parameters.get("KeyName", "")
    name = judged.world.key_pair_name(word)
    keys = {f"aws:ResourceTag/{tag}": value for tag, value in judged.world.tags(word).items()}
    return [judged.request(judged.ec2_arn("key-pair", name), keys=keys)]


def _disassociate_address(judged: Judged) -> list[Request]:
    address, _ = judged.world.association(judged.parameters.get("AssociationId", ""))
    return [judged.existing(address) if address else judged.request("*")]


EC2_SPECIAL: dict[str, Row] = {
    "RunInstances": _run_instances, "CreateTags": _tagging, "DeleteTags": _tagging,
    "DisassociateRouteTable": _disassociate_route_table, "ReplaceRouteTableAssociation": _replace_association,
    "DeleteKeyPair": _delete_key_pair, "DisassociateAddress": _disassociate_address,
    "AssociateIamInstanceProfile": _give_profile, "ReplaceIamInstanceProfileAssociation": _give_profile,
    "DisassociateIamInstanceProfile": _give_profile,
}


# ---- IAM and STS

ROLE_ACTIONS = {"CreateRole", "DeleteRole", "GetRole", "PutRolePolicy", "DeleteRolePolicy", "GetRolePolicy",
                "ListRolePolicies", "ListAttachedRolePolicies", "AttachRolePolicy", "DetachRolePolicy", "TagRole",
                "UntagRole", "ListRoleTags", "ListInstanceProfilesForRole", "UpdateAssumeRolePolicy", "UpdateRole"}
PROFILE_ACTIONS = {"CreateInstanceProfile", "DeleteInstanceProfile", "GetInstanceProfile", "AddRoleToInstanceProfile",
                   "RemoveRoleFromInstanceProfile", "TagInstanceProfile", "UntagInstanceProfile",
                   "ListInstanceProfileTags"}
USER_ACTIONS = {"GetUser"}
UNSCOPED = {"ListRoles", "ListInstanceProfiles", "ListPolicies", "ListUsers", "GetAccountSummary",
            "ListAccountAliases", "SimulateCustomPolicy"}


def _iam(judged: Judged) -> list[Request]:
    action, parameters, world = judged.call.action, judged.parameters, judged.world
    tags = {tag["Key"]: tag.get("Value", "") for tag in parameters.get("Tags", [])}
    keys: dict[str, Any] = tag_keys(tags)
    if action == "UntagRole":
        keys["aws:TagKeys"] = parameters["TagKeys"]
    if "PolicyArn" in parameters:
        keys["iam:PolicyARN"] = parameters["PolicyArn"]
    if action in ROLE_ACTIONS:
        name = parameters["RoleName"]
        keys |= {f"{prefix}:ResourceTag/{tag}": value for tag, value in world.tags(f"role/{name}").items()
                 for prefix in ("aws", "iam")}
        arn = world.role_arn(name)
        if action == "CreateRole":
            arn = f"arn:aws:iam::{world.account}:role{parameters.get('Path', '/')}{name}"
        out = [judged.request(arn, keys=keys)]
        return out + ([judged.request(arn, "iam:TagRole", keys=keys)] if action == "CreateRole" and tags else [])
    if action in PROFILE_ACTIONS:
        name = parameters["InstanceProfileName"]
        keys |= {f"aws:ResourceTag/{tag}": value for tag, value in world.tags(f"profile/{name}").items()}
        arn = world.profile_arn(name)
        if action == "CreateInstanceProfile":
            arn = f"arn:aws:iam::{world.account}:instance-profile{parameters.get('Path', '/')}{name}"
        out = [judged.request(arn, keys=keys)]
        if action == "CreateInstanceProfile" and tags:
            out.append(judged.request(arn, "iam:TagInstanceProfile", keys=keys))
        if action == "AddRoleToInstanceProfile":
            out.append(_pass_role(judged, world.role_arn(parameters["RoleName"])))
        return out
    if action in USER_ACTIONS:
        user = parameters.get("UserName") or str(judged.common.get("aws:username", "*"))
        return [judged.request(f"arn:aws:iam::{world.account}:user/{user}")]
    if action in UNSCOPED:
        return [judged.request("*")]
    raise Unjudged(f"{judged.call.name} has no row in the lab's table of permissions (resources.py)")


def _sts(judged: Judged) -> list[Request]:
    if judged.call.action == "GetCallerIdentity":
        return []  # needs no permission, AWS says
    if judged.call.action == "AssumeRole":
        return [judged.request(judged.parameters["RoleArn"])]
    raise Unjudged(f"{judged.call.name} has no row in the lab's table of permissions (resources.py)")


# ---- SSM

def _parameter(judged: Judged, name: str) -> str:
    account = "" if name.startswith("/aws/") else judged.world.account  # public parameters are no account's
    bare = name.partition(":")[0] if not name.startswith("arn:") else name.partition(":parameter/")[2]
    return f"arn:aws:ssm:{judged.call.region}:{account}:parameter/{bare.lstrip('/')}"


def _ssm(judged: Judged) -> list[Request]:
    action, parameters = judged.call.action, judged.parameters
    if parameters.get("KeyId"):
        raise Unjudged("ssm with a KMS key of one's own: the lab has no KMS")
    keys = tag_keys({tag["Key"]: tag.get("Value", "") for tag in parameters.get("Tags", [])})
    if action in ("GetParameter", "PutParameter", "DeleteParameter", "GetParameterHistory"):
        arn = _parameter(judged, parameters["Name"])
        keys |= {f"aws:ResourceTag/{tag}": value
                 for tag, value in judged.world.tags("parameter" + parameters["Name"]).items()}
        if action == "PutParameter":
            keys["ssm:Overwrite"] = str(parameters.get("Overwrite", False)).lower()
        out = [judged.request(arn, keys=keys)]
        return out + ([judged.request(arn, "ssm:AddTagsToResource", keys=keys)] if parameters.get("Tags") else [])
    if action in ("GetParameters", "DeleteParameters"):
        return [judged.request(_parameter(judged, name)) for name in parameters["Names"]]
    if action == "GetParametersByPath":
        return [judged.request(_parameter(judged, parameters["Path"]))]
    if action in ("AddTagsToResource", "RemoveTagsFromResource", "ListTagsForResource"):
        return [judged.request(_parameter(judged, parameters["ResourceId"]), keys=keys)]
    if action == "DescribeParameters":
        return [judged.request("*")]
    raise Unjudged(f"{judged.call.name} has no row in the lab's table of permissions (resources.py)")


# ---- S3: the action that policies name, where it is not the operation's own name

S3_OBJECT = {"GetObject": "GetObject", "HeadObject": "GetObject", "PutObject": "PutObject", "DeleteObject":
             "DeleteObject", "CreateMultipartUpload": "PutObject", "UploadPart": "PutObject",
             "CompleteMultipartUpload": "PutObject", "AbortMultipartUpload": "AbortMultipartUpload",
             "GetObjectTagging": "GetObjectTagging", "PutObjectTagging": "PutObjectTagging",
             "GetObjectAttributes": "GetObjectAttributes"}
S3_BUCKET = {"CreateBucket": "CreateBucket", "DeleteBucket": "DeleteBucket", "HeadBucket": "ListBucket",
             "ListObjects": "ListBucket", "ListObjectsV2": "ListBucket", "ListObjectVersions": "ListBucketVersions",
             "ListMultipartUploads": "ListBucketMultipartUploads", "GetBucketLocation": "GetBucketLocation",
             "GetBucketTagging": "GetBucketTagging", "PutBucketTagging": "PutBucketTagging",
             "DeleteBucketTagging": "PutBucketTagging", "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
             "PutPublicAccessBlock": "PutBucketPublicAccessBlock", "GetBucketEncryption": "GetEncryptionConfiguration",
             "PutBucketEncryption": "PutEncryptionConfiguration", "GetBucketVersioning": "GetBucketVersioning",
             "PutBucketVersioning": "PutBucketVersioning", "GetBucketPolicy": "GetBucketPolicy",
             "PutBucketOwnershipControls": "PutBucketOwnershipControls",
             "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration"}


def _s3(judged: Judged) -> list[Request]:
    action, call = judged.call.action, judged.call
    bucket = f"arn:aws:s3:::{call.bucket}"
    if action == "ListBuckets":
        return [judged.request("*", "s3:ListAllMyBuckets")]
    if action == "DeleteObjects":
        return [judged.request(f"{bucket}/{one['Key']}", "s3:DeleteObject")
                for one in judged.parameters["Delete"]["Objects"]]
    if action in S3_OBJECT:
        out = [judged.request(f"{bucket}/{call.key}", "s3:" + S3_OBJECT[action])]
        if judged.parameters.get("Tagging") and action != "PutObjectTagging":
            out.append(judged.request(f"{bucket}/{call.key}", "s3:PutObjectTagging"))
        return out
    if action in S3_BUCKET:
        keys = {"s3:prefix": judged.parameters["Prefix"]} if "Prefix" in judged.parameters else {}
        return [judged.request(bucket, "s3:" + S3_BUCKET[action], keys=keys)]
    raise Unjudged(f"{call.name} has no row in the lab's table of permissions (resources.py)")


SERVICES: dict[str, Row] = {"ec2": _ec2, "iam": _iam, "sts": _sts, "ssm": _ssm, "s3": _s3}


def requests_of(call: Call, world: World, common: Context) -> list[Request]:
    """All that has to be allowed for this call to be."""
    if call.service not in SERVICES:
        raise Unjudged(f"{call.service} has no row in the lab's table of permissions (resources.py)")
    common = common | {"aws:requestedregion": call.region, "aws:securetransport": "true"}
    if call.service == "ec2":
        common = common | {"ec2:region": call.region}
    return SERVICES[call.service](Judged(call, world, common))
