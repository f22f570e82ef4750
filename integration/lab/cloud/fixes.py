"""Where moto's EC2 answers differently from AWS's, moto is changed in place; once, when this process starts.

Each change names what it changes, and the process ends with an error if moto no longer has it: another version of
moto must not silently undo a fix.
"""
from __future__ import annotations

import base64
import copy
import hashlib
import json
from typing import Any, Callable

from moto.ec2.exceptions import EC2ClientError, InvalidPermissionNotFoundError
from moto.ec2.models import elastic_ip_addresses, instances, key_pairs, nat_gateways, route_tables, security_groups
from moto.ec2.models import iam_instance_profile as instance_profiles
from moto.ec2.responses import elastic_block_store as volume_answers
from moto.ec2.responses import instances as instance_answers
from moto.ec2.responses import key_pairs as key_answers
from moto.ec2.responses import nat_gateways as nat_answers
from moto.ec2.responses import route_tables as route_answers
from moto.ec2.utils import generic_filter, random_public_ip
from moto.iam import models as iam_models
from moto.ssm.models import SimpleSystemManagerBackend

from .lifecycle import Lifecycle

NAMESPACES = ("2013-10-15", "2015-10-01", "2014-10-01", "2013-08-15")
NAMESPACE = b"http://ec2.amazonaws.com/doc/2016-11-15/"

MANAGED_POLICIES = ("AdministratorAccess", "AmazonEC2FullAccess", "AmazonEC2ReadOnlyAccess",
                    "AmazonS3ReadOnlyAccess", "AmazonSSMManagedInstanceCore", "AmazonSSMReadOnlyAccess",
                    "IAMReadOnlyAccess", "PowerUserAccess", "ReadOnlyAccess")

METADATA = """<clientToken>{{ instance.client_token or "" }}</clientToken>
          <metadataOptions>
            <state>applied</state>
            <httpTokens>{{ instance.metadata_options.get("HttpTokens", "optional") }}</httpTokens>
            <httpPutResponseHopLimit>{{ instance.metadata_options.get("HttpPutResponseHopLimit", 1)
            }}</httpPutResponseHopLimit>
            <httpEndpoint>{{ instance.metadata_options.get("HttpEndpoint", "enabled") }}</httpEndpoint>
            <httpProtocolIpv6>disabled</httpProtocolIpv6>
            <instanceMetadataTags>{{ instance.metadata_options.get("InstanceMetadataTags", "disabled")
            }}</instanceMetadataTags>
          </metadataOptions>"""

INSTANCE = [  # text in moto's template, what it should be
    ("<clientToken>ABCDE{{ account_id }}3</clientToken>", METADATA),
    ("<publicDnsName>{{ instance.public_dns }}</publicDnsName>",
     "<publicDnsName>{{ instance.public_dns or '' }}</publicDnsName>"),
    ("<dnsName>{{ instance.public_dns }}</dnsName>", "<dnsName>{{ instance.public_dns or '' }}</dnsName>"),
    ("<kernelId>{{ instance.kernel }}</kernelId>", ""),
    ("<rootDeviceName>/dev/sda1</rootDeviceName>",
     "<rootDeviceName>{{ instance.root_device_name }}</rootDeviceName>"),
    ("<state> {{ instance.monitoring_state }} </state>", "<state>{{ instance.monitoring_state }}</state>"),
    ("<stateReason>", "{% if instance._state_reason.code %}<stateReason>"),
    ("</stateReason>", "</stateReason>{% endif %}"),
    ("instance.dynamic_group_list %}", "instance.dynamic_group_list or instance.nics[0].group_set %}"),
    ("<macAddress>1b:2b:3c:4d:5e:6f</macAddress>", "<macAddress>{{ nic.mac_address }}</macAddress>"),
]


def _replace(module: Any, name: str, changes: list[tuple[str, str]]) -> None:
    text = getattr(module, name)
    for old, new in changes:
        if old not in text:
            raise RuntimeError(f"moto's {module.__name__}.{name} no longer has {old!r}; see lab/cloud/fixes.py")
        text = text.replace(old, new)
    setattr(module, name, text)


def apply(lifecycle: Callable[[], Lifecycle]) -> None:
    """`lifecycle`: the one in force when a change of state begins."""
    _managed_policies()
    _answers()
    _instances(lifecycle)
    _nat_gateways(lifecycle)
    _key_pairs()
    _security_groups()
    _profiles()
    _filters()
    _parameters()
    elastic_ip_addresses.random_ip = random_public_ip  # moto's would be of 127.0.0.0/8


