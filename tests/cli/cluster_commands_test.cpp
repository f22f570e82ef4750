#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/app.hpp"
#include "cli/fake_node.hpp"
#include "support/fake_access.hpp"
#include "support/temporary_folder.hpp"

namespace nodeboot::cli {
namespace {

using ::testing::Each;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

struct ClusterCommands : ::testing::Test, testing::Harness {
    ClusterCommands() {
        config_file = (folder.path() / "demo.toml").string();
        std::ofstream(config_file) << "[cluster]\nname = \"demo\"\nregion = \"eu-central-1\"\n";
        surroundings.make_aws = [this](const Config&, const Log&,
                                       std::stop_token) -> Result<std::unique_ptr<AwsAccess>> {
            return std::make_unique<nodeboot::testing::FakeAccess>(aws);
        };
        surroundings.cluster_parallel = 1;  // threads that sleep on a clock moved by hand would outrun each other
        surroundings.own_program = nodeboot::testing::static_executable(folder.path());
        surroundings.whoami = [] { return std::string("ada@laptop"); };
    }
    nodeboot::testing::TemporaryFolder folder;
    nodeboot::testing::FakeAws aws{clock};
};

TEST_F(ClusterCommands, plan_of_an_empty_account_is_exit_2_and_shows_what_will_be_made) {
    EXPECT_EQ(run({"cluster", "plan"}), exit_pending);
    EXPECT_THAT(out, HasSubstr("vpc\n  VPC: absent -> 10.0.0.0/16\n"));
    EXPECT_THAT(out, HasSubstr("subnet private-3: absent -> 10.0.3.0/24 in eu-central-1c"));
    EXPECT_THAT(aws.ec2.log, Each(StartsWith("Describe")));
    EXPECT_TRUE(aws.parameters.values.empty());
}

TEST_F(ClusterCommands, up_then_plan_then_up_then_down) {
    ASSERT_EQ(run({"cluster", "up"}), exit_ok) << err;
    EXPECT_THAT(out, HasSubstr("Done: "));
    EXPECT_TRUE(aws.parameters.values.empty()) << "the lock stayed";
    EXPECT_EQ(run({"cluster", "plan"}), exit_ok) << out;
    ASSERT_EQ(run({"cluster", "up"}), exit_ok);
    EXPECT_THAT(out, HasSubstr("Nothing to change: the cluster is as it should be"));
    ASSERT_EQ(run({"cluster", "down", "--yes"}), exit_ok) << err;
    EXPECT_EQ(aws.inventory(), "");
    EXPECT_EQ(run({"cluster", "down", "--yes"}), exit_ok);
    EXPECT_THAT(out, HasSubstr("there is nothing of this cluster"));
}

TEST_F(ClusterCommands, down_lists_what_will_go_and_wants_the_clusters_name) {
    ASSERT_EQ(run({"cluster", "up"}), exit_ok) << err;
    EXPECT_EQ(run({"cluster", "down"}), exit_error);
    EXPECT_THAT(err, HasSubstr("nobody is here to ask"));
    std::string question;
    surroundings.ask = [&](const std::string& text) {
        question = text;
        return std::optional<std::string>("yes");
    };
    const auto before = aws.inventory();
    EXPECT_EQ(run({"cluster", "down"}), exit_stopped);
    EXPECT_THAT(out, HasSubstr("vpc\n  VPC vpc-"));
    EXPECT_THAT(question, HasSubstr("demo"));
    EXPECT_EQ(aws.inventory(), before);
    surroundings.ask = [](const std::string&) { return std::optional<std::string>("demo"); };
    EXPECT_EQ(run({"cluster", "down"}), exit_ok) << err;
    EXPECT_EQ(aws.inventory(), "");
}

TEST_F(ClusterCommands, status_shows_nodes_and_drift) {
    EXPECT_EQ(run({"cluster", "status"}), exit_pending);
    EXPECT_THAT(out, HasSubstr("control-plane"));
    EXPECT_THAT(out, HasSubstr("absent"));
    ASSERT_EQ(run({"cluster", "up"}), exit_ok) << err;
    EXPECT_THAT(out, HasSubstr("nodeboot cluster kubeconfig --config " + config_file));
    EXPECT_EQ(run({"cluster", "status"}), exit_ok) << out;
    EXPECT_THAT(out, HasSubstr("cluster demo in eu-central-1\n"));
    EXPECT_THAT(out, HasSubstr("Ready after 1m13s (2026-11-23T04:21:13Z)"));
    EXPECT_EQ(run({"cluster", "status", "--output", "json"}), exit_ok);
    const auto json = nlohmann::json::parse(out);
    ASSERT_EQ(json["nodes"].size(), 4U);
    EXPECT_EQ(json["nodes"][1]["name"], "worker-1");
    EXPECT_EQ(json["nodes"][1]["console"]["state"], "ready");
    aws.ec2.console = [](const std::string&) {
        return std::string(
            "nodeboot: 2026-11-23T04:21:12Z phase=images failed kind=timeout message=\"no answer\" took=1s\n"
            "nodeboot: 2026-11-23T04:21:13Z run outcome=failed phases_changed=7 took=1m13s\n");
    };
    EXPECT_EQ(run({"cluster", "status"}), exit_pending);
    EXPECT_THAT(out, HasSubstr("images: no answer (2026-11-23T04:21:13Z)"));
}

TEST_F(ClusterCommands, the_command_to_copy_stays_in_one_piece_where_the_line_is_too_long) {
    const std::string command = "nodeboot cluster kubeconfig --config " + config_file;
    ASSERT_EQ(run({"cluster", "up"}), exit_ok) << err;
    EXPECT_THAT(out, HasSubstr("For kubectl: " + command + "\n"));
    surroundings.out_terminal = {.width = 40, .asked_width = true};
    ASSERT_EQ(run({"cluster", "up"}), exit_ok) << err;
    EXPECT_THAT(out, HasSubstr("For kubectl:\n  " + command + "\n"));
    surroundings.out_terminal.width = 200;
    ASSERT_EQ(run({"cluster", "up"}), exit_ok) << err;
    EXPECT_THAT(out, HasSubstr("For kubectl: " + command + "\n"));
}

TEST_F(ClusterCommands, plan_and_status_fit_into_80_columns) {
    surroundings.out_terminal = {.interactive = true, .unicode = true, .width = 80};
    const auto expect_fits = [&] {
        for (std::size_t begin = 0; begin < out.size();) {
            const auto end = std::min(out.find('\n', begin), out.size());
            const auto line = out.substr(begin, end - begin);
            if (line.find(' ', line.find_first_not_of(' ')) != std::string::npos) {  // a single long word stays whole
                EXPECT_LE(text_width(line), 80U) << line;
            }
            begin = end + 1;
        }
    };
    EXPECT_EQ(run({"cluster", "plan"}), exit_pending);
    expect_fits();
    ASSERT_EQ(run({"cluster", "up"}), exit_ok) << err;
    EXPECT_EQ(run({"cluster", "status"}), exit_ok) << out;
    EXPECT_THAT(out, HasSubstr("eu-central-1a: Ready after 1m13s (2026-11-23T04:21:13Z)\n"));
    expect_fits();
}

TEST_F(ClusterCommands, user_data_is_what_the_instances_get) {
    ASSERT_EQ(run({"cluster", "user-data", "--role", "worker"}), exit_ok) << err;
    EXPECT_THAT(out, StartsWith("#cloud-config\n"));
    EXPECT_THAT(out, HasSubstr("eu-central-1"));
    EXPECT_TRUE(aws.ec2.things.empty());
    const std::string worker = out;
    ASSERT_EQ(run({"cluster", "user-data", "--role", "control-plane"}), exit_ok) << err;
    EXPECT_NE(out, worker);
    EXPECT_THAT(out, HasSubstr("role = \"control-plane\""));
}

TEST_F(ClusterCommands, fewer_workers_want_a_yes) {
    ASSERT_EQ(run({"cluster", "up"}), exit_ok) << err;
    EXPECT_EQ(run({"cluster", "up", "--set", "instances.workers=2"}), exit_error);
    EXPECT_THAT(err, HasSubstr("instance worker-3 would be terminated"));
    EXPECT_EQ(aws.ec2.ids(Kind::instance).size(), 4U);
    EXPECT_EQ(run({"cluster", "up", "--set", "instances.workers=2", "--yes"}), exit_ok) << err;
}

TEST_F(ClusterCommands, json_is_one_document) {
    EXPECT_EQ(run({"cluster", "plan", "--output", "json"}), exit_pending);
    auto json = nlohmann::json::parse(out);
    EXPECT_EQ(json["command"], "cluster plan");
    EXPECT_TRUE(json["changed"]);
    EXPECT_EQ(json["phases"][0]["name"], "vpc");
    EXPECT_EQ(json["changes"][0]["action"], "ec2 CreateVpc CidrBlock=10.0.0.0/16");
    EXPECT_EQ(run({"cluster", "up", "--output", "json"}), exit_ok);
    json = nlohmann::json::parse(out);
    EXPECT_TRUE(json["ok"]);
    EXPECT_EQ(run({"cluster", "down", "--yes", "--output", "json"}), exit_ok);
    EXPECT_TRUE(nlohmann::json::parse(out)["ok"]);
}

TEST_F(ClusterCommands, up_waits_for_the_launcher_that_is_at_work) {
    aws.parameters.values["/nodeboot/demo/launch"] =
        R"x({"owner":"x","who":"bob@desk (cluster up)","mark":"elsewhere","beat":1})x";
    EXPECT_EQ(run({"cluster", "up"}), exit_ok) << err;
    EXPECT_THAT(err, HasSubstr("waiting for bob@desk (cluster up)"));
}

TEST_F(ClusterCommands, down_takes_away_the_lock_of_a_launcher_that_died_and_left_nothing_else) {
    aws.parameters.values["/nodeboot/demo/launch"] =
        R"x({"owner":"x","who":"bob@desk (cluster up)","mark":"elsewhere","beat":1})x";
    EXPECT_EQ(run({"cluster", "down", "--yes"}), exit_ok) << err;
    EXPECT_THAT(err, HasSubstr("waiting for bob@desk (cluster up)"));
    EXPECT_THAT(out, HasSubstr("there is nothing of this cluster"));
    EXPECT_EQ(aws.inventory(), "");
}

TEST_F(ClusterCommands, down_waits_for_a_launcher_that_has_made_nothing_yet_and_removes_what_it_makes) {
    aws.parameters.values["/nodeboot/demo/launch"] =
        R"x({"owner":"x","who":"bob@desk (cluster up)","mark":"elsewhere","beat":1})x";
    surroundings.process_is_gone = [&](const std::string&) {  // asked while waiting: the other one goes on meanwhile
        if (aws.ec2.ids(Kind::vpc).empty()) {
            aws.parameters.values.clear();
            EXPECT_EQ(Harness::run({"cluster", "up"}), exit_ok) << err;
        }
        return false;
    };
    EXPECT_EQ(run({"cluster", "down", "--yes"}), exit_ok) << err;
    EXPECT_EQ(aws.inventory(), "");
}

TEST_F(ClusterCommands, a_missing_permission_is_named) {
    aws.ec2.refuse = [](const std::string& action, const QueryParameters&) -> std::optional<AwsFault> {
        if (action != "CreateSubnet") return std::nullopt;
        return AwsFault{403, "UnauthorizedOperation", "You are not authorized to perform this operation.", "r"};
    };
    EXPECT_EQ(run({"cluster", "up"}), exit_error);
    EXPECT_THAT(err, HasSubstr("ec2:CreateSubnet"));
    EXPECT_THAT(err, HasSubstr("cluster iam-policy"));
    EXPECT_THAT(err, HasSubstr("not begun: "));
}

TEST_F(ClusterCommands, a_quota_that_is_used_up_is_named) {
    aws.ec2.refuse = [](const std::string& action, const QueryParameters&) -> std::optional<AwsFault> {
        if (action != "AllocateAddress") return std::nullopt;
        return AwsFault{400, "AddressLimitExceeded", "The maximum number of addresses has been reached.", "r"};
    };
    EXPECT_EQ(run({"cluster", "up"}), exit_error);
    EXPECT_THAT(err, HasSubstr("EC2-VPC Elastic IPs"));
    EXPECT_THAT(err, HasSubstr("Service Quotas"));
    // What does not need the address was made all the same, and down takes it away.
    EXPECT_EQ(aws.ec2.ids(Kind::subnet).size(), 4U);
    EXPECT_EQ(run({"cluster", "down", "--yes"}), exit_ok) << err;
    EXPECT_EQ(aws.inventory(), "");
}

TEST_F(ClusterCommands, iam_policy_is_printed_without_asking_aws) {
    ASSERT_EQ(run({"cluster", "iam-policy", "--account", "123456789012"}), exit_ok) << err;
    EXPECT_EQ(nlohmann::json::parse(out)["Version"], "2012-10-17");
    EXPECT_THAT(out, HasSubstr("arn:aws:iam::123456789012:role/nodeboot-demo-eu-central-1-*"));
    ASSERT_EQ(run({"cluster", "iam-policy", "--for", "worker"}), exit_ok);
    EXPECT_THAT(out, HasSubstr("arn:aws:ssm:eu-central-1:*:parameter/nodeboot/demo/join"));
    EXPECT_EQ(run({"cluster", "iam-policy", "--for", "anybody"}), exit_usage);
    EXPECT_EQ(run({"cluster", "iam-policy", "--account", "12"}), exit_usage);
    EXPECT_THAT(aws.ec2.log, IsEmpty());
}

}  // namespace
}  // namespace nodeboot::cli
