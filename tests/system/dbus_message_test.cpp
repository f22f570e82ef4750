#include "system/dbus_message.hpp"

#include <gtest/gtest.h>

#include <random>

namespace nodeboot {
namespace {

using namespace std::string_literals;

// Recorded from systemd 257: the answer to Properties.Get(Unit, ActiveState), and to GetUnitFileState of no file.
const std::string active_reply =
    "l\x02\x01\x01\x0f\x00\x00\x00\x01\x00\x00\x00\x37\x00\x00\x00"
    "\x05\x01u\x00\x01\x00\x00\x00"
    "\x07\x01s\x00\x18\x00\x00\x00org.freedesktop.systemd1\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x08\x01g\x00\x01v\x00\x00"
    "\x01s\x00\x00\x06\x00\x00\x00"
    "active\x00"s;
const std::string no_file_reply =
    "l\x03\x01\x01\x1e\x00\x00\x00\x02\x00\x00\x00g\x00\x00\x00"
    "\x05\x01u\x00\x02\x00\x00\x00"
    "\x04\x01s\x00'\x00\x00\x00org.freedesktop.DBus.Error.FileNotFound\x00"
    "\x07\x01s\x00\x18\x00\x00\x00org.freedesktop.systemd1\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x08\x01g\x00\x01s\x00\x00"
    "\x19\x00\x00\x00No such file or directory\x00"s;

std::string reply(const std::string& signature, const std::string& body) {
    std::string fields =
        "\x05\x01u\x00\x09\x00\x00\x00\x08\x01g\x00"s + static_cast<char>(signature.size()) + signature + '\0';
    std::string bytes = "l\x02\x01\x01"s + static_cast<char>(body.size()) + "\0\0\0\x07\0\0\0"s +
                        static_cast<char>(fields.size()) + "\0\0\0"s + fields;
    bytes.resize((bytes.size() + 7) / 8 * 8, '\0');
    return bytes + body;
}

TEST(DbusMessage, a_call_without_arguments_is_what_the_specification_says) {
    const auto bytes =
        marshal({"/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", {}}, "org.freedesktop.DBus", 1);
    const std::string expected =
        "l\x01\x00\x01\x00\x00\x00\x00\x01\x00\x00\x00\x6d\x00\x00\x00"
        "\x01\x01o\x00\x15\x00\x00\x00/org/freedesktop/DBus\x00\x00\x00"
        "\x02\x01s\x00\x14\x00\x00\x00org.freedesktop.DBus\x00\x00\x00\x00"
        "\x03\x01s\x00\x05\x00\x00\x00Hello\x00\x00\x00"
        "\x06\x01s\x00\x14\x00\x00\x00org.freedesktop.DBus\x00\x00\x00\x00"s;
    EXPECT_EQ(bytes, expected);
}

TEST(DbusMessage, arguments_follow_with_their_signature) {
    const auto bytes = marshal({"/x", "a.b", "Get", {"one", "two22"}}, "", 7);
    EXPECT_NE(bytes.find("\x08\x01g\x00\x02ss\x00"s), std::string::npos);
    EXPECT_TRUE(bytes.ends_with("\x03\x00\x00\x00one\x00\x05\x00\x00\x00two22\x00"s));
    EXPECT_EQ(message_size(bytes).value(), bytes.size());
}

TEST(DbusMessage, arguments_can_be_one_list) {
    const auto bytes = marshal({"/x", "a.b", "List", {"one", "two22"}, true}, "", 7);
    EXPECT_NE(bytes.find("\x08\x01g\x00\x02"
                         "as\x00"s),
              std::string::npos);
    EXPECT_TRUE(bytes.ends_with("\x12\0\0\0\x03\0\0\0one\0\x05\0\0\0two22\0"s));
}

TEST(DbusMessage, the_strings_that_begin_a_structure) {
    const auto row = reply("a(ssu)", "\x15\0\0\0\0\0\0\0\x02\0\0\0ab\0\0\x01\0\0\0c\0\0\0\x07\0\0\0"s);
    const auto message = parse_message(row).value();
    EXPECT_EQ(first_strings(message, 1).value(), std::vector<std::string>{"ab"});
    EXPECT_EQ(first_strings(message, 5).value(), (std::vector<std::string>{"ab", "c"}));
    EXPECT_TRUE(first_strings(parse_message(reply("a(ssu)", "\0\0\0\0"s)).value(), 2).value().empty());
    EXPECT_FALSE(first_strings(parse_message(reply("a(ssu)", "\x15\0\0\0\0\0\0\0\x09\0\0\0ab\0"s)).value(), 1));
    EXPECT_FALSE(first_strings(parse_message(reply("s", "\x02\0\0\0ok\0"s)).value(), 1));
}

TEST(DbusMessage, an_answer_of_systemd_is_understood) {
    ASSERT_EQ(message_size(active_reply).value(), active_reply.size());
    const auto message = parse_message(active_reply).value();
    EXPECT_EQ(message.type, DbusMessage::Type::reply);
    EXPECT_EQ(message.reply_serial, 1u);
    EXPECT_EQ(std::get<std::string>(first_value(message).value()), "active");
}

TEST(DbusMessage, values_of_each_type_that_is_asked_for) {
    struct Case {
        std::string signature, body;
        DbusValue value;
    };
    const Case cases[] = {
        {"s", "\x02\0\0\0ok\0"s, "ok"s},
        {"b", "\x01\0\0\0"s, true},
        {"v",
         "\x01"
         "b\0\0\0\0\0\0"s,
         false},
        {"v", "\x01t\0\0\0\0\0\0\x15\xcd\x5b\x07\0\0\0\0"s, std::uint64_t{123456789}},
        {"u", "\xff\xff\xff\xff"s, std::uint64_t{0xffffffff}},
    };
    for (const auto& [signature, body, value] : cases) {
        const auto message = parse_message(reply(signature, body)).value();
        EXPECT_EQ(first_value(message).value(), value) << signature;
    }
}

TEST(DbusMessage, an_error_has_a_name_and_a_text) {
    const auto message = parse_message(no_file_reply).value();
    EXPECT_EQ(message.type, DbusMessage::Type::error);
    EXPECT_EQ(message.error_name, "org.freedesktop.DBus.Error.FileNotFound");
    EXPECT_EQ(std::get<std::string>(first_value(message).value()), "No such file or directory");
}

TEST(DbusMessage, how_long_a_message_is_shows_after_16_bytes) {
    for (std::size_t n = 0; n < 16; ++n) EXPECT_EQ(message_size(active_reply.substr(0, n)).value(), std::nullopt);
    EXPECT_EQ(message_size(active_reply.substr(0, 16)).value(), active_reply.size());
}

TEST(DbusMessage, malformed_headers_are_refused) {
    auto changed = [](std::size_t at, char to) {
        std::string bytes = active_reply;
        bytes[at] = to;
        return bytes;
    };
    EXPECT_FALSE(message_size(changed(0, 'B')));
    EXPECT_FALSE(message_size(changed(3, 2)));
    EXPECT_FALSE(message_size(changed(7, '\x7f')));   // a body of 2 GiB
    EXPECT_FALSE(message_size(changed(15, '\x7f')));  // as many header fields
    EXPECT_FALSE(parse_message(changed(4, 3)));       // not as long as it says
    EXPECT_FALSE(parse_message(changed(17, 2)));      // a signature of two characters
    EXPECT_FALSE(parse_message(changed(18, 'a')));    // an array
    EXPECT_FALSE(parse_message(""));
}

TEST(DbusMessage, no_bytes_whatsoever_do_harm) {
    std::mt19937 random(1);  // NOLINT: the same bytes each time
    for (int round = 0; round < 30'000; ++round) {
        std::string bytes = round % 3 == 0   ? active_reply
                            : round % 3 == 1 ? no_file_reply
                                             : reply("v", "\x01t\0\0\0\0\0\0\x15\xcd\x5b\x07\0\0\0\0"s);
        for (int n = static_cast<int>(random() % 4); n >= 0; --n)
            bytes[random() % bytes.size()] = static_cast<char>(random());
        if (random() % 4 == 0) bytes.resize(random() % (bytes.size() + 1));
        if (const auto message = parse_message(bytes)) {
            static_cast<void>(first_value(*message).has_value());
            static_cast<void>(first_strings(*message, 5).has_value());
        }
        static_cast<void>(message_size(bytes).has_value());
    }
}

TEST(DbusMessage, unit_names_become_object_paths) {
    EXPECT_EQ(unit_path("kubelet.service"), "/org/freedesktop/systemd1/unit/kubelet_2eservice");
    EXPECT_EQ(unit_path("dev-disk-by\\x2duuid.swap"),
              "/org/freedesktop/systemd1/unit/dev_2ddisk_2dby_5cx2duuid_2eswap");
    EXPECT_EQ(unit_path("0a.mount"), "/org/freedesktop/systemd1/unit/_30a_2emount");
}

}  // namespace
}  // namespace nodeboot