def _managed_policies() -> None:
    """Of Amazon's thousand managed policies those that matter here: reading them all at each reset takes a second."""
    everything = json.loads(iam_models.aws_managed_policies_data)
    iam_models.aws_managed_policies_data = json.dumps({name: everything[name] for name in MANAGED_POLICIES})


def _answers() -> None:
    for name in ("EC2_RUN_INSTANCES", "EC2_DESCRIBE_INSTANCES"):
        _replace(instance_answers, name, INSTANCE)
    _replace(instance_answers, "EC2_RUN_INSTANCES", [(
        "<item>\n      <groupId>sg-245f6a01</groupId>\n      <groupName>default</groupName>\n    </item>", "")])
    _replace(volume_answers, "DESCRIBE_VOLUMES_RESPONSE", [(
        "<deleteOnTermination>false</deleteOnTermination>", "<deleteOnTermination>{{ 'true' if volume.attachment.device in"
        " volume.attachment.instance.block_device_mapping and volume.attachment.instance.block_device_mapping["
        "volume.attachment.device].delete_on_termination else 'false' }}</deleteOnTermination>")])
    _replace(key_answers, "DESCRIBE_KEY_PAIRS_RESPONSE", [(
        "</keyFingerprint>", "</keyFingerprint><keyType>{{ keypair.key_type }}</keyType>"
        "<publicKey>{{ keypair.public_key }}</publicKey>")])
    for name in ("DESCRIBE_NAT_GATEWAYS_RESPONSE", "CREATE_NAT_GATEWAY"):
        _replace(nat_answers, name, [(
            "<state>{{ nat_gateway.state }}</state>",
            "<state>{{ nat_gateway.state }}</state>{% if nat_gateway.failure %}<failureCode>{{ nat_gateway.failure[0] "
            "}}</failureCode><failureMessage>{{ nat_gateway.failure[1] }}</failureMessage>{% endif %}")])
    blackhole = "{{ 'blackhole' if route.nat_gateway.state in ('deleted', 'failed', 'deleting') else 'active' }}"
    _replace(route_answers, "DESCRIBE_ROUTE_TABLES_RESPONSE", [
        ("<natGatewayId>{{ route.nat_gateway.id }}</natGatewayId>\n                  <origin>CreateRoute</origin>\n"
         "                  <state>active</state>",
         "<natGatewayId>{{ route.nat_gateway.id }}</natGatewayId>\n                  <origin>CreateRoute</origin>\n"
         f"                  <state>{blackhole}</state>"),
        ("<gatewayId>{{ route.gateway.id }}</gatewayId>\n                  <origin>CreateRoute</origin>\n"
         "                  <state>active</state>",
         "<gatewayId>{{ route.gateway.id }}</gatewayId>\n                  <origin>CreateRoute</origin>\n"
         "                  <state>{{ 'active' if route.gateway.vpc else 'blackhole' }}</state>")])


def _instances(lifecycle: Callable[[], Lifecycle]) -> None:
    kind = instances.Instance
    kind.metadata_options = {}
    kind.client_token = ""
    made, terminate, stop, start = kind.__init__, kind.terminate, kind.stop, kind.start

    def __init__(self: Any, *words: Any, **named: Any) -> None:
        made(self, *words, **named)
        for number, nic in self.nics.items():
            nic.delete_on_termination = True
        lifecycle().begin(self, "pending", 0)

    def _terminate(self: Any) -> Any:
        before = copy.copy(self._state)
        if before.name not in ("terminated", "shutting-down"):
            lifecycle().begin(self, "shutting-down", 32, self.end)
        return before

    def end(self: Any) -> None:
        for address in self.ec2_backend.addresses:
            if address.instance is self or (address.eni and address.eni.instance is self):
                self.ec2_backend.disassociate_address(association_id=address.association_id)
        terminate(self)

    def _stop(self: Any) -> Any:
        before = copy.copy(self._state)
        if before.name == "terminated":
            raise EC2ClientError("IncorrectInstanceState", f"This instance '{self.id}' is not in a state from which it "
                                 "can be stopped.")
        if before.name not in ("stopped", "stopping"):
            lifecycle().begin(self, "stopping", 64, lambda: stop(self))
        return before

    def _start(self: Any) -> Any:
        before = copy.copy(self._state)
        if before.name in ("running", "pending"):
            return before
        if before.name != "stopped":
            raise EC2ClientError("IncorrectInstanceState", f"The instance '{self.id}' is not in a state from which it "
                                 "can be started.")
        start(self)
        lifecycle().begin(self, "pending", 0)
        lifecycle().restart(self.id)
        return before

    kind.__init__, kind.terminate, kind.stop, kind.start = __init__, _terminate, _stop, _start  # type: ignore
    kind.end = end
    change_groups = instances.InstanceBackend.modify_instance_security_groups

    def changed(self: Any, instance_id: str, new_group_id_list: list[str]) -> Any:
        made = change_groups(self, instance_id, new_group_id_list)
        made.nics[0]._group_set = []  # moto adds the instance's groups to these, and so would keep the old ones
        return made
    instances.InstanceBackend.modify_instance_security_groups = changed  # type: ignore[method-assign]
    kind.reboot = lambda self: lifecycle().reboot(self)  # type: ignore[method-assign]


