#include "launch/catalog.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launch/harness.hpp"
#include "launch/parts.hpp"

namespace nodeboot {
namespace {

using ::testing::HasSubstr;
using testing::Launch;

TEST(Cluster, plan_of_an_empty_account_names_everything_and_makes_nothing) {
    Launch launch;
    const auto report = launch.plan();
    ASSERT_TRUE(report.ok()) << report.first_error()->text();
    for (const auto& phase : report.phases) {
        const bool adds = !phase.name.ends_with("-ready") || phase.name == "nat-gateway-ready";
        const bool wants_nothing = phase.name == "surplus-workers" || phase.name == "key-pair";
        EXPECT_EQ(phase.outcome, adds && !wants_nothing ? Outcome::pending : Outcome::unchanged) << phase.name;
    }
    EXPECT_TRUE(launch.aws.ec2.things.empty());
}

TEST(Cluster, up_makes_the_reference_architecture_and_a_second_one_changes_nothing) {
    Launch launch;
    const auto first = launch.up();
    ASSERT_TRUE(first.ok()) << first.first_error()->text();
    EXPECT_TRUE(testing::matches_golden(launch.aws.inventory(), "launch/architecture.txt"));
    const auto calls = launch.aws.ec2.log;
    const auto second = launch.up();
    ASSERT_TRUE(second.ok()) << second.first_error()->text();
    EXPECT_FALSE(second.changed());
    for (std::size_t i = calls.size(); i < launch.aws.ec2.log.size(); ++i)
        EXPECT_THAT(launch.aws.ec2.log[i], ::testing::AnyOf(::testing::StartsWith("Describe"), "GetConsoleOutput"));
}

TEST(Cluster, down_leaves_nothing) {
    Launch launch;
    ASSERT_TRUE(launch.up().ok());
    const auto report = launch.down();
    ASSERT_TRUE(report.ok()) << report.first_error()->text();
    EXPECT_EQ(launch.aws.inventory(), "");
}

TEST(Cluster, killed_after_any_call_a_rerun_ends_with_the_same_and_down_with_nothing) {
    Launch whole;
    ASSERT_TRUE(whole.up().ok());
    const std::string wanted = whole.aws.inventory();
    for (std::size_t n = 1; n <= whole.aws.gate.calls; ++n) {
        Launch launch;
        launch.aws.gate.killed_after = n;
        static_cast<void>(launch.up());
        launch.aws.gate.killed_after = 0;
        const auto rerun = launch.up();
        ASSERT_TRUE(rerun.ok()) << "killed after " << n << ": " << rerun.first_error()->text();
        ASSERT_EQ(launch.aws.inventory(), wanted) << "killed after call " << n;
        launch.aws.gate.killed_after = launch.aws.gate.calls + n % 17 + 1;
        static_cast<void>(launch.down());
        launch.aws.gate.killed_after = 0;
        const auto down = launch.down();
        ASSERT_TRUE(down.ok()) << "killed after " << n << ": " << down.first_error()->text();
        ASSERT_EQ(launch.aws.inventory(), "") << "killed after call " << n;
    }
}

TEST(Cluster, down_after_a_half_finished_up_leaves_nothing) {
    Launch whole;
    ASSERT_TRUE(whole.up().ok());
    for (std::size_t n = 1; n <= whole.aws.gate.calls; ++n) {
        Launch launch;
        launch.aws.gate.killed_after = n;
        static_cast<void>(launch.up());
        launch.aws.gate.killed_after = 0;
        const auto down = launch.down();
        ASSERT_TRUE(down.ok()) << "killed after " << n << ": " << down.first_error()->text();
        ASSERT_EQ(launch.aws.inventory(), "") << "killed after call " << n;
    }
}

TEST(Cluster, down_deletes_again_what_is_listed_and_was_not_known_yet) {
    for (const auto& [action, code] : {std::pair("TerminateInstances", "InvalidInstanceID.NotFound"),
                                       std::pair("DeleteNatGateway", "NatGatewayNotFound")}) {
        Launch launch;
        ASSERT_TRUE(launch.up().ok());
        const auto began = launch.clock.steady();
        launch.aws.ec2.refuse = [&, action = action, code = code](const std::string& asked,
                                                                  const QueryParameters&) -> std::optional<AwsFault> {
            if (asked != action || launch.clock.steady() - began >= std::chrono::seconds(5)) return std::nullopt;
            return AwsFault{400, code, "as EC2 says it of what is young", "r"};
        };
        const auto down = launch.down();
        ASSERT_TRUE(down.ok()) << action << ": " << down.first_error()->text();
        EXPECT_EQ(launch.aws.inventory(), "") << action;
        EXPECT_LT(launch.clock.steady() - began, std::chrono::minutes(3)) << action;
    }
}

TEST(Cluster, down_deletes_once_what_takes_long_to_go) {
    Launch launch;
    launch.aws.ec2.instance_pending_for = std::chrono::minutes(3);
    ASSERT_TRUE(launch.up().ok());
    ASSERT_TRUE(launch.down().ok());
    EXPECT_EQ(launch.aws.ec2.count("TerminateInstances"), 1U);
    EXPECT_EQ(launch.aws.ec2.count("DeleteNatGateway"), 1U);
}

TEST(Cluster, each_lost_answer_makes_one_of_each_all_the_same) {
    Launch whole;
    ASSERT_TRUE(whole.up().ok());
    const std::string wanted = whole.aws.inventory();
    for (std::size_t n = 1; n <= whole.aws.gate.calls; ++n) {
        Launch launch;
        launch.aws.gate.lose_answers_of = {n};
        const auto report = launch.up();
        ASSERT_TRUE(report.ok()) << "lost " << n << ": " << report.first_error()->text();
        ASSERT_EQ(launch.aws.inventory(), wanted) << "lost answer of call " << n;
    }
}

TEST(Cluster, what_is_not_visible_yet_is_waited_for_and_not_made_again) {
    Launch whole;
    ASSERT_TRUE(whole.up().ok());
    for (const auto seconds : {1, 4, 9}) {
        Launch launch;
        launch.aws.iam.invisible_for = launch.aws.ec2.invisible_for = std::chrono::seconds(seconds);
        const auto report = launch.up();
        ASSERT_TRUE(report.ok()) << seconds << " s: " << report.first_error()->text();
        ASSERT_EQ(launch.aws.inventory(), whole.aws.inventory()) << seconds << " s";
    }
}

TEST(Cluster, what_was_seen_once_after_a_lost_answer_is_not_doubted_when_the_next_listing_is_older) {
    Launch whole;
    ASSERT_TRUE(whole.up().ok());
    for (std::size_t n = 1; n <= whole.aws.gate.calls; ++n) {
        Launch launch;
        launch.aws.gate.lose_answers_of = {n};
        launch.aws.ec2.invisible_for = std::chrono::seconds(4);
        launch.aws.ec2.glimpsed = true;
        const auto report = launch.up();
        ASSERT_TRUE(report.ok()) << "lost " << n << ": " << report.first_error()->text();
        ASSERT_EQ(launch.aws.inventory(), whole.aws.inventory()) << "lost answer of call " << n;
    }
}

}  // namespace
}  // namespace nodeboot
