#include "base/encoding.hpp"

#include <gtest/gtest.h>

namespace nodeboot {
namespace {

TEST(Encoding, base64_follows_the_vectors_of_rfc_4648) {
    const std::vector<std::pair<std::string, std::string>> table{{"", ""},
                                                                 {"f", "Zg=="},
                                                                 {"fo", "Zm8="},
                                                                 {"foo", "Zm9v"},
                                                                 {"foob", "Zm9vYg=="},
                                                                 {"fooba", "Zm9vYmE="},
                                                                 {"foobar", "Zm9vYmFy"}};
    for (const auto& [bytes, text] : table) {
        EXPECT_EQ(base64_encode(bytes), text);
        EXPECT_EQ(base64_decode(text).value(), bytes);
    }
    EXPECT_EQ(base64_decode("Zm9v\nYmFy\n").value(), "foobar");
}

TEST(Encoding, broken_base64_is_an_error_that_quotes_nothing) {
    for (const auto* text : {"Zg=", "Zg", "Z===", "====", "Zm9v!", "Zg==Zg==", "Zm 9v", "Zh=="}) {
        const auto decoded = base64_decode(text);
        ASSERT_FALSE(decoded) << text;
        EXPECT_EQ(decoded.error().text().find(text), std::string::npos);
    }
}

TEST(Encoding, base64url_has_no_padding_and_its_own_letters) {
    const std::string bytes("\xfb\xff\xfe\x01", 4);
    EXPECT_EQ(base64url_encode(bytes), "-__-AQ");
    EXPECT_EQ(base64url_decode("-__-AQ").value(), bytes);
    EXPECT_FALSE(base64url_decode("+//+AQ"));
    EXPECT_FALSE(base64url_decode("-__-\nAQ"));
}

TEST(Encoding, hex_and_percent) {
    EXPECT_EQ(to_hex(std::string("\x00\xff\x10", 3)), "00ff10");
    EXPECT_EQ(percent_encode("a b/ü~"), "a%20b%2F%C3%BC~");
    EXPECT_EQ(percent_encode("a b/c", "/"), "a%20b/c");
    EXPECT_EQ(percent_decode("a%20b%2f%zz%4"), "a b/%zz%4");
}

}  // namespace
}  // namespace nodeboot
