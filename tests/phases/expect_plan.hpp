#pragma once

#include <gtest/gtest.h>

#include "support/fake_services.hpp"

namespace nodeboot::testing {

/// "subject: from -> to; action", one line a change: what a plan would print.
inline std::vector<std::string> planned(FakeNode& node, const NodePhase& phase) {
    const auto changes = phase.plan(node.host);
    if (!changes) return {"error: " + changes.error().text()};
    std::vector<std::string> lines;
    for (const auto& change : *changes)
        lines.push_back(change.subject + ": " + change.from + " -> " + change.to + "; " + describe(change.action));
    return lines;
}

/// The actions of a plan, as describe() prints them.
inline std::vector<std::string> actions(FakeNode& node, const NodePhase& phase) {
    const auto changes = phase.plan(node.host);
    if (!changes) return {"error: " + changes.error().text()};
    std::vector<std::string> lines;
    for (const auto& change : *changes) lines.push_back(describe(change.action));
    return lines;
}

inline std::string error_of(FakeNode& node, const NodePhase& phase) {
    const auto changes = phase.plan(node.host);
    return changes ? "" : changes.error().text();
}

/// Applies the plan; a second one must be empty. What was done to the machine is in node.host.log.
inline void expect_converges(FakeNode& node, const NodePhase& phase) {
    node.host.log.clear();
    const auto done = node.converge(phase);
    ASSERT_TRUE(done) << done.error().text();
    const auto left = planned(node, phase);
    EXPECT_TRUE(left.empty()) << left.front();
}

/// A unit as systemd shows a running service that also starts at boot.
inline UnitState running_unit(WallTime started = {}) {
    return {.loaded = true, .active = "active", .sub = "running", .file_state = "enabled", .started = started};
}

using Lines = std::vector<std::string>;

}  // namespace nodeboot::testing