def _nat_gateways(lifecycle: Callable[[], Lifecycle]) -> None:
    kind, backend = nat_gateways.NatGateway, nat_gateways.NatGatewayBackend
    kind.failure = None
    create = backend.create_nat_gateway

    def created(self: Any, subnet_id: str, allocation_id: str, *words: Any, **named: Any) -> Any:
        subnet = self.get_subnet(subnet_id)
        problem = None
        if not any(one.vpc and one.vpc.id == subnet.vpc_id for one in self.internet_gateways.values()):
            problem = ("Gateway.NotAttached", f"Network {subnet.vpc_id} has no Internet gateway attached")
        if allocation_id and self.address_by_allocation([allocation_id])[0].association_id:
            raise EC2ClientError("Resource.AlreadyAssociated",
                                 f"Elastic IP address [{allocation_id}] is already associated")
        made = create(self, subnet_id, allocation_id, *words, **named)
        address = made._eni.subnet.get_available_subnet_ip(made._eni)
        made.private_ip = made._eni.private_ip_address = made.address_set[0]["privateIp"] = address
        made._eni.private_ip_addresses[0]["PrivateIpAddress"] = address
        made._eni.description = f"Interface for NAT Gateway {made.id}"
        lifecycle().begin_nat(made, problem)
        return made

    def deleted(self: Any, nat_gateway_id: str) -> Any:
        found = self.nat_gateways.get(nat_gateway_id)
        if found is None or found.state == "deleted":
            raise EC2ClientError("NatGatewayNotFound", f"NatGateway {nat_gateway_id} was not found")
        if found.state != "deleting":
            lifecycle().delete_nat(found)
        return found

    def described(self: Any, filters: Any, nat_gateway_ids: Any) -> list[Any]:
        found = list(self.nat_gateways.values())
        if nat_gateway_ids:
            found = [one for one in found if one.id in nat_gateway_ids]
            if missing := set(nat_gateway_ids) - {one.id for one in found}:
                raise EC2ClientError("NatGatewayNotFound", f"NatGateway {', '.join(sorted(missing))} was not found")
        names = {"nat-gateway-id": "id", "vpc-id": "vpc_id", "subnet-id": "subnet_id", "state": "state"}
        for name, values in (filters or {}).items():
            if name in names:
                found = [one for one in found if getattr(one, names[name]) in values]
            else:  # tags; what else there is, is refused by generic_filter
                found = generic_filter({name: values}, found)
        return found

    backend.create_nat_gateway = created  # type: ignore[method-assign]
    backend.delete_nat_gateway = deleted  # type: ignore[method-assign]
    backend.describe_nat_gateways = described  # type: ignore[method-assign]


def _security_groups() -> None:
    """Each source of a permission is a rule of its own. moto takes one away only where all that shares its ports came in one
    piece, and otherwise answers that it had."""
    kind = security_groups.SecurityGroupBackend

    def revoking(direction: str) -> Callable[..., None]:
        by_ids = getattr(kind, f"revoke_security_group_{direction}")

        def revoke(self: Any, group_name_or_id: str, ip_protocol: str, from_port: Any, to_port: Any, ip_ranges: Any,
                   source_groups: Any = None, prefix_list_ids: Any = None, security_rule_ids: Any = None,
                   vpc_id: Any = None) -> None:
            if security_rule_ids:
                return by_ids(self, group_name_or_id, ip_protocol, from_port, to_port, ip_ranges, source_groups,  # type: ignore
                              prefix_list_ids, security_rule_ids, vpc_id)
            group = self.get_security_group_by_name_or_id(group_name_or_id, vpc_id)
            rules = getattr(group, f"{direction}_rules")
            same = [one for one in rules if one.ip_protocol == ip_protocol and
                    (str(one.from_port), str(one.to_port)) == (str(from_port), str(to_port))]
            for name, items in (("ip_ranges", ip_ranges), ("source_groups", source_groups),
                                ("prefix_list_ids", prefix_list_ids)):
                for item in items or []:
                    found = [(rule, each) for rule in same for each in getattr(rule, name) if _who(each) == _who(item)]
                    if not found:
                        raise InvalidPermissionNotFoundError()
                    for rule, each in found:
                        getattr(rule, name).remove(each)
            left = [one for one in rules if one not in same or one.ip_ranges or one.source_groups or one.prefix_list_ids]
            setattr(group, f"{direction}_rules", left)
            getattr(self, f"sg_old_{direction}_ruls")[group.id] = left.copy()
        return revoke
    for direction in ("ingress", "egress"):
        setattr(kind, f"revoke_security_group_{direction}", revoking(direction))


