#include "launch/operator_policy.hpp"

#include <fnmatch.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "launch/names.hpp"
#include "support/golden.hpp"

namespace nodeboot {
namespace {

Config demo() {
    Config config;
    config.cluster = {"demo", "eu-central-1"};
    return config;
}

bool allows(const Policy& policy, const std::string& action) {
    return std::any_of(policy.begin(), policy.end(), [&](const PolicyStatement& statement) {
        return std::find(statement.actions.begin(), statement.actions.end(), action) != statement.actions.end();
    });
}

TEST(OperatorPolicy, is_this) {
    const auto policy = operator_policy(demo(), "eu-central-1", "123456789012");
    EXPECT_TRUE(testing::matches_golden(policy_json(policy, PolicyText::indented) + "\n", "launch/iam-policy.json"));
}

TEST(OperatorPolicy, fits_into_a_managed_policy) {
    Config config = demo();
    config.cluster.name = std::string(30, 'c');
    EXPECT_LE(counted_size(operator_policy(config, "ap-southeast-1", "123456789012")), managed_policy_limit);
    config.cluster.name = std::string(63, 'c');  // the longest; said when it is printed
    EXPECT_LE(counted_size(operator_policy(config, "ap-southeast-1", "123456789012")), 10240u);
}

TEST(OperatorPolicy, allows_everything_only_to_look) {
    for (const auto& statement : operator_policy(demo(), "eu-central-1", "*")) {
        const bool everywhere =
            std::find(statement.resources.begin(), statement.resources.end(), "*") != statement.resources.end();
        for (const auto& action : statement.actions) {
            EXPECT_EQ(action.find('*'), std::string::npos) << action;
            if (everywhere) {
                EXPECT_TRUE(action.starts_with("ec2:Describe")) << action;
            }
        }
    }
}

TEST(OperatorPolicy, what_the_configuration_gives_needs_no_permission_to_make_it) {
    Config config = demo();
    config.vpc.id = "vpc-0123456789abcdef0";
    config.vpc.public_subnet_id = "subnet-0123456789abcdef0";
    config.vpc.private_subnet_ids = {"subnet-0123456789abcdef1"};
    config.instances.control_plane_profile = "a";
    config.instances.worker_profile = "b";
    config.access.key_pair = "ada";
    config.binary.source = BinaryOrigin::url;
    const auto policy = operator_policy(config, "eu-central-1", "123456789012");
    for (const auto* action : {"ec2:CreateVpc", "ec2:DeleteVpc", "ec2:CreateSubnet", "ec2:CreateNatGateway",
                               "iam:CreateRole", "iam:PutRolePolicy", "ec2:ImportKeyPair", "s3:PutObject"})
        EXPECT_FALSE(allows(policy, action)) << action;
    for (const auto* action : {"ec2:RunInstances", "ec2:CreateSecurityGroup", "iam:PassRole"})
        EXPECT_TRUE(allows(policy, action)) << action;
}

TEST(OperatorPolicy, without_the_account_covers_the_bucket_whatever_the_length_of_its_name) {
    Config config = demo();
    for (const std::size_t length : {1u, 27u, 28u, 29u, 30u, 41u, 44u, 45u, 63u}) {
        config.cluster.name = std::string(length, 'c');
        const std::string object = "arn:aws:s3:::" + bucket_name(config.cluster.name, "123456789012", "eu-central-1") +
                                   "/" + binary_key(config.cluster.name, "123456789012", "eu-central-1", "5a");
        const auto covers = [&](const Policy& policy, const std::string& action, const std::string& what) {
            return std::any_of(policy.begin(), policy.end(), [&](const PolicyStatement& statement) {
                return std::find(statement.actions.begin(), statement.actions.end(), action) !=
                           statement.actions.end() &&
                       std::any_of(statement.resources.begin(), statement.resources.end(),
                                   [&](const auto& one) { return fnmatch(one.c_str(), what.c_str(), 0) == 0; });
            });
        };
        const auto mine = operator_policy(config, "eu-central-1", "*");
        EXPECT_TRUE(covers(mine, "s3:CreateBucket", object.substr(0, object.find('/')))) << length;
        EXPECT_TRUE(covers(mine, "s3:PutObject", object)) << length;
        EXPECT_FALSE(covers(mine, "s3:CreateBucket", "arn:aws:s3:::nodeboot-other-123456789012-eu-central-1"))
            << length;
        EXPECT_TRUE(covers(policy_of_nodes(config, "eu-central-1", "*", Role::worker), "s3:GetObject", object))
            << length;
    }
}

TEST(OperatorPolicy, of_a_lent_bucket_covers_nothing_of_another_account_or_region) {
    Config config = demo();
    config.binary.bucket = "artifacts";
    std::vector<std::string> objects;
    for (const auto& statement : operator_policy(config, "eu-central-1", "123456789012"))
        if (statement.sid == "Binary") objects = statement.resources;
    const std::string ours = "arn:aws:s3:::artifacts/demo/123456789012/eu-central-1/nodeboot-*";
    EXPECT_EQ(objects, std::vector<std::string>{ours});
    const auto node = policy_of_nodes(config, "eu-central-1", "123456789012", Role::worker);
    EXPECT_EQ(node.back().resources, std::vector<std::string>{ours});
}

TEST(OperatorPolicy, of_nodes_covers_whichever_binary_is_uploaded) {
    const auto policy = policy_of_nodes(demo(), "eu-central-1", "*", Role::worker);
    ASSERT_EQ(policy.size(), 2u);
    EXPECT_EQ(policy[1].resources,
              std::vector<std::string>{"arn:aws:s3:::nodeboot-demo-*-eu-central-1/demo/*/eu-central-1/nodeboot-*"});
    EXPECT_FALSE(allows(policy, "ssm:PutParameter"));
    EXPECT_TRUE(allows(policy_of_nodes(demo(), "eu-central-1", "*", Role::control_plane), "ssm:PutParameter"));
}

}  // namespace
}  // namespace nodeboot
