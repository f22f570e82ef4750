#pragma once

#include <map>
#include <string>

#include "base/result.hpp"

namespace nodeboot {

/// Where a service of a region is spoken to, and what region its signatures name.
struct AwsEndpoint {
    std::string url;  ///< without a path: "https://ec2.eu-central-1.amazonaws.com"
    std::string signing_region;
};

/// Somewhere else than AWS's own endpoints; see check_aws_endpoint.
struct AwsEndpointOverride {
    std::string url;                                ///< for every service
    std::map<std::string, std::string> by_service;  ///< "ec2"; wins over `url`
};

/// For AWS's partitions: commercial, China, GovCloud, the European Sovereign Cloud, the isolated ones. IAM is one service
/// for a whole partition; everything else is regional (STS too: its old global name is avoided). An S3 bucket becomes
/// part of the host's name, or of the path where the endpoint is overridden.
AwsEndpoint aws_endpoint(const std::string& service, const std::string& region,
                         const AwsEndpointOverride& override_with = {}, const std::string& bucket = {});

/// Of a region's ARNs: "aws", "aws-cn", "aws-us-gov".
std::string aws_partition(const std::string& region);

/// Regions become part of host names: letters, digits and hyphens, or `invalid_input`.
Result<void> check_region(const std::string& region);

/// Signed requests and what they bring back go to https, or http on this machine or link-local, and nowhere else.
Result<void> check_aws_endpoint(const std::string& url);

}  // namespace nodeboot
