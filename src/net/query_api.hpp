#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "net/aws_retry.hpp"
#include "net/xml.hpp"

namespace nodeboot {

class AwsClient;

/// Flattened as the Query protocol has it, in order: {"Filter.1.Name", "tag:Name"}, {"Filter.1.Value.1", "demo"}.
using QueryParameters = std::vector<std::pair<std::string, std::string>>;

struct QueryOptions {
    bool repeatable = true;  ///< false: a lost answer may have been carried out, so it is not sent again
    Duration patience = std::chrono::seconds(60);
    std::stop_token stop = {};
};

/// EC2, IAM and STS. The answer is the element that holds what was asked for: EC2's <ActionResponse>, the <ActionResult>
/// inside it for IAM and STS; so paths read "vpcSet/item" and "Roles/member". Thread-safe.
///
/// An AwsFault is the service's last word: the call was refused, nothing was done. An Error is everything else:
/// `unavailable` or `timeout` when no readable answer came, or a 5xx one. With `repeatable = false` such a call may have
/// been carried out: look for what it would have made before sending it again.
class QueryApi {
   public:
    virtual ~QueryApi() = default;
    virtual Result<std::variant<Xml, AwsFault>> call(const std::string& service, const std::string& action,
                                                     const QueryParameters& parameters,
                                                     const QueryOptions& options) = 0;
};

/// `client` has to live longer.
std::unique_ptr<QueryApi> make_query_api(AwsClient& client);

/// For calls whose faults are all errors. The text names action and resource: "ec2 CreateSubnet vpc-1 10.0.0.0/24: …".
Result<Xml> checked(QueryApi& api, const std::string& service, const std::string& action,
                    const QueryParameters& parameters, const QueryOptions& options = {});

/// Every match of `item_path` on all pages: follows nextToken (EC2), and Marker while IsTruncated (IAM).
Result<std::vector<Xml>> pages(QueryApi& api, const std::string& service, const std::string& action,
                               QueryParameters parameters, std::string_view item_path,
                               const QueryOptions& options = {});

/// "ec2 CreateSubnet vpc-1 10.0.0.0/24": the action and the first two identifiers or names among its parameters.
std::string describe_call(const std::string& service, const std::string& action, const QueryParameters& parameters);

/// <Response><Errors><Error> (EC2) or <ErrorResponse><Error> (IAM, STS, S3 without the outer element).
AwsFault parse_xml_fault(const HttpResponse& response);

}  // namespace nodeboot
