// Small value types: addresses, versions, near names, secrets.
#include <gtest/gtest.h>

#include <type_traits>

#include "base/cidr.hpp"
#include "base/nearest.hpp"
#include "base/secret.hpp"
#include "base/version.hpp"

namespace nodeboot {
namespace {

TEST(Cidr, is_read_and_written) {
    for (const auto* text : {"10.0.0.0/16", "0.0.0.0/0", "192.168.1.1/32", "10.96.0.0/12", "128.0.0.0/1"})
        EXPECT_EQ(to_string(parse_cidr(text).value()), text);
}

TEST(Cidr, mistakes_are_named) {
    for (const auto* text : {"", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0/8", "10.0.0.0/8x",
                             "a/8", "::/0", "010.0.0.0/8", "10.0.0.256/32"}) {
        const auto cidr = parse_cidr(text);
        ASSERT_FALSE(cidr) << text;
        EXPECT_EQ(cidr.error().kind, ErrorKind::invalid_input);
        EXPECT_NE(cidr.error().message.find("'" + std::string(text) + "'"), std::string::npos);
    }
}

TEST(Cidr, host_bits_are_refused_and_the_network_is_offered) {
    const auto cidr = parse_cidr("10.0.1.5/16");
    ASSERT_FALSE(cidr);
    EXPECT_EQ(cidr.error().text(), "'10.0.1.5/16' has host bits set");
    EXPECT_EQ(cidr.error().hint, "the network is 10.0.0.0/16");
}

TEST(Cidr, overlap_is_symmetric) {
    struct Case {
        const char *a, *b;
        bool overlap;
    };
    const Case cases[] = {{"10.0.0.0/16", "10.0.0.0/16", true},     {"10.0.0.0/8", "10.244.0.0/16", true},
                          {"10.0.0.0/16", "10.1.0.0/16", false},    {"10.96.0.0/12", "10.111.255.0/24", true},
                          {"10.96.0.0/12", "10.112.0.0/16", false}, {"0.0.0.0/0", "8.8.8.8/32", true}};
    for (const auto& [a, b, overlap] : cases) {
        EXPECT_EQ(parse_cidr(a)->overlaps(*parse_cidr(b)), overlap) << a << " " << b;
        EXPECT_EQ(parse_cidr(b)->overlaps(*parse_cidr(a)), overlap) << a << " " << b;
    }
}

TEST(Cidr, size_and_membership) {
    EXPECT_EQ(parse_cidr("0.0.0.0/0")->size(), std::uint64_t{1} << 32);
    EXPECT_EQ(parse_cidr("10.0.0.4/32")->size(), 1u);
    EXPECT_TRUE(parse_cidr("10.0.0.0/24")->contains(parse_ipv4("10.0.0.255").value()));
    EXPECT_FALSE(parse_cidr("10.0.0.0/24")->contains(parse_ipv4("10.0.1.0").value()));
    EXPECT_EQ(format_ipv4(parse_ipv4("255.1.2.3").value()), "255.1.2.3");
    EXPECT_FALSE(parse_ipv4(std::string_view("255.1.2.3\0x", 11)));
}

TEST(Version, as_others_write_them) {
    struct Case {
        const char *text, *read;
    };
    const Case cases[] = {{"1.35", "1.35"},          {"v1.34.2", "1.34.2"},      {"2.1.5~ds1-2", "2.1.5"},
                          {"1.36.0-rc.1", "1.36.0"}, {"1.7.24~ds1", "1.7.24"},   {"1.34.2-1.1", "1.34.2"},
                          {"v0.28.0", "0.28.0"},     {"2.1.9+unknown", "2.1.9"}, {"1.35+", "1.35"}};
    for (const auto& [text, read] : cases) EXPECT_EQ(parse_version(text).value().text(), read) << text;
    for (const auto* text : {"", "v", "1", "1.", "latest", "v.1", "-1.2", "99999999999.1"})
        EXPECT_FALSE(parse_version(text)) << text;
}

TEST(Version, at_least_compares_numbers_and_not_text) {
    const auto version = parse_version("1.9.10").value();
    EXPECT_TRUE(version.at_least(1, 9, 9));
    EXPECT_TRUE(version.at_least(1, 9, 10));
    EXPECT_FALSE(version.at_least(1, 9, 11));
    EXPECT_FALSE(version.at_least(1, 10));
    EXPECT_TRUE(parse_version("2.0").value().at_least(1, 99, 99));
    EXPECT_TRUE(parse_version("1.35").value().has_minor(1, 35));
    EXPECT_FALSE(parse_version("1.35").value().at_least(1, 35, 1));
}

TEST(Nearest, finds_what_was_meant_and_nothing_far_fetched) {
    const std::vector<std::string> names{"kernel-modules", "sysctl", "swap", "dns", "containerd"};
    EXPECT_EQ(nearest("sysctrl", names), "sysctl");
    EXPECT_EQ(nearest("contianerd", names), "containerd");
    EXPECT_EQ(nearest("kernel_modules", names), "kernel-modules");
    EXPECT_EQ(nearest("swpa", names), "swap");
    EXPECT_EQ(nearest("dn", names), "dns");
    EXPECT_EQ(nearest("something-else", names), "");
    EXPECT_EQ(nearest(std::string(1 << 20, 'x'), names), "");  // at once
    EXPECT_EQ(nearest("swap", names), "swap");
    EXPECT_EQ(nearest("swap", {}), "");
}

TEST(Secret, cannot_be_printed_or_converted) {
    static_assert(!std::is_convertible_v<Secret, std::string>);
    static_assert(!std::is_convertible_v<Secret, std::string_view>);
    static_assert(!std::is_convertible_v<std::string, Secret>);
    EXPECT_EQ(Secret("abc").reveal(), "abc");
}

TEST(Secret, moves_leave_nothing_behind) {
    Secret one(std::string(100, 'x'));
    Secret two(std::move(one));
    EXPECT_TRUE(one.empty());  // NOLINT(bugprone-use-after-move): that is what is asked
    Secret three;
    three = std::move(two);
    EXPECT_TRUE(two.empty());  // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(three.reveal().size(), 100u);
    three = *&three;
    EXPECT_EQ(three.reveal().size(), 100u);
}

TEST(Secret, equality) {
    EXPECT_TRUE(Secret("abc") == Secret("abc"));
    EXPECT_FALSE(Secret("abc") == Secret("abd"));
    EXPECT_FALSE(Secret("abc") == Secret("abcd"));
    EXPECT_TRUE(Secret() == Secret(""));
}

}  // namespace
}  // namespace nodeboot
