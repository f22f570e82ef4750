#include "launch/cloud.hpp"

#include <gtest/gtest.h>

#include <future>

#include "engine/runner.hpp"
#include "support/fake_ec2.hpp"
#include "support/manual_clock.hpp"

namespace nodeboot {
namespace {

using Work = std::function<Result<void>()>;

struct CloudPhases : ::testing::Test {
    /// A phase that makes these changes and finds nothing to do afterwards; `true`: beside the one before.
    RunReport run(std::vector<std::pair<Work, bool>> works, AtOnce at_once) {
        Cloud cloud(ec2, clock, {.cluster = "demo", .given = {}, .stop = {}});
        bool planned = false;
        const auto plan = [&](const CloudView&) -> Result<CloudChanges> {
            CloudChanges changes;
            if (std::exchange(planned, true)) return changes;
            for (const auto& [work, beside] : works)
                changes.push_back({"it", "so", "otherwise",
                                   CloudProcedure{"work", {}, [work](CloudContext&) { return work(); }, beside}});
            return changes;
        };
        std::vector<Runnable> runnables;
        runnables.push_back(make_runnable(make_cloud_phase({"phase", "", {}}, plan), cloud, at_once));
        return converge(*Catalog::make(std::move(runnables)),
                        {.clock = clock, .log = log, .stop = {}, .selection = {}});
    }

