#include "base/json.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace nodeboot {
namespace {

TEST(Json, what_is_no_json_and_what_no_machine_can_hold_is_an_error_and_no_exception) {
    for (const auto* text : {"", "{", "[1,]", "\"\\ud800\"", "\xff", "1e999", "[-1e9999]"})
        EXPECT_EQ(parse_json(text, "it").error().kind, ErrorKind::corrupted) << text;
    EXPECT_TRUE(parse_json("{\"a\":1}", "it"));
}

}  // namespace
}  // namespace nodeboot
