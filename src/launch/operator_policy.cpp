#include "launch/operator_policy.hpp"

#include <fmt/core.h>

#include "launch/image_parameter.hpp"
#include "launch/names.hpp"
#include "launch/node_policy.hpp"
#include "net/aws_endpoint.hpp"

namespace nodeboot {
namespace {

using Words = std::vector<std::string>;

std::string bucket_or_pattern(const Config& config, const std::string& region, const std::string& account);

class Statements {
   public:
    Statements(const Config& config, std::string region, std::string account)
        : config_(config),
          region_(std::move(region)),
          account_(std::move(account)),
          partition_(aws_partition(region_)),
          new_ones_{"StringEquals", "aws:RequestTag/nodeboot.io/cluster", {config.cluster.name}},
          our_own_{"StringEquals", "aws:ResourceTag/nodeboot.io/cluster", {config.cluster.name}} {}

    Policy all() {
        look();
        make();
        use_own();
        use_given();
        tags();
        roles();
        parameters();
        if (config_.binary.source == BinaryOrigin::s3) bucket();
        return std::move(policy_);
    }

   private:
    std::string ec2(const std::string& kind, const std::string& id = "*") const {
        return fmt::format("arn:{}:ec2:{}:{}:{}/{}", partition_, region_, kind == "image" ? "" : account_, kind, id);
    }
    Words ec2_all(const Words& kinds) const {
        Words out;
        for (const auto& kind : kinds) out.push_back(ec2(kind));
        return out;
    }
    void allow(std::string sid, const Words& actions, const Words& resources,
               std::vector<PolicyStatement::Condition> conditions = {}) {
        const std::string service = actions.front().find(':') != std::string::npos ? "" : "ec2:";
        Words full;
        for (const auto& action : actions) full.push_back(service + action);
        policy_.push_back({std::move(sid), std::move(full), resources, std::move(conditions)});
    }

    // EC2's Describe actions know no resources. All kinds, whatever was given: `down` finds what other settings made.
    void look() {
        Words actions{"DescribeAddresses",        "DescribeIamInstanceProfileAssociations",
                      "DescribeImages",           "DescribeInstances",
                      "DescribeInternetGateways", "DescribeKeyPairs",
                      "DescribeNatGateways",      "DescribeNetworkInterfaces",
                      "DescribeRouteTables",      "DescribeSecurityGroups",
                      "DescribeSubnets",          "DescribeVolumes",
                      "DescribeVpcAttribute",     "DescribeVpcs"};
        if (!config_.vpc.given())
            for (const auto* action : {"DescribeAvailabilityZones", "DescribeInstanceTypeOfferings"})
                actions.emplace_back(action);
        allow("Look", actions, {"*"}, {{"StringEquals", "aws:RequestedRegion", {region_}}});
    }

    std::string own_key() const { return "nodeboot-" + config_.cluster.name; }

    /// Only with the cluster's tag. The kinds are named: a tag in a request says nothing about the other resources in it.
    void make() {
        const bool network = !config_.vpc.given();
        Words actions{"CreateSecurityGroup"}, resources{ec2("security-group")};
        if (network) {
            for (const auto* action :
                 {"AllocateAddress", "CreateInternetGateway", "CreateNatGateway", "CreateRouteTable", "CreateSubnet"})
                actions.emplace_back(action);
            for (const auto* kind : {"elastic-ip", "internet-gateway", "natgateway", "route-table", "subnet"})
                resources.push_back(ec2(kind));
            allow("MakeVpc", {"CreateVpc"}, {ec2("vpc")}, {new_ones_});
        }
        if (config_.access.key_pair.empty()) {
            actions.emplace_back("ImportKeyPair");
            resources.push_back(ec2("key-pair", own_key()));
        }
        allow("Make", actions, resources, {new_ones_});
        allow("StartInstances", {"RunInstances"}, ec2_all({"instance", "volume", "network-interface"}), {new_ones_});
    }