    testing::ManualClock clock;
    Log log{{}};
    testing::FakeEc2 ec2{clock};
};

TEST_F(CloudPhases, changes_beside_each_other_are_under_way_together_and_what_follows_waits_for_all) {
    std::promise<void> second_began;
    std::atomic<bool> second_ended = false, waited = false;
    const auto report = run({{[&]() -> Result<void> {
                                  second_began.get_future().wait();  // for ever, were they made in turn
                                  return {};
                              },
                              false},
                             {[&]() -> Result<void> {
                                  second_began.set_value();
                                  std::this_thread::sleep_for(std::chrono::milliseconds(20));
                                  second_ended = true;
                                  return {};
                              },
                              true},
                             {[&]() -> Result<void> {
                                  waited = second_ended.load();
                                  return {};
                              },
                              false}},
                            AtOnce::many);
    EXPECT_TRUE(report.ok());
    EXPECT_TRUE(waited);
}

TEST_F(CloudPhases, one_at_once_keeps_the_order) {
    std::string order;
    const auto add = [&](char c) {
        return [&order, c]() -> Result<void> {
            order += c;
            return {};
        };
    };
    EXPECT_TRUE(run({{add('a'), false}, {add('b'), true}, {add('c'), true}}, AtOnce::one).ok());
    EXPECT_EQ(order, "abc");
}

TEST_F(CloudPhases, nothing_is_under_way_when_a_phase_has_failed) {
    std::atomic<bool> ended = false;
    const auto report = run({{[] { return Result<void>(fail(ErrorKind::refused, "no")); }, false},
                             {[&]() -> Result<void> {
                                  std::this_thread::sleep_for(std::chrono::milliseconds(50));
                                  ended = true;
                                  return {};
                              },
                              true}},
                            AtOnce::many);
    EXPECT_FALSE(report.ok());
    EXPECT_TRUE(ended);
}

TEST_F(CloudPhases, what_a_listing_said_of_a_thing_made_here_holds_when_the_next_one_does_not_show_it) {
    struct Listing final : QueryApi {
        std::vector<Xml> items;
        Result<std::variant<Xml, AwsFault>> call(const std::string&, const std::string&, const QueryParameters&,
                                                 const QueryOptions&) override {
            return std::variant<Xml, AwsFault>(testing::element(
                "answer", {testing::element("reservationSet",
                                            {testing::element("item", {testing::element("instancesSet", items)})})}));
        }
    } listing;
    const auto item = [](const char* tokens) {
        return testing::element(
            "item", {testing::element("instanceId", "i-1"), testing::element("tokens", tokens),
                     testing::element("tagSet", {testing::element("item", {testing::element("key", "nodeboot.io/name"),
                                                                           testing::element("value", "worker-1")})})});
    };
    Cloud cloud(listing, clock, {.cluster = "demo", .given = {}, .stop = {}});
    const Ref worker{Kind::instance, "worker-1"};
    cloud.remember_made({.action = "RunInstances", .parameters = {}, .makes = worker},
                        testing::element("answer", {testing::element("instancesSet", {item("optional")})}));
    EXPECT_EQ((*cloud.find(worker))->text("tokens"), "optional");
    cloud.forget(Kind::instance);
    listing.items = {item("required")};
    EXPECT_EQ((*cloud.find(worker))->text("tokens"), "required");
    cloud.forget(Kind::instance);
    listing.items.clear();
    EXPECT_EQ((*cloud.find(worker))->text("tokens"), "required");
}

struct CloudWaits : CloudPhases {
    StepContext step{clock, log, {}, Deadline::after(clock, std::chrono::minutes(30)), [](std::string_view) {}};
};

TEST_F(CloudWaits, no_answer_is_asked_again_until_the_deadline_of_the_step) {
    const auto back = clock.steady() + std::chrono::minutes(3);
    const auto look = [&]() -> Result<bool> {
        if (clock.steady() < back) return fail(ErrorKind::unavailable, "throttled");
        return true;
    };
    EXPECT_TRUE(wait_until(step, "it", look));
    const auto never = wait_until(step, "it", [] { return Result<bool>(fail(ErrorKind::timeout, "no network")); });
    EXPECT_EQ(never.error().text(), "waiting for it: no network");
    EXPECT_TRUE(step.deadline.passed(clock));
    step.deadline = Deadline::after(clock, std::chrono::minutes(30));
    const auto began = clock.steady();
    EXPECT_FALSE(wait_until(step, "it", [] { return Result<bool>(fail(ErrorKind::permission, "no")); }));
    EXPECT_EQ(clock.steady(), began);  // that is an answer
}

TEST_F(CloudWaits, a_call_has_the_time_of_its_step) {
    struct Asked final : QueryApi {
        Duration patience{};
        Result<std::variant<Xml, AwsFault>> call(const std::string&, const std::string&, const QueryParameters&,
                                                 const QueryOptions& options) override {
            patience = options.patience;
            return std::variant<Xml, AwsFault>(Xml{});
        }
    } api;
    Cloud cloud(api, clock, {.cluster = "demo", .given = {}, .stop = {}});
    ASSERT_TRUE(cloud.perform(ApiCall{.action = "TerminateInstances", .parameters = {}}, step));
    EXPECT_EQ(api.patience, std::chrono::minutes(30));
}

TEST_F(CloudWaits, only_a_missing_permission_leads_to_the_policy) {
    struct Refusing final : QueryApi {
        AwsFault fault;
        Result<std::variant<Xml, AwsFault>> call(const std::string&, const std::string&, const QueryParameters&,
                                                 const QueryOptions&) override {
            return std::variant<Xml, AwsFault>(fault);
        }
    } api;
    Cloud cloud(api, clock, {.cluster = "demo", .given = {}, .stop = {}});
    for (const auto& [code, hint] :
         {std::pair("UnauthorizedOperation", "need ec2:RunInstances; `nodeboot cluster iam-policy`"),
          std::pair("AccessDenied", "need ec2:RunInstances"),
          std::pair("AccessDeniedException", "need ec2:RunInstances"), std::pair("403", "need ec2:RunInstances"),
          std::pair("RequestExpired", "log in again"), std::pair("ExpiredToken", "log in again"),
          std::pair("InvalidClientTokenId", "log in again"), std::pair("SignatureDoesNotMatch", "clock"),
          std::pair("OptInRequired", "subscribe"),
          std::pair("PendingVerification", "AWS has not verified this account yet"),
          std::pair("Blocked", "AWS Support"), std::pair("SomethingLimitExceeded", "higher quota")}) {
        api.fault = {403, code, "what AWS says", "r"};
        const auto done = cloud.perform(ApiCall{.action = "RunInstances", .parameters = {}}, step);
        ASSERT_FALSE(done) << code;
        EXPECT_EQ(done.error().kind, ErrorKind::permission) << code;
        EXPECT_NE(done.error().hint.find(hint), std::string::npos) << code << ": " << done.error().hint;
        const bool policy = std::string_view(hint).starts_with("need");
        EXPECT_EQ(done.error().hint.find("iam-policy") != std::string::npos, policy)
            << code << ": " << done.error().hint;
    }
}

TEST_F(CloudWaits, after_a_lost_answer_nothing_is_made_again_while_nobody_says_whether_it_is_there) {
    Cloud cloud(ec2, clock, {.cluster = "demo", .given = {}, .stop = {}});
    const Ref vpc{Kind::vpc, "vpc"};
    const auto back = clock.steady() + std::chrono::minutes(3);
    ec2.unanswered = [&](const std::string& action) { return action == "DescribeVpcs" && clock.steady() < back; };
    ec2.lose_answers_of = {1};
    ASSERT_TRUE(cloud.perform(ApiCall{.action = "CreateVpc",
                                      .parameters = {{"CidrBlock", "10.0.0.0/16"},
                                                     {"TagSpecification.1.ResourceType", "vpc"},
                                                     {"TagSpecification.1.Tag.1.Key", "nodeboot.io/cluster"},
                                                     {"TagSpecification.1.Tag.1.Value", "demo"},
                                                     {"TagSpecification.1.Tag.2.Key", "nodeboot.io/name"},
                                                     {"TagSpecification.1.Tag.2.Value", "vpc"}},
                                      .makes = vpc},
                              step));
    EXPECT_EQ(ec2.count("CreateVpc"), 1U);
}

TEST_F(CloudPhases, what_is_kept_is_looked_at_once_until_it_is_forgotten_and_an_error_is_not_kept) {
    const Cloud cloud(ec2, clock, {.cluster = "demo", .given = {}, .stop = {}});
    int looks = 0;
    const std::function<Result<int>()> look = [&]() -> Result<int> {
        if (++looks == 1) return fail(ErrorKind::unavailable, "not now");
        return looks;
    };
    EXPECT_FALSE(cloud.kept<int>("topic", "name", look));
    EXPECT_EQ(**cloud.kept<int>("topic", "name", look), 2);
    EXPECT_EQ(**cloud.kept<int>("topic", "name", look), 2);
    cloud.forget("topic");
    EXPECT_EQ(**cloud.kept<int>("topic", "name", look), 3);
    cloud.forget_all();
    EXPECT_EQ(**cloud.kept<int>("topic", "name", look), 4);
}

}  // namespace
}  // namespace nodeboot