def _who(source: dict[str, Any]) -> str:
    return str(next(source[key] for key in ("CidrIp", "CidrIpv6", "GroupId", "GroupName", "PrefixListId") if source.get(key)))


def _key_pairs() -> None:
    """The key itself, its type, and an ed25519 key's fingerprint as OpenSSH writes it."""
    kind = key_pairs.KeyPair

    def public_key(self: Any) -> str:
        kept = str(self.material_public)
        return kept if kept.startswith("ssh-") else base64.b64decode(kept).decode()

    def key_type(self: Any) -> str:
        return "ed25519" if "ssh-ed25519" in public_key(self) else "rsa"

    imported = key_pairs.KeyPairBackend.import_key_pair

    def import_key_pair(self: Any, key_name: str, public_key_material: str, tags: Any) -> Any:
        made = imported(self, key_name, public_key_material, tags)
        if key_type(made) == "ed25519":
            blob = base64.b64decode(public_key(made).split()[1])
            made.fingerprint = base64.b64encode(hashlib.sha256(blob).digest()).decode()
        return made

    kind.public_key, kind.key_type = property(public_key), property(key_type)
    key_pairs.KeyPairBackend.import_key_pair = import_key_pair  # type: ignore[method-assign]


def _profiles() -> None:
    """An instance shows the profile that it has now, not the one that it was started with, by the profile's id, which is
    not the association's."""
    kind = instance_profiles.IamInstanceProfileAssociationBackend
    associate, replace = kind.associate_iam_instance_profile, kind.replace_iam_instance_profile_association

    def shown(self: Any, made: Any) -> Any:
        self.modify_instance_attribute(made.instance.id, "iam_instance_profile", {
            "Arn": made.iam_instance_profile.arn, "Id": made.iam_instance_profile.id})
        return made

    def associated(self: Any, *words: Any, **named: Any) -> Any:
        return shown(self, associate(self, *words, **named))

    def replaced(self: Any, *words: Any, **named: Any) -> Any:
        return shown(self, replace(self, *words, **named))
    end = kind.disassociate_iam_instance_profile

    def ended(self: Any, association_id: str) -> Any:
        gone = end(self, association_id)
        self.modify_instance_attribute(gone.instance.id, "iam_instance_profile", None)
        return gone
    kind.associate_iam_instance_profile = associated  # type: ignore[method-assign]
    kind.replace_iam_instance_profile_association = replaced  # type: ignore[method-assign]
    kind.disassociate_iam_instance_profile = ended  # type: ignore[method-assign]


def _parameters() -> None:
    """AWS's public parameters are not the account's: whoever lists its own does not see them."""
    kind = SimpleSystemManagerBackend
    describe = kind.describe_parameters

    def described(self: Any, *words: Any) -> list[Any]:
        return [one for one in describe(self, *words) if not one.name.startswith("/aws/")]
    kind.describe_parameters = described  # type: ignore[method-assign]


def _filters() -> None:
    """Filters that AWS has and moto refuses or, worse, ignores."""
    key_value, table_value = key_pairs.KeyPair.get_filter_value, route_tables.RouteTable.get_filter_value

    def of_key(self: Any, name: str, method_name: Any = None) -> Any:
        return self.id if name == "key-pair-id" else key_value(self, name, method_name)

    def of_table(self: Any, name: str, method_name: Any = None) -> Any:
        if name == "route.state":
            return ["active"]
        if name == "association.gateway-id":
            return [one for one in self.associations.values() if one.startswith("igw-")]
        return table_value(self, name, method_name)

    key_pairs.KeyPair.get_filter_value = of_key  # type: ignore[method-assign]
    route_tables.RouteTable.get_filter_value = of_table  # type: ignore[method-assign]


def in_namespace(body: bytes) -> bytes:
    """moto writes the namespaces of several API versions into one API's answers."""
    for version in NAMESPACES:
        body = body.replace(f"http://ec2.amazonaws.com/doc/{version}/".encode(), NAMESPACE, 1)
    return body
