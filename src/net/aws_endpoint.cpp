#include "net/aws_endpoint.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "net/url.hpp"

namespace nodeboot {
namespace {

struct Partition {
    std::string_view region_prefix;
    std::string_view name;
    std::string_view suffix;
    std::string_view iam_host;
    std::string_view iam_region;
};

/// botocore's endpoints.json; the last row is for all other regions.
constexpr std::array<Partition, 6> partitions{{
    {"cn-", "aws-cn", "amazonaws.com.cn", "iam.cn-north-1.amazonaws.com.cn", "cn-north-1"},
    {"us-gov-", "aws-us-gov", "amazonaws.com", "iam.us-gov.amazonaws.com", "us-gov-west-1"},
    {"us-iso-", "aws-iso", "c2s.ic.gov", "iam.us-iso-east-1.c2s.ic.gov", "us-iso-east-1"},
    {"us-isob-", "aws-iso-b", "sc2s.sgov.gov", "iam.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1"},
    {"eusc-", "aws-eusc", "amazonaws.eu", "iam.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"},
    {"", "aws", "amazonaws.com", "iam.amazonaws.com", "us-east-1"},
}};

const Partition& partition_of(std::string_view region) {
    return *std::find_if(partitions.begin(), partitions.end(),
                         [&](const Partition& p) { return region.starts_with(p.region_prefix); });
}

}  // namespace

AwsEndpoint aws_endpoint(const std::string& service, const std::string& region,
                         const AwsEndpointOverride& override_with, const std::string& bucket) {
    const Partition& partition = partition_of(region);
    const bool global = service == "iam";
    AwsEndpoint endpoint{{}, global ? std::string(partition.iam_region) : region};
    const auto own = override_with.by_service.find(service);
    endpoint.url = own != override_with.by_service.end() ? own->second : override_with.url;
    if (!endpoint.url.empty()) {
        while (endpoint.url.ends_with('/')) endpoint.url.pop_back();
        if (!bucket.empty()) endpoint.url += "/" + bucket;
    } else if (global) {
        endpoint.url = fmt::format("https://{}", partition.iam_host);
    } else {
        const std::string host = bucket.empty() ? service : bucket + "." + service;
        endpoint.url = fmt::format("https://{}.{}.{}", host, region, partition.suffix);
    }
    return endpoint;
}

std::string aws_partition(const std::string& region) { return std::string(partition_of(region).name); }

Result<void> check_region(const std::string& region) {
    const bool good = !region.empty() && std::all_of(region.begin(), region.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
    if (good) return {};
    return fail(ErrorKind::invalid_input, fmt::format("'{}' is no AWS region", region),
                "write it as in eu-central-1, without an availability zone's letter");
}

Result<void> check_aws_endpoint(const std::string& url) {
    const auto parsed = NB_TRY_CONTEXT(parse_url(url), "AWS endpoint");
    if (parsed.scheme == "https" || loopback_or_link_local(parsed.host)) return {};
    return fail(ErrorKind::refused, fmt::format("AWS endpoint {} is not https", printable_url(url)),
                "aws.endpoint_url must be https, or http on this machine (127.0.0.0/8) or link-local (169.254.0.0/16); "
                "for a CA of your own set aws.ca_file");
}

}  // namespace nodeboot
