#include "cli/run_history.hpp"

#include <gmock/gmock.h>

#include "support/fake_host.hpp"

namespace nodeboot::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

struct History : ::testing::Test {
    ::nodeboot::testing::FakeHost host;
    Log log{[this](LogLevel, std::string_view line) { said.emplace_back(line); }};
    std::vector<std::string> said;
    RunHistory history{host, "/runs"};
    RunRecord record() {
        RunRecord record;
        record.command = "node up";
        return record;
    }
};

TEST_F(History, a_run_that_is_killed_leaves_what_it_had_done) {
    {
        RunRecorder recorder(history, log, "20261123T040000Z-812", record());
        recorder.phase_ended({"swap", "", {}}, {"swap", Outcome::changed, {}, 1s, 1ms, 2s, 0s, {}});
    }
    const auto left = history.load("");
    ASSERT_TRUE(left) << left.error().text();
    EXPECT_FALSE(left->finished);
    ASSERT_EQ(left->report.phases.size(), 1U);
    EXPECT_EQ(left->report.phases[0].outcome, Outcome::changed);
    EXPECT_EQ(left->report.took, 3001ms);
}

TEST_F(History, runs_that_only_looked_do_not_hide_the_boot) {
    auto boot = record();
    boot.report.phases = {{"swap", Outcome::changed, {{"swap", "on", "off", "off", 1ms, true}}, 0s, 0s, 0s, 0s, {}}};
    ASSERT_TRUE(history.save("20261123T040000Z-1", boot));
    auto later = record();
    later.command = "node up later";
    ASSERT_TRUE(history.save("20261123T050000Z-1", later));
    EXPECT_EQ(history.load("")->command, "node up");
    EXPECT_EQ(history.load("20261123T050000Z-1")->command, "node up later");
    host.put("/runs/20261123T060000Z-1.json", "{ half a rec");
    EXPECT_EQ(history.load("")->command, "node up");
    EXPECT_FALSE(history.load("20261123T060000Z-1"));
}

TEST_F(History, keeps_the_newest_fifty) {
    for (int minute = 10; minute < 60; ++minute)
        ASSERT_TRUE(history.save("20261123T04" + std::to_string(minute) + "00Z-1", record()));
    RunRecorder(history, log, "20261123T050000Z-1", record()).finish({});
    const auto names = host.list("/runs");
    ASSERT_TRUE(names);
    EXPECT_EQ(names->size(), 50U);
    EXPECT_EQ(names->front(), "20261123T041100Z-1.json");
    EXPECT_EQ(names->back(), "20261123T050000Z-1.json");
}

TEST_F(History, knows_the_boot_it_ran_in) {
    host.put("/proc/uptime", "14.20 20.00\n");
    host.put("/proc/sys/kernel/random/boot_id", "b3-7\n");
    host.put("/proc/sys/kernel/osrelease", "6.1.0-13-cloud-amd64\n");
    host.put("/run/cloud-init/status.json",
             R"({"v1": {"init-local": {"start": 1004.0, "finished": 1005.5, "errors": []},
                        "init": {"start": null, "finished": null},
                        "modules-config": {"start": 900.0, "finished": 901.0},
                        "modules-final": {"start": 1013.0, "finished": null}, "stage": "modules-final"}})");
    RunRecord now;
    describe_boot(now, host, WallTime(1014200ms));
    EXPECT_EQ(now.since_boot, 14200ms);
    EXPECT_EQ(now.boot_id, "b3-7");
    EXPECT_EQ(now.versions["kernel"], "6.1.0-13-cloud-amd64");
    EXPECT_THAT(now.boot,
                ElementsAre(BootStage{"cloud-init local", 4s, 5500ms}, BootStage{"cloud-init final", 13s, 14200ms}));
}

TEST_F(History, a_machine_without_cloud_init_or_proc_is_no_trouble) {
    RunRecord now;
    describe_boot(now, host, WallTime(1s));
    EXPECT_TRUE(now.boot.empty());
    EXPECT_EQ(now.since_boot, 0s);
}

}  // namespace
}  // namespace nodeboot::cli
