#include "base/quantity.hpp"

#include <gtest/gtest.h>

namespace nodeboot {
namespace {

TEST(Quantity, reads_kubernetes_quantities) {
    const std::pair<const char*, std::int64_t> cases[] = {
        {"100m", 100},         {"2", 2000},     {"0.5", 500},     {"1.5Gi", 1610612736000}, {"150Mi", 157286400000},
        {"1Ki", 1024000},      {"1k", 1000000}, {"1e3", 1000000}, {"2E2", 200000},          {"1e-3", 1},
        {"1G", 1000000000000}, {"0", 0},        {"0.0001", 1},    {"10M", 10000000000},
    };
    for (const auto& [text, thousandths] : cases) {
        const auto parsed = parse_quantity(text);
        ASSERT_TRUE(parsed) << text;
        EXPECT_EQ(parsed->thousandths, thousandths) << text;
    }
}

TEST(Quantity, refuses_other_spellings) {
    for (const char* text : {"", "Mi", "-1", "1.", ".5", "150MB", "150mi", "1 Gi", "1K", "0x10", "1e", "1e99", "1.2.3",
                             "ten", "9999999Ti"})
        EXPECT_FALSE(parse_quantity(text)) << text;
}

}  // namespace
}  // namespace nodeboot
