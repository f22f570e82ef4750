#pragma once

#include <string>
#include <vector>

#include "launch/cloud.hpp"

namespace nodeboot {

/// What keeps AWS from deleting a VPC, a subnet, a security group, or from detaching an internet gateway, and does not bear
/// the cluster's tag: each with its id and what tells whose it is. Finds what the operator's policy lets it look at; no
/// load balancers, endpoints or peerings, but the interfaces that they have.
Result<std::vector<std::string>> in_the_way(const CloudView& view, const Resource& resource);

/// "subnet subnet-0123 (no tags)", "network interface eni-0123 (ELB app/web/1, no tags)".
std::string told_apart(const Resource& resource);

/// What to do about one that lost its tags: "if it is this cluster's: aws ec2 create-tags …".
std::string tag_by_hand(const std::string& cluster, const Ref& ref, const std::string& id);

/// A deletion that says for what it waits as soon as that is not gone in seconds, and ends with it.
CloudProcedure telling_deletion(const Resource& resource, ApiCall call);

}  // namespace nodeboot
