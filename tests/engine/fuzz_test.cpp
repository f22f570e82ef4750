#include <gtest/gtest.h>

#include "engine/record.hpp"
#include "engine/timeline.hpp"
#include "support/mutator.hpp"

namespace nodeboot {
namespace {

using testing::fuzz;

TEST(FuzzEngine, a_record_of_a_run_is_read_and_drawn_or_refused) {
    RunRecord record;
    record.command = "node up";
    record.node = "n";
    record.versions = {{"nodeboot", "0.1.0"}};
    record.boot = {{"kernel", {}, std::chrono::seconds(2)}};
    record.since_boot = std::chrono::seconds(5);
    record.finished = true;
    PhaseReport phase;
    phase.name = "dns";
    phase.changes.push_back({"a", "b", "c", "d", std::chrono::seconds(1), true});
    phase.error = Error{ErrorKind::timeout, "m", "h", {"c"}};
    record.report.phases = {phase};
    fuzz({to_json(record), to_json(RunRecord{})}, 1500, [](const std::string& text) {
        const auto read = parse_record(text);
        if (!read) {
            EXPECT_EQ(read.error().kind, ErrorKind::corrupted);
            return;
        }
        EXPECT_TRUE(parse_record(to_json(*read)));
    });
    fuzz({"20261123T042000Z-812", "20261123T042000Z-812.json", "x"}, 2000, [](const std::string& name) {
        surplus_records({name, "20261123T042000Z-812", name + "x"}, 1);
    });
}

}  // namespace
}  // namespace nodeboot