    /// Whatever bears the cluster's tag: put new things into it, change it, delete it.
    void use_own() {
        Words actions{"AssociateIamInstanceProfile",
                      "AuthorizeSecurityGroupEgress",
                      "AuthorizeSecurityGroupIngress",
                      "DeleteNetworkInterface",
                      "DeleteSecurityGroup",
                      "DeleteVolume",
                      "GetConsoleOutput",
                      "ModifyInstanceAttribute",
                      "ModifyInstanceMetadataOptions",
                      "ReplaceIamInstanceProfileAssociation",
                      "RevokeSecurityGroupEgress",
                      "RevokeSecurityGroupIngress",
                      "RunInstances",
                      "StartInstances",
                      "TerminateInstances"};
        if (config_.access.key_pair.empty()) actions.emplace_back("DeleteKeyPair");
        if (!config_.vpc.given())
            for (const auto* action :
                 {"AssociateRouteTable", "AttachInternetGateway", "CreateNatGateway", "CreateRoute", "CreateRouteTable",
                  "CreateSecurityGroup", "CreateSubnet", "DeleteInternetGateway", "DeleteNatGateway",
                  "DeleteRouteTable", "DeleteSubnet", "DeleteVpc", "DetachInternetGateway", "ModifySubnetAttribute",
                  "ModifyVpcAttribute", "ReleaseAddress", "ReplaceRoute", "ReplaceRouteTableAssociation"})
                actions.emplace_back(action);
        allow("UseOwn", actions, {ec2("*")}, {our_own_});
    }

    void use_given() {
        const auto& given = config_.access.key_pair;
        const auto& vpc = config_.vpc;
        const auto& ami = config_.instances.ami;
        Words start{ec2("image", ami.empty() ? "*" : ami), ec2("key-pair", given.empty() ? own_key() : given)};
        if (vpc.given()) {
            allow("InGivenVpc", {"CreateSecurityGroup"}, {ec2("vpc", vpc.id)});
            start.push_back(ec2("subnet", vpc.public_subnet_id));
            for (const auto& id : vpc.private_subnet_ids) start.push_back(ec2("subnet", id));
        }
        allow("StartFrom", {"RunInstances"}, start);
    }

    void tags() {
        allow("TagWhatIsMade", {"CreateTags"}, {ec2("*")}, {new_ones_, {"Null", "ec2:CreateAction", {"false"}}});
        allow("TagWhatIsOurs", {"CreateTags"}, {ec2("*")}, {our_own_});
        // What has lost the cluster's tag is known by its name. What bears another cluster's is not ours to take: the names of
        // "demo-2" begin with those of "demo", too.
        allow("TagAgain", {"CreateTags"}, {ec2("*")},
              {new_ones_,
               {"Null", "aws:ResourceTag/nodeboot.io/cluster", {"true"}},
               {"StringLike", "aws:ResourceTag/Name", {config_.cluster.name + "-*"}}});
    }

    /// Both in one pattern where both are made and their names are not cut: a policy has 6144 characters.
    Words role_names() const {
        const auto& instances = config_.instances;
        const auto name = [&](Role role) { return role_name(config_.cluster.name, region_, role); };
        const std::string pattern = fmt::format("nodeboot-{}-{}-*", config_.cluster.name, region_);
        if (instances.control_plane_profile.empty() && instances.worker_profile.empty() &&
            name(Role::control_plane).starts_with(pattern.substr(0, pattern.size() - 1)))
            return {pattern};
        Words names;
        if (instances.control_plane_profile.empty()) names.push_back(name(Role::control_plane));
        if (instances.worker_profile.empty()) names.push_back(name(Role::worker));
        return names;
    }

    void roles() {
        const auto& instances = config_.instances;
        Words roles, all;
        if (!instances.control_plane_profile.empty() || !instances.worker_profile.empty())
            allow(gives_any_role, {"iam:PassRole"},  // only IAM knows the roles in those profiles
                  {fmt::format("arn:{}:iam::{}:role/*", partition_, account_)}, {passed_to_ec2()});
        for (const auto& name : role_names()) {
            roles.push_back(fmt::format("arn:{}:iam::{}:role/{}", partition_, account_, name));
            all.push_back(fmt::format("arn:{}:iam::{}:*/{}", partition_, account_, name));  // and instance-profile/
        }
        if (roles.empty()) return;
        Words on_roles{"iam:AddRoleToInstanceProfile",
                       "iam:CreateInstanceProfile",
                       "iam:CreateRole",
                       "iam:DeleteInstanceProfile",
                       "iam:DeleteRole",
                       "iam:DeleteRolePolicy",
                       "iam:DetachRolePolicy",
                       "iam:GetInstanceProfile",
                       "iam:GetRole",
                       "iam:GetRolePolicy",
                       "iam:ListAttachedRolePolicies",
                       "iam:ListRolePolicies",
                       "iam:PutRolePolicy",
                       "iam:RemoveRoleFromInstanceProfile",
                       "iam:TagInstanceProfile",
                       "iam:TagRole",
                       "iam:UpdateAssumeRolePolicy"};
        if (!instances.permissions_boundary.empty()) on_roles.emplace_back("iam:PutRolePermissionsBoundary");
        allow("RolesAndProfiles", on_roles, all);
        allow("GiveRolesToInstances", {"iam:PassRole"}, roles, {passed_to_ec2()});
    }

