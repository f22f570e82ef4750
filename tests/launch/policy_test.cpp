#include "launch/policy.hpp"

#include <gtest/gtest.h>

#include "launch/image_parameter.hpp"
#include "launch/names.hpp"
#include "launch/node_policy.hpp"

namespace nodeboot {
namespace {

TEST(Policy, is_a_document_of_allows) {
    const Policy policy{{"One", {"ec2:CreateTags"}, {"a", "b"}, {{"StringEquals", "k", {"v"}}}}};
    EXPECT_EQ(policy_json(policy),
              R"({"Version":"2012-10-17","Statement":[{"Sid":"One","Effect":"Allow","Action":"ec2:CreateTags",)"
              R"("Resource":["a","b"],"Condition":{"StringEquals":{"k":"v"}}}]})");
}

TEST(Policy, two_documents_are_compared_by_what_they_say) {
    const std::string one = R"({"Version":"2012-10-17","Statement":[{"Action":"a:B","Resource":["x","y"]}]})";
    EXPECT_TRUE(
        same_policy(one, R"({ "Statement": {"Resource":["y","x"],"Action":["a:B"]}, "Version": "2012-10-17"})"));
    EXPECT_FALSE(same_policy(one, R"({"Version":"2012-10-17","Statement":[{"Action":"a:B","Resource":["x"]}]})"));
    EXPECT_FALSE(same_policy(one, ""));
    EXPECT_FALSE(same_policy("", ""));
}

TEST(NodePolicy, a_worker_reads_one_parameter_and_one_object) {
    const NodePolicyInput input{"demo", "eu-central-1", "123456789012", "bucket/demo/nodeboot-ab"};
    EXPECT_EQ(node_policy(input, Role::worker),
              (Policy{{"ReadJoinSecret",
                       {"ssm:GetParameter"},
                       {"arn:aws:ssm:eu-central-1:123456789012:parameter/nodeboot/demo/join"}},
                      {"FetchNodeboot", {"s3:GetObject"}, {"arn:aws:s3:::bucket/demo/nodeboot-ab"}}}));
    const Policy publish{{"PublishJoinSecret",
                          {"ssm:GetParameter", "ssm:PutParameter"},
                          {"arn:aws-cn:ssm:cn-north-1:1:parameter/nodeboot/demo/join"}},
                         {"PublishKubeconfig",
                          {"ssm:GetParameter", "ssm:PutParameter"},
                          {"arn:aws-cn:ssm:cn-north-1:1:parameter/nodeboot/demo/control-plane/kubeconfig"}}};
    EXPECT_EQ(node_policy({"demo", "cn-north-1", "1"}, Role::control_plane), publish);
    EXPECT_EQ(node_policy({"demo", "cn-north-1", "1", std::nullopt, false}, Role::control_plane), Policy{publish[0]});
    EXPECT_NE(instance_trust_json("aws-cn").find("\"ec2.amazonaws.com.cn\""), std::string::npos);
    EXPECT_NE(instance_trust_json("aws-us-gov").find("\"ec2.amazonaws.com\""), std::string::npos);
}

TEST(Names, that_are_too_long_end_in_their_digest) {
    EXPECT_EQ(role_name("demo", "eu-central-1", Role::control_plane), "nodeboot-demo-eu-central-1-control-plane");
    EXPECT_EQ(bucket_name("demo", "123456789012", "eu-west-1"), "nodeboot-demo-123456789012-eu-west-1");
    const std::string name(63, 'c');
    EXPECT_EQ(role_name(name, "eu-central-1", Role::worker).size(), 64u);
    EXPECT_NE(role_name(name, "eu-central-1", Role::worker), role_name(name, "eu-central-1", Role::control_plane));
    EXPECT_EQ(bucket_name(name, "123456789012", "eu-west-1").size(), 63u);
    EXPECT_NE(bucket_name(name, "123456789012", "eu-west-1"), bucket_name(name, "123456789012", "eu-west-2"));
}

TEST(ImageParameter, is_where_the_images_makers_publish_it) {
    EXPECT_EQ(image_parameter(MachineImage::ubuntu_24_04, Architecture::amd64),
              "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id");
    EXPECT_EQ(image_parameter(MachineImage::debian_12, Architecture::arm64),
              "/aws/service/debian/release/12/latest/arm64");
    EXPECT_EQ(image_parameter(MachineImage::debian_13, Architecture::amd64),
              "/aws/service/debian/release/13/latest/amd64");
    EXPECT_EQ(image_parameter(MachineImage::amazon_linux_2023, Architecture::amd64),
              "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64");
    EXPECT_EQ(image_parameter(MachineImage::amazon_linux_2023, Architecture::arm64),
              "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64");
}

}  // namespace
}  // namespace nodeboot
