"""How much an account may have, and where capacity runs out: EC2's limits, checked before moto makes more."""
from __future__ import annotations

from typing import Any

from .backend import Backend
from .errors import AwsError
from .models import Call

# AWS's defaults for a region (VPC quotas; EC2 instance quotas: a new account's On-Demand Standard vCPUs).
DEFAULTS = {"vpcs": 5, "addresses": 5, "internet-gateways": 5, "vcpus": 32, "nat-gateways-per-zone": 5}
VCPUS = {"nano": 2, "micro": 2, "small": 2, "medium": 2, "large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16}


class Quotas:
    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.limits = dict(DEFAULTS)
        self.no_capacity: list[tuple[str, str]] = []  # (letter of the zone, instance type or "*")

    def check(self, call: Call) -> None:
        if call.service != "ec2":
            return
        ec2 = self._backend.ec2
        if call.action == "CreateVpc":
            self._limit("vpcs", len(ec2.vpcs), "VpcLimitExceeded", "The maximum number of VPCs has been reached.")
        elif call.action == "AllocateAddress":
            self._limit("addresses", len(ec2.addresses), "AddressLimitExceeded",
                        "The maximum number of addresses has been reached.")
        elif call.action == "CreateInternetGateway":
            self._limit("internet-gateways", len(ec2.internet_gateways), "InternetGatewayLimitExceeded",
                        "The maximum number of internet gateways has been reached.")
        elif call.action == "CreateNatGateway":
            zone = self._zone(call.parameters["SubnetId"])
            there = [one for one in ec2.nat_gateways.values() if one.state in ("pending", "available", "deleting") and
                     self._zone(one.subnet_id) == zone]
            self._limit("nat-gateways-per-zone", len(there), "NatGatewayLimitExceeded",
                        f"Performing this operation would exceed the limit of {self.limits['nat-gateways-per-zone']} "
                        "NAT gateways")
        elif call.action == "RunInstances":
            self._instances(call.parameters)

    def _limit(self, name: str, have: int, code: str, message: str) -> None:
        if have >= self.limits[name]:
            raise AwsError(code, message)

    def _zone(self, subnet: str) -> str:
        return next((str(zone[subnet].availability_zone) for zone in self._backend.ec2.subnets.values()
                     if subnet in zone), "")

    def _instances(self, parameters: dict[str, Any]) -> None:
        kind = parameters.get("InstanceType", "m1.small")
        wanted = VCPUS.get(kind.partition(".")[2], 2) * int(parameters["MinCount"])
        running = [one for one in self._backend.ec2.all_instances() if one._state.name in ("pending", "running")]
        have = sum(VCPUS.get(one.instance_type.partition(".")[2], 2) for one in running)
        if have + wanted > self.limits["vcpus"]:
            raise AwsError("VcpuLimitExceeded", "You have requested more vCPU capacity than your current vCPU limit of "
                           f"{self.limits['vcpus']} allows for the instance bucket that the specified instance type "
                           "belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an "
                           "adjustment to this limit.")
        interfaces = parameters.get("NetworkInterfaces") or [{}]
        zone = self._zone(parameters.get("SubnetId") or interfaces[0].get("SubnetId", ""))
        if any(zone.endswith(letter) and only in ("*", kind) for letter, only in self.no_capacity):
            raise AwsError("InsufficientInstanceCapacity", f"We currently do not have sufficient {kind} capacity in the "
                           f"Availability Zone you requested ({zone}). Our system will be working on provisioning "
                           f"additional capacity. You can currently get {kind} capacity by not specifying an "
                           "Availability Zone in your request or choosing another one.", 500)
