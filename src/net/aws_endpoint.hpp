#pragma once

#include <string>

#include "base/result.hpp"

namespace nodeboot {

/// Where a service of a region is spoken to, and what region its signatures name.
struct AwsEndpoint {
    std::string url;  ///< without a path: "https://ec2.eu-central-1.amazonaws.com"
    std::string signing_region;
};

/// For AWS's partitions: commercial, China, GovCloud, the European Sovereign Cloud, the isolated ones. IAM is one service
/// for a whole partition; everything else is regional (STS too: its old global name is avoided).
AwsEndpoint aws_endpoint(const std::string& service, const std::string& region);

/// Of a region's ARNs: "aws", "aws-cn", "aws-us-gov".
std::string aws_partition(const std::string& region);

/// Regions become part of host names: letters, digits and hyphens, or `invalid_input`.
Result<void> check_region(const std::string& region);

/// Signed requests and what they bring back go to https, or http on this machine or link-local, and nowhere else.
Result<void> check_aws_endpoint(const std::string& url);

}  // namespace nodeboot
