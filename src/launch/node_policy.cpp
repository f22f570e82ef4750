#include "launch/node_policy.hpp"

#include <fmt/core.h>

#include "launch/names.hpp"
#include "net/aws_endpoint.hpp"

namespace nodeboot {

Policy node_policy(const NodePolicyInput& input, Role role) {
    const std::string partition = aws_partition(input.region);
    const std::string join = fmt::format("arn:{}:ssm:{}:{}:parameter{}", partition, input.region, input.account,
                                         parameter_name(input.cluster, "join"));
    Policy policy;
    if (role == Role::worker)
        policy.push_back({"ReadJoinSecret", {"ssm:GetParameter"}, {join}});
    else
        policy.push_back({"PublishJoinSecret", {"ssm:GetParameter", "ssm:PutParameter"}, {join}});
    if (input.binary_object)
        policy.push_back(
            {"FetchNodeboot", {"s3:GetObject"}, {fmt::format("arn:{}:s3:::{}", partition, *input.binary_object)}});
    return policy;
}

}  // namespace nodeboot
