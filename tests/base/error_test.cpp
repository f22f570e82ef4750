#include "base/error.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/result.hpp"

namespace nodeboot {
namespace {

TEST(Error, contexts_stand_before_the_message_outermost_first) {
    Error error{ErrorKind::io, "No such file", "", {}};
    const Error more = std::move(error).with_context("reading /etc/fstab").with_context("phase swap");
    EXPECT_EQ(more.text(), "phase swap: reading /etc/fstab: No such file");
}

TEST(Error, the_innermost_hint_stays) {
    Error error{ErrorKind::io, "x", "", {}};
    const Error more = std::move(error).with_hint("look here").with_hint("look there");
    EXPECT_EQ(more.hint, "look here");
}

TEST(Error, every_kind_has_a_name_of_its_own) {
    std::vector<std::string_view> names;
    for (int kind = 0; kind <= static_cast<int>(ErrorKind::internal); ++kind) {
        names.push_back(to_string(static_cast<ErrorKind>(kind)));
        EXPECT_NE(names.back(), "unknown");
    }
    std::sort(names.begin(), names.end());
    EXPECT_EQ(std::unique(names.begin(), names.end()), names.end());
}

Result<int> half(int number) {
    if (number % 2 != 0) return fail(ErrorKind::invalid_input, "odd");
    return number / 2;
}
Result<int> quarter(int number) { return half(NB_TRY_CONTEXT(half(number), "first half")); }
Result<void> check_even(int number) {
    NB_CHECK_CONTEXT(half(number), "checking");
    return {};
}

TEST(Result, try_gives_the_value_or_leaves_with_the_error) {
    EXPECT_EQ(quarter(8).value(), 2);
    EXPECT_EQ(quarter(3).error().text(), "first half: odd");
    EXPECT_EQ(quarter(6).error().text(), "odd");
    EXPECT_TRUE(check_even(4));
    EXPECT_EQ(check_even(5).error().text(), "checking: odd");
}

}  // namespace
}  // namespace nodeboot
