#include "launch/iam.hpp"

#include <gtest/gtest.h>

#include "engine/runner.hpp"
#include "launch/names.hpp"
#include "support/fake_iam.hpp"
#include "support/manual_clock.hpp"

namespace nodeboot {
namespace {

const std::string worker = "nodeboot-demo-eu-central-1-worker";
const std::string control_plane = "nodeboot-demo-eu-central-1-control-plane";

class RolesTest : public ::testing::Test {
   protected:
    RolesTest() { config_.cluster = {"demo", "eu-central-1"}; }

    /// Each command is a process of its own.
    RunReport run(bool remove = false, bool only_plan = false) {
        Cloud cloud(iam_, clock_, {.cluster = "demo", .given = {}, .stop = {}});
        CloudPhases phases;
        if (remove) {
            phases.push_back(make_cloud_phase({"instances", "none here", {}, std::chrono::minutes(1)},
                                              [](const CloudView&) { return CloudChanges{}; }));
            add_role_removal(phases, config_, "eu-central-1");
        } else {
            add_roles(phases, config_, "eu-central-1", [&](const CloudView&) { return object_; });
        }
        std::vector<Runnable> runnables;
        for (auto& phase : phases) runnables.push_back(make_runnable(std::move(phase), cloud));
        const auto catalog = Catalog::make(std::move(runnables)).value();
        const RunOptions options{.clock = clock_, .log = log_, .stop = {}, .selection = {}, .parallel = 1};
        return only_plan ? plan_all(catalog, options) : converge(catalog, options);
    }
    static std::vector<std::string> planned(const RunReport& report) {
        std::vector<std::string> out;
        for (const auto& phase : report.phases)
            for (const auto& change : phase.changes)
                out.push_back(change.subject + ": " + change.from + " -> " + change.to);
        return out;
    }
    std::string problem(const RunReport& report) {
        return report.first_error() != nullptr ? report.first_error()->text() : std::string();
    }

