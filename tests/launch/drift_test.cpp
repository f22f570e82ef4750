// What people change by hand in the network is shown and put right, and what is not ours is let be.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launch/doubles.hpp"
#include "launch/harness.hpp"

namespace nodeboot {
namespace {

using testing::changes_in;
using ::testing::Contains;
using testing::element;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Launch;
using testing::problem;

struct Drift : ::testing::Test, Launch {
    Drift() {
        const auto report = up();
        EXPECT_TRUE(report.ok()) << problem(report);
        before = aws.inventory();
    }
    Xml& item(Kind kind, const std::string& name) { return aws.ec2.things.at(aws.ec2.id(kind, name)).item; }
    void call(const std::string& action, const QueryParameters& parameters) {
        const auto answer = aws.ec2.call("ec2", action, parameters, {});
        ASSERT_TRUE(answer && std::holds_alternative<Xml>(*answer)) << action;
    }
    void expect_mended(const ::testing::Matcher<std::vector<std::string>>& changes) {
        EXPECT_THAT(changes_in(plan()), changes);
        const auto report = up();
        ASSERT_TRUE(report.ok()) << problem(report);
        EXPECT_EQ(aws.inventory(), before);
        EXPECT_THAT(changes_in(plan()), IsEmpty());
    }
    std::string before;
};

TEST_F(Drift, dns_hostnames_switched_off) {
    call("ModifyVpcAttribute", {{"VpcId", aws.ec2.id(Kind::vpc, "vpc")}, {"EnableDnsHostnames.Value", "false"}});
    expect_mended(ElementsAre("VPC enableDnsHostnames: false -> true"));
}

TEST_F(Drift, public_addresses_in_a_private_subnet) {
    call("ModifySubnetAttribute",
         {{"SubnetId", aws.ec2.id(Kind::subnet, "private-2")}, {"MapPublicIpOnLaunch.Value", "true"}});
    expect_mended(ElementsAre("subnet private-2 gives public addresses: true -> false"));
}

TEST_F(Drift, a_rule_that_somebody_added) {
    call("AuthorizeSecurityGroupIngress", {{"GroupId", aws.ec2.id(Kind::security_group, "worker")},
                                           {"IpPermissions.1.IpProtocol", "tcp"},
                                           {"IpPermissions.1.FromPort", "22"},
                                           {"IpPermissions.1.ToPort", "22"},
                                           {"IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"}});
    expect_mended(ElementsAre("security group worker inbound: tcp 22 0.0.0.0/0 -> removed"));
}

TEST_F(Drift, a_rule_that_somebody_removed) {
    const auto control_plane = aws.ec2.id(Kind::security_group, "control-plane");
    call("RevokeSecurityGroupIngress",
         {{"GroupId", control_plane},
          {"IpPermissions.1.IpProtocol", "tcp"},
          {"IpPermissions.1.FromPort", "6443"},
          {"IpPermissions.1.ToPort", "6443"},
          {"IpPermissions.1.Groups.1.GroupId", aws.ec2.id(Kind::security_group, "worker")}});
    EXPECT_THAT(changes_in(plan()),
                ElementsAre("security group control-plane inbound: absent -> tcp 6443 from worker"));
    ASSERT_TRUE(up().ok());
    EXPECT_THAT(changes_in(plan()), IsEmpty());
}

TEST_F(Drift, the_outbound_rule_removed) {
    call("RevokeSecurityGroupEgress", {{"GroupId", aws.ec2.id(Kind::security_group, "worker")},
                                       {"IpPermissions.1.IpProtocol", "-1"},
                                       {"IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"}});
    expect_mended(ElementsAre("security group worker outbound: absent -> everything to everywhere"));
}

TEST_F(Drift, the_way_out_pointed_elsewhere) {
    testing::set(item(Kind::route_table, "private"), "routeSet/item/natGatewayId", "nat-deadbeef");
    expect_mended(ElementsAre("route table private 0.0.0.0/0: nat-deadbeef -> NAT gateway nat"));
}

TEST_F(Drift, a_route_that_leads_nowhere) {
    testing::set(item(Kind::route_table, "public"), "routeSet/item/state", "blackhole");
    expect_mended(ElementsAre(HasSubstr("(blackhole) -> internet gateway")));
}

TEST_F(Drift, a_subnet_moved_to_another_route_table) {
    const auto* association = item(Kind::route_table, "private").all("associationSet/item").back();
    call("ReplaceRouteTableAssociation", {{"AssociationId", association->text_at("routeTableAssociationId")},
                                          {"RouteTableId", aws.ec2.id(Kind::route_table, "public")}});
    expect_mended(ElementsAre(HasSubstr("subnet private-3 routes: rtb-")));
}

TEST_F(Drift, the_internet_gateway_detached) {
    testing::child(item(Kind::internet_gateway, "internet-gateway"), "attachmentSet").children.clear();
    expect_mended(ElementsAre("internet gateway attachment: absent -> the cluster's VPC"));
}

TEST_F(Drift, tags_changed_and_removed) {
    testing::set_tag(item(Kind::vpc, "vpc"), "Name", "mine");
    testing::remove_tag(item(Kind::nat_gateway, "nat"), "nodeboot.io/role");
    testing::remove_tag(item(Kind::elastic_ip, "nat"), "Name");
    EXPECT_THAT(changes_in(plan()),
                ElementsAre("VPC tags: mine -> Name=demo-vpc", "elastic IP tags: absent -> Name=demo-nat",
                            "NAT gateway tags: absent -> nodeboot.io/role=network"));
    ASSERT_TRUE(up().ok());
    EXPECT_THAT(changes_in(plan()), IsEmpty());
}

TEST_F(Drift, tags_of_the_users_own_are_added_and_others_let_be) {
    testing::set_tag(item(Kind::vpc, "vpc"), "theirs", "stays");
    EXPECT_THAT(changes_in(plan()), IsEmpty());
    config.instances.tags = {{"team", "platform"}};
    ASSERT_TRUE(up().ok());
    EXPECT_THAT(aws.inventory(), HasSubstr("platform"));
    EXPECT_THAT(aws.inventory(), HasSubstr("stays"));
    EXPECT_THAT(changes_in(plan()), IsEmpty());
}

TEST_F(Drift, what_lost_the_clusters_tag_is_known_by_its_name_and_tagged_again) {
    for (const auto& [kind, name] :
         {std::pair(Kind::vpc, "vpc"), std::pair(Kind::subnet, "private-1"),
          std::pair(Kind::internet_gateway, "internet-gateway"), std::pair(Kind::elastic_ip, "nat"),
          std::pair(Kind::nat_gateway, "nat"), std::pair(Kind::route_table, "private"),
          std::pair(Kind::security_group, "worker"), std::pair(Kind::instance, "worker-1")}) {
        SCOPED_TRACE(to_string(Ref{kind, name}));
        Xml& thing = item(kind, name);
        testing::remove_tag(thing, "nodeboot.io/cluster");
        EXPECT_THAT(changes_in(plan()), ElementsAre(HasSubstr("absent -> nodeboot.io/cluster=demo")));
        ASSERT_TRUE(up().ok());
        EXPECT_EQ(aws.inventory(), before);
    }
}

TEST_F(Drift, in_the_clusters_own_vpc_a_name_is_enough) {
    Xml& subnet = item(Kind::subnet, "private-1");
    testing::remove_tag(subnet, "nodeboot.io/cluster");
    testing::remove_tag(subnet, "nodeboot.io/name");
    EXPECT_THAT(changes_in(plan()), ElementsAre(HasSubstr("nodeboot.io/cluster=demo, nodeboot.io/name=private-1")));
    ASSERT_TRUE(up().ok());
    EXPECT_EQ(aws.inventory(), before);
    // Somebody else's subnet in there is none of ours, whatever its name begins with.
    testing::remove_tag(subnet, "nodeboot.io/cluster");
    testing::remove_tag(subnet, "nodeboot.io/name");
    testing::set_tag(subnet, "Name", "demo-database");
    EXPECT_THAT(problem(plan()), HasSubstr("(demo-database) of "));  // its range is private-1's
}

TEST_F(Drift, down_takes_away_what_lost_the_clusters_tag) {
    testing::remove_tag(item(Kind::subnet, "private-2"), "nodeboot.io/cluster");
    // What goes with its instance is gone before it could be tagged.
    for (const Kind kind : {Kind::volume, Kind::network_interface, Kind::instance})
        testing::remove_tag(item(kind, "worker-2"), "nodeboot.io/cluster");
    testing::remove_tag(item(Kind::elastic_ip, "nat"), "nodeboot.io/cluster");
    const auto report = down();
    ASSERT_TRUE(report.ok()) << problem(report);
    EXPECT_EQ(aws.inventory(), "");
}

TEST_F(Drift, a_nat_gateway_that_failed_is_made_anew_with_its_route) {
    testing::set(item(Kind::nat_gateway, "nat"), "state", "failed");
    testing::set(item(Kind::nat_gateway, "nat"), "failureCode", "InternalError");
    const auto report = up();
    ASSERT_TRUE(report.ok()) << problem(report);
    EXPECT_EQ(item(Kind::route_table, "private").text_at("routeSet/item/natGatewayId"),
              aws.ec2.ids(Kind::nat_gateway, "nat").back());
    EXPECT_THAT(changes_in(plan()), IsEmpty());
}

TEST_F(Drift, a_nat_gateway_that_fails_while_its_route_is_asked_for_is_made_anew) {
    ASSERT_TRUE(down().ok());
    bool failed = false;
    aws.ec2.refuse = [&](const std::string& action, const QueryParameters& parameters) -> std::optional<AwsFault> {
        const bool to_nat = std::any_of(parameters.begin(), parameters.end(),
                                        [](const auto& parameter) { return parameter.first == "NatGatewayId"; });
        if (action != "CreateRoute" || !to_nat || std::exchange(failed, true)) return std::nullopt;
        Xml& nat = item(Kind::nat_gateway, "nat");
        testing::set(nat, "state", "failed");
        testing::set(nat, "failureCode", "InternalError");
        return AwsFault{400, "InvalidNatGatewayID.NotFound", "The natGateway ID does not exist", "r"};
    };
    const auto began = clock.steady();
    const auto report = up();
    ASSERT_TRUE(report.ok()) << problem(report);
    EXPECT_LE(clock.steady() - began, std::chrono::minutes(5));
    EXPECT_EQ(item(Kind::route_table, "private").text_at("routeSet/item/natGatewayId"),
              aws.ec2.ids(Kind::nat_gateway, "nat").back());
    EXPECT_THAT(changes_in(plan()), IsEmpty());
}

TEST_F(Drift, another_range_than_before_is_refused_before_anything_is_changed) {
    config.network.vpc_cidr = {0x0a140000, 16};
    EXPECT_THAT(problem(up()), HasSubstr("has the range 10.0.0.0/16, network.vpc_cidr is 10.20.0.0/16"));
    config.network.vpc_cidr = {0x0a000000, 16};
    config.vpc.public_subnet = "10.0.9.0/24";
    EXPECT_THAT(problem(up()), HasSubstr("subnet public"));
    EXPECT_EQ(aws.inventory(), before);
}

TEST_F(Drift, what_is_somebody_elses_is_let_be) {
    const auto theirs = aws.ec2.add(
        Kind::vpc,
        element("item",
                {element("cidrBlock", "10.0.0.0/16"),
                 element("tagSet", {element("item", {element("key", "Name"), element("value", "demo-vpc")})})}));
    aws.ec2.add(Kind::subnet, element("item", {element("vpcId", theirs), element("cidrBlock", "10.0.0.0/24")}));
    aws.ec2.add(Kind::elastic_ip, Xml{"item", "", {}});
    EXPECT_THAT(changes_in(plan()), IsEmpty());
    ASSERT_TRUE(down().ok());
    EXPECT_EQ(aws.ec2.ids(Kind::vpc), std::vector{theirs});
    EXPECT_EQ(aws.ec2.ids(Kind::subnet).size(), 1U);
    EXPECT_EQ(aws.ec2.ids(Kind::elastic_ip).size(), 1U);
}

TEST_F(Drift, a_subnet_that_lost_all_of_its_tags_is_named_instead_of_made_again) {
    const std::string id = aws.ec2.id(Kind::subnet, "private-2");
    std::erase_if(aws.ec2.things.at(id).item.children, [](const Xml& child) { return child.name == "tagSet"; });
    const auto report = plan();
    EXPECT_FALSE(report.ok());
    EXPECT_THAT(problem(report), HasSubstr("subnet " + id + " (no tags) of " + aws.ec2.id(Kind::vpc, "vpc") +
                                           " has the range of subnet private-2, 10.0.2.0/24, and not its tags"));
    EXPECT_THAT(report.first_error()->hint, HasSubstr("--resources " + id));
    EXPECT_THAT(report.first_error()->hint, HasSubstr("Key=nodeboot.io/name,Value=private-2"));
}

TEST_F(Drift, a_group_that_lost_all_of_its_tags_is_named_instead_of_made_again) {
    Xml& group = item(Kind::security_group, "worker");
    const std::string id = group.text_at("groupId");
    std::erase_if(group.children, [](const Xml& child) { return child.name == "tagSet"; });
    EXPECT_THAT(problem(plan()), HasSubstr("security group " + id + " (nodeboot-demo-worker, no tags)"));
}

TEST_F(Drift, down_names_what_is_in_the_way_and_bears_no_tag) {
    const std::string vpc = aws.ec2.id(Kind::vpc, "vpc");
    const std::string id =
        aws.ec2.add(Kind::subnet, element("item", {element("vpcId", vpc), element("cidrBlock", "10.0.9.0/24")}));
    const auto report = down();
    EXPECT_FALSE(report.ok());
    EXPECT_THAT(problem(report), HasSubstr("DeleteVpc"));
    EXPECT_THAT(problem(report), HasSubstr("in the way: subnet " + id + " (no tags)"));
    EXPECT_THAT(report.first_error()->hint, HasSubstr("`nodeboot cluster down` again"));
    aws.ec2.things.erase(id);
    EXPECT_TRUE(down().ok());
}

TEST_F(Drift, what_is_there_twice_is_named_with_the_one_in_use) {
    Cloud once(aws.query, clock, cloud_scope(config));
    EXPECT_THAT(*doubles(once), IsEmpty());
    std::vector<std::string> second;
    Xml failed = item(Kind::nat_gateway, "nat");
    for (const auto& [kind, name] : {std::pair(Kind::nat_gateway, "nat"), std::pair(Kind::instance, "worker-1")}) {
        Xml copy = item(kind, name);
        for (const char* time : {"createTime", "launchTime"})
            if (!copy.text_at(time).empty()) testing::set(copy, time, "2099-01-01T00:00:00Z");
        second.push_back(aws.ec2.add(kind, copy));
    }
    testing::set(failed, "state", "failed");
    aws.ec2.add(Kind::nat_gateway, failed);
    Cloud cloud(aws.query, clock, cloud_scope(config));
    const auto named = doubles(cloud);
    ASSERT_TRUE(named) << named.error().text();
    EXPECT_THAT(*named,
                ElementsAre(HasSubstr("NAT gateway " + second[0] + " bears the tags of NAT gateway nat, which is"),
                            HasSubstr("instance " + second[1] + " bears the tags of instance worker-1")));
}

TEST_F(Drift, down_takes_away_outbound_rules_that_name_a_group) {
    call("AuthorizeSecurityGroupEgress",
         {{"GroupId", aws.ec2.id(Kind::security_group, "worker")},
          {"IpPermissions.1.IpProtocol", "tcp"},
          {"IpPermissions.1.FromPort", "6443"},
          {"IpPermissions.1.ToPort", "6443"},
          {"IpPermissions.1.Groups.1.GroupId", aws.ec2.id(Kind::security_group, "control-plane")}});
    const auto report = down();
    ASSERT_TRUE(report.ok()) << problem(report);
    EXPECT_EQ(aws.inventory(), "");
}

TEST_F(Drift, down_names_a_group_of_somebody_elses_whose_rules_name_the_clusters_in_either_direction) {
    const std::string theirs = aws.ec2.add(
        Kind::security_group,
        element("item", {element("vpcId", aws.ec2.id(Kind::vpc, "vpc")), element("groupName", "database")}));
    const QueryParameters rule{{"GroupId", theirs},
                               {"IpPermissions.1.IpProtocol", "tcp"},
                               {"IpPermissions.1.FromPort", "5432"},
                               {"IpPermissions.1.ToPort", "5432"},
                               {"IpPermissions.1.Groups.1.GroupId", aws.ec2.id(Kind::security_group, "control-plane")}};
    call("AuthorizeSecurityGroupEgress", rule);
    EXPECT_THAT(problem(down()), HasSubstr("in the way: security group " + theirs + " (database, no tags)"));
    call("AuthorizeSecurityGroupIngress", rule);
    const std::string both = problem(down());
    EXPECT_THAT(both, HasSubstr("in the way: security group " + theirs + " (database, no tags)"));
    EXPECT_EQ(both.find(theirs + " (database"), both.rfind(theirs + " (database")) << both;
    aws.ec2.things.erase(theirs);
    EXPECT_TRUE(down().ok());
}

TEST(NatGateway, that_fails_while_it_is_waited_for_is_made_anew_once) {
    Launch launch;
    launch.aws.ec2.nat_failures = 1;
    const auto report = launch.up();
    ASSERT_TRUE(report.ok()) << problem(report);
    EXPECT_EQ(launch.aws.ec2.count("CreateNatGateway"), 2U);
    EXPECT_THAT(changes_in(launch.plan()), IsEmpty());
    ASSERT_TRUE(launch.down().ok());
    EXPECT_EQ(launch.aws.inventory(), "");
}

TEST(NatGateway, that_fails_twice_is_told_with_the_reason) {
    Launch launch;
    launch.aws.ec2.nat_failures = 2;
    const auto report = launch.up();
    EXPECT_FALSE(report.ok());
    EXPECT_THAT(problem(report), HasSubstr("Network interface could not be made (InternalError)"));
    EXPECT_EQ(launch.aws.ec2.count("CreateNatGateway"), 2U);
    const auto rerun = launch.up();
    EXPECT_TRUE(rerun.ok()) << problem(rerun);
}

}  // namespace
}  // namespace nodeboot
