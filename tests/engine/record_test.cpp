#include "engine/record.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace nodeboot {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

RunRecord example() {
    RunRecord record;
    record.command = "node up";
    record.node = "ip-10-0-1-5";
    record.versions = {{"nodeboot", "0.1.0"}};
    record.boot_id = "b3";
    record.since_boot = 12500ms;
    record.boot = {{"cloud-init local", 4s, 6s}};
    record.finished = true;
    record.report.began = WallTime(std::chrono::sys_days{std::chrono::year{2026} / 11 / 23} + 4h);
    record.report.took = 41200ms;
    PhaseReport phase{
        "sysctl", Outcome::failed, {{"net.ipv4.ip_forward", "0", "1", "set it", 1500us, true}}, 1s, 412us, 2s, 3s, {}};
    phase.error = Error{ErrorKind::timeout, "it does not answer", "look", {"phase sysctl"}};
    record.report.phases = {phase};
    return record;
}

TEST(RunRecord, comes_back_as_it_was_written) {
    const auto record = example();
    const auto again = parse_record(to_json(record));
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_EQ(again->command, record.command);
    EXPECT_EQ(again->node, record.node);
    EXPECT_EQ(again->versions, record.versions);
    EXPECT_EQ(again->boot, record.boot);
    EXPECT_EQ(again->since_boot, record.since_boot);
    EXPECT_EQ(again->report.began, record.report.began);
    EXPECT_EQ(again->report.took, record.report.took);
    const auto& phase = again->report.phases.at(0);
    EXPECT_EQ(phase.outcome, Outcome::failed);
    EXPECT_EQ(phase.planning, 412us);
    EXPECT_EQ(phase.verifying, 3s);
    EXPECT_EQ(phase.changes.at(0).took, 1500us);
    EXPECT_TRUE(phase.changes.at(0).done);
    EXPECT_EQ(phase.error->kind, ErrorKind::timeout);
    EXPECT_EQ(phase.error->message, "phase sysctl: it does not answer");
}

TEST(RunRecord, a_damaged_one_is_refused_and_an_extended_one_is_not) {
    const auto text = to_json(example());
    EXPECT_FALSE(parse_record(""));
    EXPECT_FALSE(parse_record(text.substr(0, text.size() / 2)));
    EXPECT_FALSE(parse_record("{}"));
    EXPECT_FALSE(parse_record("[]"));
    EXPECT_FALSE(parse_record(R"({"format": 2})"));
    EXPECT_FALSE(parse_record(R"({"format": 1, "began": "2026-11-23T04:00:00Z", "phases": [{}]})"));
    EXPECT_TRUE(parse_record(R"({"format": 1, "began": "2026-11-23T04:00:00Z", "phases": [], "new": 1})"));
}

TEST(RunRecord, bytes_that_are_no_text_do_not_break_it) {
    auto record = example();
    record.report.phases[0].error->message = "it printed \xff\xfe";
    EXPECT_TRUE(parse_record(to_json(record)));
}

TEST(ReportJson, has_the_changes_by_phase_and_flat) {
    const auto json = report_json(example().report);
    EXPECT_EQ(json["ok"], false);
    EXPECT_EQ(json["took_ms"], 41200.0);
    EXPECT_EQ(json["phases"][0]["planning_ms"], 0.412);
    EXPECT_EQ(json["phases"][0]["changes"][0]["took_ms"], 1.5);
    EXPECT_EQ(json["phases"][0]["error"]["hint"], "look");
    EXPECT_EQ(json["changes"][0]["phase"], "sysctl");
}

TEST(RunRecord, files_are_named_by_time_and_process_and_the_oldest_go) {
    EXPECT_EQ(run_id(example().report.began, 812), "20261123T040000Z-812");
    const std::vector<std::string> names{
        "20261123T040000Z-812.json", "20261122T040000Z-9.json",     "notes.json", "README",
        "20261124T040000Z-1.json",   ".20261121T040000Z-1.json.tmp"};
    EXPECT_THAT(surplus_records(names, 2), ElementsAre("20261122T040000Z-9.json"));
    EXPECT_THAT(surplus_records(names, 3), IsEmpty());
}

}  // namespace
}  // namespace nodeboot