    PolicyStatement::Condition passed_to_ec2() const {
        return {"StringEquals",
                "iam:PassedToService",
                {partition_ == "aws-cn" ? "ec2.amazonaws.com.cn" : "ec2.amazonaws.com"}};
    }

    std::string parameter(const std::string& name, const std::string& account) const {
        return fmt::format("arn:{}:ssm:{}:{}:parameter{}", partition_, region_, account, name);
    }

    void parameters() {
        const std::string& cluster = config_.cluster.name;
        Words read{parameter(parameter_name(cluster, "launch"), account_)};
        if (config_.control_plane.publish_kubeconfig)
            read.push_back(parameter(parameter_name(cluster, "control-plane/kubeconfig"), account_));
        if (config_.instances.ami.empty())
            read.push_back(parameter(
                image_parameter(config_.instances.image, architecture_of(config_.instances.control_plane_type)), ""));
        allow("ReadParameters", {"ssm:GetParameter"}, read);
        allow("OneLauncherAtATime", {"ssm:PutParameter"}, {parameter(parameter_name(cluster, "launch"), account_)});
        allow("RemoveParameters", {"ssm:DeleteParameter"}, {parameter(parameter_name(cluster, "*"), account_)});
        // AWS does not say whether it judges the path with or without the slash that it was asked with.
        allow("ListParameters", {"ssm:GetParametersByPath"},
              {parameter("/nodeboot/" + cluster, account_), parameter(parameter_name(cluster, ""), account_)});
    }

    void bucket() {
        const std::string& given = config_.binary.bucket;
        const std::string arn =
            fmt::format("arn:{}:s3:::{}", partition_, bucket_or_pattern(config_, region_, account_));
        Words on_bucket{"s3:ListBucket"};
        if (given.empty())
            for (const auto* action : {"s3:CreateBucket", "s3:DeleteBucket", "s3:GetBucketPublicAccessBlock",
                                       "s3:GetBucketTagging", "s3:PutBucketPublicAccessBlock", "s3:PutBucketTagging"})
                on_bucket.emplace_back(action);
        allow("Bucket", on_bucket, {arn});
        allow("Binary", {"s3:DeleteObject", "s3:GetObject", "s3:PutObject"},
              {fmt::format("{}/{}", arn,
                           given.empty() ? "*" : binary_key(config_.cluster.name, account_, region_, "*"))});
    }

    const Config& config_;
    std::string region_, account_, partition_;
    PolicyStatement::Condition new_ones_, our_own_;
    Policy policy_;
};

std::string bucket_or_pattern(const Config& config, const std::string& region, const std::string& account) {
    if (!config.binary.bucket.empty()) return config.binary.bucket;
    if (account != "*") return bucket_name(config.cluster.name, account, region);
    return bucket_pattern(config.cluster.name, region);
}

}  // namespace

Policy policy_of_nodes(const Config& config, const std::string& region, const std::string& account, Role role) {
    NodePolicyInput input{.cluster = config.cluster.name, .region = region, .account = account};
    if (config.binary.source == BinaryOrigin::s3)
        input.binary_object =
            bucket_or_pattern(config, region, account) + "/" + binary_key(config.cluster.name, account, region, "*");
    return node_policy(input, role);
}

Policy operator_policy(const Config& config, const std::string& region, const std::string& account) {
    Policy policy = Statements(config, region, account).all();
    // Their names are for people, and IAM counts them.
    if (counted_size(policy) > managed_policy_limit)
        for (auto& statement : policy) statement.sid.clear();
    return policy;
}

}  // namespace nodeboot
