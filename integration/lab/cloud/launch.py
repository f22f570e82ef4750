"""From what RunInstances was asked, and what moto made of it, to what the lab has to know to boot the machine."""
from __future__ import annotations

import base64
import ipaddress
from typing import Any

from .backend import Backend


def machine_facts(instance: Any, parameters: dict[str, Any], backend: Backend) -> dict[str, Any]:
    """The fields of lab.instance.Instance but its id, and `user_data`."""
    subnet = instance.nics[0].subnet
    network = ipaddress.IPv4Network(subnet.cidr_block)
    tags = {tag["key"]: tag["value"] for tag in instance.get_tags()}
    profile = parameters.get("IamInstanceProfile", {})
    profile = profile.get("Arn") or profile.get("Name", "")
    role = backend.profile_role(profile) if profile else ""
    options = parameters.get("MetadataOptions", {})
    key = backend.ec2.keypairs.get(parameters.get("KeyName", ""))
    sizes = [one["Ebs"]["VolumeSize"] for one in parameters.get("BlockDeviceMappings", [])
             if "VolumeSize" in one.get("Ebs", {})]
    vpc = backend.ec2.vpcs[subnet.vpc_id]
    return {
        "name": tags.get("Name", instance.id), "address": instance.private_ip, "subnet": subnet.id,
        "prefix": network.prefixlen, "router": str(network[1]), "zone": subnet.availability_zone[len(backend.region):],
        "region": backend.region, "role": role.rpartition("/")[2], "type": instance.instance_type,
        "image": instance.image_id, "tags": tags, "disk_gib": sizes[0] if sizes else 8,
        "hop_limit": options.get("HttpPutResponseHopLimit", 1),
        "tags_in_metadata": options.get("InstanceMetadataTags") == "enabled",
        "key": key.public_key if key else "", "key_name": parameters.get("KeyName", ""), "vpc": vpc.id,
        "vpc_cidr": vpc.cidr_block, "public_address": instance.public_ip or "",
        "profile": profile.rpartition("/")[2], "interface": instance.nics[0].id,
        "security_groups": [getattr(one, "name", one) for one in instance.nics[0].group_set],
        "user_data": base64.b64decode(parameters.get("UserData", ""))}

