#include "launch/node_policy.hpp"

#include <fmt/core.h>

#include "launch/names.hpp"
#include "net/aws_endpoint.hpp"

namespace nodeboot {

Policy node_policy(const NodePolicyInput& input, Role role) {
    const std::string partition = aws_partition(input.region);
    const auto parameter = [&](const char* leaf) {
        return fmt::format("arn:{}:ssm:{}:{}:parameter{}", partition, input.region, input.account,
                           parameter_name(input.cluster, leaf));
    };
    Policy policy;
    if (role == Role::worker)
        policy.push_back({"ReadJoinSecret", {"ssm:GetParameter"}, {parameter("join")}});
    else
        policy.push_back({"PublishJoinSecret", {"ssm:GetParameter", "ssm:PutParameter"}, {parameter("join")}});
    if (role == Role::control_plane && input.publish_kubeconfig)
        policy.push_back(
            {"PublishKubeconfig", {"ssm:GetParameter", "ssm:PutParameter"}, {parameter("control-plane/kubeconfig")}});
    if (input.binary_object)
        policy.push_back(
            {"FetchNodeboot", {"s3:GetObject"}, {fmt::format("arn:{}:s3:::{}", partition, *input.binary_object)}});
    return policy;
}

}  // namespace nodeboot
