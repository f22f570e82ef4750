#include "launch/instances.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "launch/harness.hpp"

namespace nodeboot {
namespace {

using testing::changes_in;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Launch;
using testing::problem;

constexpr Kind instance = Kind::instance;

struct Instances : ::testing::Test, Launch {
    void made() {
        const auto report = up();
        ASSERT_TRUE(report.ok()) << problem(report);
        before = aws.inventory();
    }
    Xml& item(Kind kind, const std::string& name) { return aws.ec2.things.at(aws.ec2.id(kind, name)).item; }

    /// A plan shows these, and `up` leaves everything as it was.
    void expect_mended(const ::testing::Matcher<std::vector<std::string>>& changes) {
        EXPECT_THAT(changes_in(plan()), changes);
        const auto report = up();
        ASSERT_TRUE(report.ok()) << problem(report);
        EXPECT_EQ(aws.inventory(), before);
        EXPECT_THAT(changes_in(plan()), IsEmpty());
    }
    std::string before;
};

AwsFault fault(std::string code, std::string message = "") { return {400, std::move(code), std::move(message), "r"}; }

std::string parameter(const QueryParameters& parameters, const std::string& name) {
    for (const auto& [key, value] : parameters)
        if (key == name) return value;
    return "";
}

TEST_F(Instances, start_encrypted_with_imdsv2_and_tags_on_everything) {
    QueryParameters asked;
    aws.ec2.refuse = [&](const std::string& action, const QueryParameters& parameters) -> std::optional<AwsFault> {
        if (action == "RunInstances" && asked.empty()) asked = parameters;
        return std::nullopt;
    };
    made();
    for (const auto& [name, value] :
         std::map<std::string, std::string>{{"InstanceType", "t3.medium"},
                                            {"BlockDeviceMapping.1.DeviceName", "/dev/sda1"},
                                            {"BlockDeviceMapping.1.Ebs.VolumeSize", "30"},
                                            {"BlockDeviceMapping.1.Ebs.VolumeType", "gp3"},
                                            {"BlockDeviceMapping.1.Ebs.Encrypted", "true"},
                                            {"MetadataOptions.HttpTokens", "required"},
                                            {"MetadataOptions.HttpPutResponseHopLimit", "1"},
                                            {"MetadataOptions.InstanceMetadataTags", "disabled"},
                                            {"NetworkInterface.1.AssociatePublicIpAddress", "true"},
                                            {"TagSpecification.2.ResourceType", "volume"},
                                            {"TagSpecification.3.ResourceType", "network-interface"},
                                            {"IamInstanceProfile.Name", "nodeboot-demo-eu-central-1-control-plane"}})
        EXPECT_EQ(parameter(asked, name), value) << name;
    EXPECT_EQ(parameter(asked, "ClientToken").size(), 64U);
    for (const Kind kind : {instance, Kind::volume, Kind::network_interface}) EXPECT_EQ(aws.ec2.ids(kind).size(), 4U);
}

TEST_F(Instances, start_in_an_account_that_puts_tags_into_metadata_unless_told_otherwise) {
    aws.ec2.tags_in_metadata = true;
    made();
    EXPECT_EQ(aws.ec2.ids(instance).size(), 4U);
}

TEST_F(Instances, terminated_by_hand_are_made_anew) {
    made();
    for (int time = 0; time < 3; ++time) {  // each with a token of its own
        auto& thing = aws.ec2.things.at(aws.ec2.id(instance, "worker-2"));
        testing::set(thing.item, "instanceState/name", "terminated");
        expect_mended(ElementsAre(HasSubstr("instance worker-2: absent -> t3.small from ami-0123456789abcdef0")));
    }
    EXPECT_EQ(aws.ec2.count("RunInstances"), 7U);
}

TEST_F(Instances, stopped_by_hand_are_started) {
    made();
    testing::set(item(instance, "control-plane"), "instanceState/name", "stopped");
    expect_mended(ElementsAre("instance control-plane: stopped -> running"));
}

TEST_F(Instances, metadata_options_that_were_loosened_are_put_right) {
    made();
    testing::set(item(instance, "worker-1"), "metadataOptions/httpTokens", "optional");
    testing::set(item(instance, "worker-1"), "metadataOptions/httpPutResponseHopLimit", "2");
    expect_mended(
        ElementsAre("instance worker-1 metadata options: httpTokens optional, httpPutResponseHopLimit 2 -> "
                    "httpTokens required, httpPutResponseHopLimit 1"));
}

TEST_F(Instances, a_changed_security_group_is_put_right) {
    made();
    testing::set(item(instance, "worker-1"), "groupSet/item/groupId",
                 aws.ec2.id(Kind::security_group, "control-plane"));
    expect_mended(ElementsAre(HasSubstr("instance worker-1 security groups")));
}

TEST_F(Instances, a_removed_profile_is_given_back) {
    made();
    testing::set(item(instance, "worker-3"), "iamInstanceProfile/arn", "");
    expect_mended(ElementsAre("instance worker-3 profile: none -> nodeboot-demo-eu-central-1-worker"));
}

TEST_F(Instances, a_profile_that_was_deleted_and_made_again_is_given_to_its_instances_anew) {
    made();
    const std::string name = "nodeboot-demo-eu-central-1-control-plane";
    testing::set(item(instance, "control-plane"), "iamInstanceProfile/id", "AIPA of a deleted one");
    expect_mended(ElementsAre("instance control-plane profile: a deleted one of that name -> " + name));
    EXPECT_EQ(aws.ec2.count("ReplaceIamInstanceProfileAssociation"), 1U);
}

TEST_F(Instances, tags_of_instance_volume_and_interface_are_put_right) {
    made();
    testing::set_tag(item(instance, "worker-1"), "Name", "mine");
    const auto volume = aws.ec2.id(Kind::volume, "worker-1");
    testing::remove_tag(aws.ec2.things.at(volume).item, "nodeboot.io/cluster");
    testing::remove_tag(item(Kind::network_interface, "worker-2"), "nodeboot.io/role");
    const auto shown = changes_in(plan());
    EXPECT_EQ(shown.size(), 3U);
    EXPECT_THAT(shown, Contains("instance worker-1 tags: mine -> Name=demo-worker-1"));
    EXPECT_THAT(shown, Contains(HasSubstr("instance worker-1 volume tags")));
    EXPECT_THAT(shown, Contains("instance worker-2 network interface tags: absent -> nodeboot.io/role=worker"));
    ASSERT_TRUE(up().ok());
    EXPECT_THAT(changes_in(plan()), IsEmpty());
}

TEST_F(Instances, fewer_workers_than_before_terminates_the_last_ones) {
    made();
    config.instances.workers = 1;
    EXPECT_THAT(changes_in(plan()),
                ElementsAre(HasSubstr("instance worker-2: i-"), HasSubstr("instance worker-3: i-")));
    ASSERT_TRUE(up().ok());
    clock.advance(std::chrono::minutes(1));
    ASSERT_TRUE(plan().ok());
    EXPECT_EQ(aws.ec2.ids(instance).size(), 2U);
}

TEST_F(Instances, without_capacity_in_one_zone_start_in_the_next) {
    aws.ec2.refuse = [&](const std::string& action, const QueryParameters& parameters) -> std::optional<AwsFault> {
        const bool here = parameter(parameters, "NetworkInterface.1.SubnetId") == aws.ec2.id(Kind::subnet, "private-1");
        if (action == "RunInstances" && here) return fault("InsufficientInstanceCapacity");
        return std::nullopt;
    };
    made();
    EXPECT_EQ(item(instance, "worker-1").text_at("subnetId"), aws.ec2.id(Kind::subnet, "private-2"));
    EXPECT_THAT(changes_in(plan()), IsEmpty());
}

TEST_F(Instances, without_capacity_anywhere_fail_and_name_the_zones_tried) {
    aws.ec2.refuse = [&](const std::string& action, const QueryParameters& parameters) -> std::optional<AwsFault> {
        if (action == "RunInstances" && parameter(parameters, "InstanceType") == "t3.small")
            return fault("InsufficientInstanceCapacity");
        return std::nullopt;
    };
    const auto report = up();
    EXPECT_FALSE(report.ok());
    EXPECT_THAT(problem(report), HasSubstr("tried: private-1, private-2, private-3"));
    EXPECT_THAT(report.first_error()->hint, HasSubstr("another instance type"));
    EXPECT_EQ(aws.ec2.ids(instance), std::vector{aws.ec2.id(instance, "control-plane")});
}

TEST_F(Instances, wait_for_a_profile_that_ec2_does_not_accept_yet) {
    const auto accepted_from = clock.steady() + std::chrono::seconds(90);
    aws.ec2.profile_exists = [&](const std::string&) { return clock.steady() >= accepted_from; };
    made();
    EXPECT_EQ(aws.ec2.ids(instance).size(), 4U);
}

TEST_F(Instances, fail_when_the_profile_is_never_accepted) {
    aws.ec2.profile_exists = [](const std::string&) { return false; };
    const auto report = up();
    EXPECT_FALSE(report.ok());
    EXPECT_THAT(problem(report), HasSubstr("Invalid IAM Instance Profile"));
}

TEST_F(Instances, used_up_vcpus_are_named) {
    aws.ec2.refuse = [](const std::string& action, const QueryParameters&) -> std::optional<AwsFault> {
        if (action != "RunInstances") return std::nullopt;
        return fault("VcpuLimitExceeded", "You have requested more vCPU capacity than your current vCPU limit of 1");
    };
    EXPECT_THAT(problem(up()), HasSubstr("Running On-Demand instances"));
}

TEST_F(Instances, that_die_while_they_boot_are_told_and_made_anew_by_the_next_run) {
    bool told = false;
    aws.ec2.before = [&](const std::string& action) {
        if (action != "GetConsoleOutput" || told) return;
        told = true;
        auto& thing = item(instance, "worker-3");
        testing::set(thing, "instanceState/name", "terminated");
        testing::set(thing, "stateReason/code", "Client.InternalError");
        clock.advance(std::chrono::seconds(3));  // a listing serves all who wait for two
    };
    const auto report = up();
    EXPECT_FALSE(report.ok());
    EXPECT_THAT(problem(report), HasSubstr("Client.InternalError"));
    aws.ec2.before = nullptr;
    ASSERT_TRUE(up().ok());
    EXPECT_EQ(aws.ec2.ids(instance).size(), 4U);
}

TEST_F(Instances, that_die_of_their_volumes_key_are_not_just_to_be_made_again) {
    for (const auto& [code, key] : {std::pair("Client.InternalError", true),
                                    {"Client.InvalidKMSKey.InvalidState", true},
                                    {"Server.SpotInstanceTermination", false},
                                    {"Client.UserInitiatedShutdown", false}}) {
        Launch launch;
        bool told = false;
        launch.aws.ec2.before = [&, code = code](const std::string& action) {
            if (action != "GetConsoleOutput" || std::exchange(told, true)) return;
            auto& thing = launch.aws.ec2.things.at(launch.aws.ec2.id(instance, "worker-3")).item;
            testing::set(thing, "instanceState/name", "terminated");
            testing::set(thing, "stateReason/code", code);
            launch.clock.advance(std::chrono::seconds(3));
        };
        const auto report = launch.up();
        ASSERT_FALSE(report.ok());
        EXPECT_EQ(report.first_error()->hint.find("KMS") != std::string::npos, key) << report.first_error()->hint;
        EXPECT_THAT(report.first_error()->hint, HasSubstr("nodeboot cluster up"));
    }
}

TEST_F(Instances, are_waited_for_until_their_consoles_say_ready) {
    int looks = 0;
    aws.ec2.console = [&](const std::string& name) -> std::string {
        if (name != "worker-1") return "nodeboot: 2026-11-23T04:21:13Z run outcome=ready phases_changed=7 took=1m13s\n";
        if (++looks < 5) return "nodeboot: 2026-11-23T04:21:13Z run began command=\"node up\" version=0.1.0\n";
        return "nodeboot: 2026-11-23T04:21:13Z run outcome=ready phases_changed=7 took=1m13s\n";
    };
    made();
    EXPECT_EQ(looks, 5);
}

TEST_F(Instances, are_waited_for_through_minutes_of_throttling_and_without_a_network) {
    SteadyTime until{};
    const auto troubled = [&](const std::string& action) {
        if (action != "GetConsoleOutput" && until == SteadyTime{}) return false;  // begins with the wait
        if (until == SteadyTime{}) until = clock.steady() + std::chrono::minutes(3);
        return (action == "GetConsoleOutput" || action == "DescribeInstances") && clock.steady() < until;
    };
    aws.ec2.refuse = [&](const std::string& action, const QueryParameters&) -> std::optional<AwsFault> {
        if (troubled(action)) return fault("RequestLimitExceeded", "Request limit exceeded.");
        return std::nullopt;
    };
    made();
    EXPECT_GE(clock.steady(), until);
    aws.ec2.refuse = nullptr;
    until = {};
    aws.ec2.unanswered = troubled;
    const auto report = up();
    ASSERT_TRUE(report.ok()) << problem(report);
    EXPECT_GE(clock.steady(), until);
}

TEST_F(Instances, that_nobody_answers_for_end_the_wait_at_its_deadline_and_not_before) {
    made();
    const auto began = clock.steady();
    aws.ec2.unanswered = [](const std::string& action) { return action == "GetConsoleOutput"; };
    const auto report = up();
    EXPECT_FALSE(report.ok());
    EXPECT_THAT(problem(report), HasSubstr("GetConsoleOutput: no connection"));
    EXPECT_GE(clock.steady() - began, std::chrono::minutes(30));
}

TEST_F(Instances, a_plan_waits_while_its_questions_are_throttled) {
    made();
    const auto until = clock.steady() + std::chrono::minutes(3);
    aws.ec2.refuse = [&](const std::string&, const QueryParameters&) -> std::optional<AwsFault> {
        if (clock.steady() < until) return fault("RequestLimitExceeded");
        return std::nullopt;
    };
    const auto report = plan();
    EXPECT_TRUE(report.ok()) << problem(report);
    EXPECT_THAT(changes_in(report), IsEmpty());
}

TEST_F(Instances, a_node_that_never_joins_is_explained_by_what_it_said) {
    aws.ec2.console = [](const std::string& name) -> std::string {
        if (name != "worker-1") return "nodeboot: 2026-11-23T04:21:13Z run outcome=ready phases_changed=7 took=1m13s\n";
        return "nodeboot: 2026-11-23T04:21:12Z phase=join-secret failed kind=permission-denied message=\"SSM says no\" "
               "hint=\"the role needs ssm:GetParameter\" took=60.0s\n"
               "nodeboot: 2026-11-23T04:21:13Z run outcome=failed phases_changed=7 took=1m13s\n";
    };
    const auto report = up();
    EXPECT_FALSE(report.ok());
    EXPECT_THAT(problem(report), HasSubstr("worker-1 (i-"));
    EXPECT_THAT(problem(report), HasSubstr("it says: join-secret: SSM says no"));
    EXPECT_EQ(report.first_error()->hint, "the role needs ssm:GetParameter");
    // Nothing of AWS is missing, so nothing is shown as a change.
    EXPECT_THAT(changes_in(plan()), IsEmpty());
}

TEST_F(Instances, a_node_that_refuses_its_configuration_is_not_waited_for) {
    aws.ec2.console = [](const std::string&) -> std::string {
        return "nodeboot: 2026-11-23T04:21:13Z run failed kind=invalid-input message=\"config.toml:3:1: bad\"\n";
    };
    const auto began = clock.steady();
    const auto report = up();
    EXPECT_FALSE(report.ok());
    EXPECT_THAT(problem(report), HasSubstr("config.toml:3:1: bad"));
    EXPECT_LT(clock.steady() - began, std::chrono::minutes(10));
}

TEST_F(Instances, that_booted_long_ago_and_whose_console_scrolled_away_are_taken_as_ready_and_named) {
    made();
    aws.ec2.console = [](const std::string&) { return std::string("[9999.1] something else\n"); };
    clock.advance(std::chrono::hours(2));
    const auto report = up();
    EXPECT_TRUE(report.ok()) << problem(report);
    EXPECT_FALSE(report.changed());
    for (const char* name : {"control-plane (i-", "worker-1 (i-", "worker-2 (i-", "worker-3 (i-"})
        EXPECT_THAT(warnings, Contains(::testing::AllOf(HasSubstr(name), HasSubstr("taken to be Ready, not seen"))));
    EXPECT_EQ(warnings.size(), 4U);
}

TEST_F(Instances, in_a_given_network_nothing_of_the_network_is_made_or_deleted) {
    made();  // somebody's network
    config.vpc.id = aws.ec2.id(Kind::vpc, "vpc");
    config.vpc.public_subnet_id = aws.ec2.id(Kind::subnet, "public");
    config.vpc.private_subnet_ids = {aws.ec2.id(Kind::subnet, "private-1")};
    config.cluster.name = "guest";
    const auto report = up();
    ASSERT_TRUE(report.ok()) << problem(report);
    EXPECT_EQ(aws.ec2.ids(Kind::vpc).size(), 1U);
    EXPECT_EQ(aws.ec2.ids(Kind::subnet).size(), 4U);
    EXPECT_EQ(aws.ec2.ids(Kind::nat_gateway).size(), 1U);
    EXPECT_EQ(aws.ec2.ids(instance).size(), 8U);
    EXPECT_EQ(aws.ec2.ids(Kind::security_group).size(), 4U);
    ASSERT_TRUE(down().ok());
    EXPECT_EQ(aws.inventory(), before);
}

struct GivenNetwork : Instances {
    GivenNetwork() {
        made();
        config.vpc.id = aws.ec2.id(Kind::vpc, "vpc");
        config.vpc.public_subnet_id = aws.ec2.id(Kind::subnet, "public");
        config.vpc.private_subnet_ids = {aws.ec2.id(Kind::subnet, "private-1")};
        config.cluster.name = "guest";
    }
    std::string said() { return problem(plan()); }
    Xml& vpc() { return aws.ec2.things.at(config.vpc.id).item; }
};

TEST_F(GivenNetwork, whose_range_overlaps_pods_or_services_is_refused_with_both) {
    testing::set(vpc(), "cidrBlock", "10.244.0.0/16");
    EXPECT_THAT(said(), HasSubstr("has the range 10.244.0.0/16, and network.pod_cidr is 10.244.0.0/16"));
    testing::set(vpc(), "cidrBlock", "10.0.0.0/8");
    EXPECT_THAT(said(), HasSubstr("has the range 10.0.0.0/8, and network.pod_cidr is"));
    testing::set(vpc(), "cidrBlock", "10.100.0.0/16");
    EXPECT_THAT(said(), HasSubstr("has the range 10.100.0.0/16, and network.service_cidr is 10.96.0.0/12"));
}

TEST_F(GivenNetwork, whose_second_range_overlaps_is_refused_unless_that_range_is_gone) {
    using testing::element;
    const auto range = [](const char* text, const char* state) {
        return element("item", {element("cidrBlock", text), element("cidrBlockState", {element("state", state)})});
    };
    vpc().children.push_back(
        element("cidrBlockAssociationSet", {range("10.0.0.0/16", "associated"), range("10.244.8.0/24", "associated")}));
    EXPECT_THAT(said(), HasSubstr("has the range 10.244.8.0/24"));
    vpc().children.back() = element("cidrBlockAssociationSet",
                                    {range("10.0.0.0/16", "associated"), range("10.244.8.0/24", "disassociated")});
    EXPECT_EQ(said(), "");
    vpc().children.back() = element("cidrBlockAssociationSet", {range("10.7.0.0/16", "associated")});
    config.network.vpc_cidr = {0x0a070000, 16};
    EXPECT_EQ(said(), "");
}

TEST_F(GivenNetwork, has_the_range_that_the_configuration_says) {
    testing::set(vpc(), "cidrBlock", "10.20.0.0/16");
    const auto report = plan();
    EXPECT_THAT(problem(report), HasSubstr("has the range 10.20.0.0/16, network.vpc_cidr is 10.0.0.0/16"));
    EXPECT_THAT(report.first_error()->hint, HasSubstr("network.vpc_cidr = \"10.20.0.0/16\""));
    config.network.vpc_cidr = {0x0a140000, 16};
    EXPECT_EQ(said(), "");
}

TEST_F(GivenNetwork, without_a_name_server_is_refused) {
    const auto answer =
        aws.ec2.call("ec2", "ModifyVpcAttribute", {{"VpcId", config.vpc.id}, {"EnableDnsSupport.Value", "false"}}, {});
    ASSERT_TRUE(answer && std::holds_alternative<Xml>(*answer));
    const auto report = up();
    EXPECT_THAT(problem(report), HasSubstr(config.vpc.id + " has no name server: its enableDnsSupport is off"));
    EXPECT_THAT(report.first_error()->hint, HasSubstr("modify-vpc-attribute --vpc-id " + config.vpc.id));
    EXPECT_EQ(aws.ec2.ids(instance).size(), 4U);
}

TEST_F(Instances, a_given_subnet_that_does_not_exist_is_named) {
    config.vpc.id = "vpc-0123456789abcdef0";
    config.vpc.public_subnet_id = "subnet-0123456789abcdef0";
    config.vpc.private_subnet_ids = {"subnet-0123456789abcdef1"};
    const auto report = plan();
    EXPECT_FALSE(report.ok());
    EXPECT_THAT(problem(report), HasSubstr("vpc-0123456789abcdef0 does not exist in this region"));
    EXPECT_TRUE(aws.ec2.things.empty());
}

}  // namespace
}  // namespace nodeboot