    Config config_;
    testing::ManualClock clock_;
    Log log_{{}};
    testing::FakeIam iam_{clock_};
    std::optional<std::string> object_ = "bucket/demo/nodeboot-ab";
};

TEST_F(RolesTest, are_made_with_their_policies_and_profiles_and_a_rerun_changes_nothing) {
    const auto first = run();
    ASSERT_TRUE(first.ok()) << problem(first);
    ASSERT_TRUE(iam_.roles.contains(worker));
    EXPECT_EQ(iam_.roles[worker].policies[role_policy_name],
              policy_json(node_policy({"demo", "eu-central-1", "123456789012", object_}, Role::worker)));
    EXPECT_EQ(iam_.roles[worker].tags["nodeboot.io/cluster"], "demo");
    EXPECT_EQ(iam_.profiles[worker].roles, (std::set<std::string>{worker}));
    EXPECT_NE(iam_.roles[control_plane].policies[role_policy_name].find("ssm:PutParameter"), std::string::npos);
    EXPECT_EQ(iam_.log.size(), 8u);
    const auto second = run();
    EXPECT_TRUE(second.ok());
    EXPECT_TRUE(planned(second).empty());
    EXPECT_EQ(iam_.log.size(), 8u);
    EXPECT_EQ(profile_name(config_, "eu-central-1", Role::worker), worker);
}

TEST_F(RolesTest, what_was_changed_by_hand_is_shown_and_put_right) {
    ASSERT_TRUE(run().ok());
    iam_.roles[worker].policies[role_policy_name] = R"({"Statement":[]})";
    iam_.roles[worker].trust = R"({"Statement":[]})";
    iam_.roles[worker].tags.erase("Name");
    iam_.profiles[worker].roles = {control_plane};
    iam_.profiles[worker].tags["nodeboot.io/role"] = "x";
    const auto plan = planned(run(false, true));
    EXPECT_EQ(plan, (std::vector<std::string>{"worker role trust: another -> EC2 instances",
                                              "worker role tags: missing -> Name=demo-worker",
                                              "worker instance profile tags: missing -> nodeboot.io/role=worker",
                                              "worker role policy: another -> ssm:GetParameter, s3:GetObject",
                                              "worker instance profile: " + control_plane + " -> empty",
                                              "worker instance profile: empty -> holds the role"}));
    ASSERT_TRUE(run().ok());
    EXPECT_TRUE(planned(run(false, true)).empty());
    iam_.roles[worker].policies.clear();
    EXPECT_EQ(planned(run(false, true)).size(), 1u);
    ASSERT_TRUE(run().ok());
    EXPECT_EQ(iam_.roles[worker].policies.size(), 1u);
}

TEST_F(RolesTest, another_binary_is_another_policy) {
    ASSERT_TRUE(run().ok());
    object_ = "bucket/demo/nodeboot-cd";
    EXPECT_EQ(planned(run()).size(), 2u);
    EXPECT_NE(iam_.roles[worker].policies[role_policy_name].find("nodeboot-cd"), std::string::npos);
    EXPECT_EQ(iam_.roles[worker].policies[role_policy_name].find("nodeboot-ab"), std::string::npos);
}

TEST_F(RolesTest, a_role_of_somebody_else_is_left_alone) {
    iam_.roles[worker].tags["nodeboot.io/cluster"] = "other";
    const auto report = run();
    EXPECT_FALSE(report.ok());
    EXPECT_NE(problem(report).find("does not bear this cluster's tag"), std::string::npos) << problem(report);
    EXPECT_TRUE(iam_.roles[worker].policies.empty());
    EXPECT_TRUE(run(true).ok());
    EXPECT_TRUE(iam_.roles.contains(worker));
    EXPECT_FALSE(iam_.roles.contains(control_plane));
}

TEST_F(RolesTest, that_lost_their_tags_are_known_again_and_get_them_back) {
    ASSERT_TRUE(run().ok());
    iam_.roles[worker].tags.clear();
    iam_.profiles[worker].tags.clear();
    const auto report = run();
    ASSERT_TRUE(report.ok()) << problem(report);
    EXPECT_EQ(iam_.roles[worker].tags["nodeboot.io/cluster"], "demo");
    EXPECT_EQ(iam_.profiles[worker].tags["nodeboot.io/cluster"], "demo");
    iam_.roles[worker].tags.clear();
    iam_.profiles[worker].tags.clear();
    ASSERT_TRUE(run(true).ok());
    EXPECT_TRUE(iam_.roles.empty());
    EXPECT_TRUE(iam_.profiles.empty());
}

TEST_F(RolesTest, an_untagged_role_that_somebody_else_described_is_left_alone_with_its_profile) {
    iam_.roles[worker].description = "by hand";
    iam_.profiles[worker].roles = {worker};  // as the console makes it beside a role
    EXPECT_FALSE(run().ok());
    ASSERT_TRUE(run(true).ok());
    EXPECT_TRUE(iam_.roles.contains(worker));
    EXPECT_TRUE(iam_.profiles.contains(worker));
}

TEST_F(RolesTest, that_were_made_before_profiles_were_given_are_removed) {
    ASSERT_TRUE(run().ok());
    config_.instances.worker_profile = "mine";
    config_.instances.control_plane_profile = "mine-too";
    ASSERT_TRUE(run(true).ok());
    EXPECT_TRUE(iam_.roles.empty());
    EXPECT_TRUE(iam_.profiles.empty());
}

TEST_F(RolesTest, given_profiles_are_used_and_nothing_is_made) {
    config_.instances.worker_profile = "mine";
    config_.instances.control_plane_profile = "mine-too";
    ASSERT_TRUE(run().ok());
    EXPECT_EQ(iam_.calls, 0u);
    EXPECT_EQ(profile_name(config_, "eu-central-1", Role::worker), "mine");
    EXPECT_EQ(profile_name(config_, "eu-central-1", Role::control_plane), "mine-too");
}

TEST_F(RolesTest, a_boundary_is_set_on_new_roles_and_on_old_ones) {
    config_.instances.permissions_boundary = "arn:aws:iam::1:policy/one";
    ASSERT_TRUE(run().ok());
    EXPECT_EQ(iam_.roles[worker].boundary, "arn:aws:iam::1:policy/one");
    config_.instances.permissions_boundary = "arn:aws:iam::1:policy/two";
    ASSERT_TRUE(run().ok());
    EXPECT_EQ(iam_.roles[worker].boundary, "arn:aws:iam::1:policy/two");
    config_.instances.permissions_boundary = "";
    EXPECT_TRUE(planned(run(false, true)).empty());  // somebody else's decision by now
}

TEST_F(RolesTest, removal_empties_and_deletes_them) {
    ASSERT_TRUE(run().ok());
    iam_.roles[worker].attached.insert("arn:aws:iam::aws:policy/ReadOnlyAccess");
    iam_.roles[worker].policies["by-hand"] = "{}";
    const auto report = run(true);
    ASSERT_TRUE(report.ok()) << problem(report);
    EXPECT_TRUE(iam_.roles.empty());
    EXPECT_TRUE(iam_.profiles.empty());
    EXPECT_TRUE(planned(run(true, true)).empty());
}

TEST_F(RolesTest, new_roles_may_be_invisible_for_a_while) {
    iam_.invisible_for = std::chrono::seconds(8);
    const auto report = run();
    ASSERT_TRUE(report.ok()) << problem(report);
    EXPECT_EQ(iam_.profiles[worker].roles.size(), 1u);
}

/// Whatever call's answer is lost, or whatever call a run ends at: the next run makes one of each.
TEST_F(RolesTest, any_lost_answer_is_coped_with) {
    ASSERT_TRUE(run().ok());
    const auto total = iam_.calls;
    for (std::size_t lost = 1; lost <= total; ++lost) {
        iam_.roles.clear();
        iam_.profiles.clear();
        iam_.calls = 0;
        iam_.lose_answers_of = {lost};
        static_cast<void>(run());
        const auto report = run();
        ASSERT_TRUE(report.ok()) << lost << ": " << problem(report);
        EXPECT_EQ(iam_.roles.size(), 2u);
        EXPECT_EQ(iam_.profiles[worker].roles.size(), 1u);
        EXPECT_EQ(iam_.roles[worker].policies.size(), 1u);
        EXPECT_TRUE(run(true).ok());
        EXPECT_TRUE(iam_.roles.empty() && iam_.profiles.empty());
    }
}

}  // namespace
}  // namespace nodeboot
