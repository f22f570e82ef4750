#include "system/protobuf.hpp"

#include <gtest/gtest.h>

#include <random>

namespace nodeboot {
namespace {

using namespace std::string_literals;

TEST(Protobuf, the_examples_of_the_specification) {
    EXPECT_EQ(ProtoWriter().add(2, "testing").take(), "\x12\x07testing");
    const std::string bytes =
        "\x08\x96\x01"s
        "\x12\x07testing"s;
    ProtoReader reader(bytes);
    ASSERT_TRUE(reader.next());
    EXPECT_EQ(reader.field(), 1u);
    EXPECT_EQ(reader.number(), 150u);
    ASSERT_TRUE(reader.next());
    EXPECT_EQ(reader.field(), 2u);
    EXPECT_EQ(reader.bytes(), "testing");
    EXPECT_FALSE(reader.next());
    EXPECT_TRUE(reader.ok());
}

TEST(Protobuf, defaults_are_not_written) {
    EXPECT_EQ(ProtoWriter().add(1, "").add_flag(2, false).take(), "");
    EXPECT_EQ(ProtoWriter().add_flag(1, true).take(), "\x08\x01");
}

TEST(Protobuf, long_strings_and_high_field_numbers) {
    const std::string text(300, 'x');
    const auto bytes = ProtoWriter().add(100, text).take();
    EXPECT_EQ(bytes.substr(0, 4), "\xa2\x06\xac\x02"s);
    ProtoReader reader(bytes);
    ASSERT_TRUE(reader.next());
    EXPECT_EQ(reader.field(), 100u);
    EXPECT_EQ(reader.bytes(), text);
}

TEST(Protobuf, fields_of_fixed_size_are_passed_over) {
    const std::string bytes =
        "\x09"s
        "12345678"
        "\x15"s
        "1234"
        "\x1a\x02ok"s;
    ProtoReader reader(bytes);
    ASSERT_TRUE(reader.next());
    EXPECT_EQ(reader.bytes(), "");
    ASSERT_TRUE(reader.next());
    ASSERT_TRUE(reader.next());
    EXPECT_EQ(reader.field(), 3u);
    EXPECT_EQ(reader.bytes(), "ok");
}

TEST(Protobuf, what_ends_too_early_is_not_ok) {
    for (const auto& bytes : {"\x12\x07test"s, "\x12"s, "\x08\x96"s, "\x08"s + std::string(11, '\xff'), "\x0b"s,
                              "\x09"s
                              "123"s,
                              "\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f"s}) {
        ProtoReader reader(bytes);
        while (reader.next()) {
        }
        EXPECT_FALSE(reader.ok());
    }
}

TEST(Protobuf, no_bytes_whatsoever_do_harm) {
    std::mt19937 random(1);  // NOLINT: the same bytes each time
    for (int round = 0; round < 30'000; ++round) {
        std::string bytes(random() % 40, '\0');
        for (char& c : bytes) c = static_cast<char>(random());
        ProtoReader reader(bytes);
        std::size_t read = 0;
        while (reader.next()) read += reader.bytes().size();
        EXPECT_LE(read, bytes.size());
    }
}

}  // namespace
}  // namespace nodeboot
