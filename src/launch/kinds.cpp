#include "launch/kinds.hpp"

#include <fmt/core.h>

#include <array>

namespace nodeboot {
namespace {

// Amazon EC2 API Reference; in the order of Kind.
constexpr std::array<KindInfo, 11> table{{
    {"VPC", "vpc", "DescribeVpcs", "vpcSet/item", "vpcId", "VpcId", "vpc", "state"},
    {"subnet", "subnet", "DescribeSubnets", "subnetSet/item", "subnetId", "SubnetId", "subnet", "state"},
    {"internet gateway", "internet-gateway", "DescribeInternetGateways", "internetGatewaySet/item", "internetGatewayId",
     "InternetGatewayId", "internetGateway", ""},
    {"elastic IP", "elastic-ip", "DescribeAddresses", "addressesSet/item", "allocationId", "AllocationId", "", ""},
    {"NAT gateway", "natgateway", "DescribeNatGateways", "natGatewaySet/item", "natGatewayId", "NatGatewayId",
     "natGateway", "state", "deleting deleted"},
    {"route table", "route-table", "DescribeRouteTables", "routeTableSet/item", "routeTableId", "RouteTableId",
     "routeTable", ""},
    {"security group", "security-group", "DescribeSecurityGroups", "securityGroupInfo/item", "groupId", "GroupId", "",
     ""},
    {"key pair", "key-pair", "DescribeKeyPairs", "keySet/item", "keyPairId", "KeyPairId", "", ""},
    {"instance", "instance", "DescribeInstances", "reservationSet/item/instancesSet/item", "instanceId", "InstanceId",
     "instancesSet/item", "instanceState/name", "shutting-down terminated"},
    {"volume", "volume", "DescribeVolumes", "volumeSet/item", "volumeId", "VolumeId", "volume", "status",
     "deleting deleted"},
    {"network interface", "network-interface", "DescribeNetworkInterfaces", "networkInterfaceSet/item",
     "networkInterfaceId", "NetworkInterfaceId", "networkInterface", "status"},
}};

}  // namespace

const KindInfo& info_of(Kind kind) { return table[static_cast<std::size_t>(kind)]; }

std::string to_string(const Ref& ref) {
    const auto word = info_of(ref.kind).word;
    return ref.name == info_of(ref.kind).type ? std::string(word) : fmt::format("{} {}", word, ref.name);
}

}  // namespace nodeboot
