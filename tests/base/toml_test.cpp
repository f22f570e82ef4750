#include "base/toml.hpp"

#include <gtest/gtest.h>

namespace nodeboot {
namespace {

constexpr std::string_view document = R"(version = 3
flag = true
ratio = 1.0
names = ["a", "b \"c\""]

[plugins."io.containerd.cri.v1.runtime"]
cdi = []

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
SystemdCgroup = true

[[mirror]]
host = "a"

[[mirror]]
host = "b"
)";

TEST(Toml, a_document_keeps_its_order_and_text) { EXPECT_EQ(to_toml(*parse_toml(document)), document); }

TEST(Toml, values_know_where_they_stood) {
    const auto parsed = parse_toml("[a]\n  b = 5\n");
    ASSERT_TRUE(parsed);
    const auto& entry = parsed->find("a")->get<TomlTable>()->entries[0];
    EXPECT_EQ(entry.position, (TomlPosition{2, 3}));
    EXPECT_EQ(entry.value.position, (TomlPosition{2, 7}));
}

TEST(Toml, the_first_syntax_error_has_its_place) {
    const auto parsed = parse_toml("a = 1\nb = \n");
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().position.line, 2U);
}

TEST(Toml, characters_beyond_ascii_belong_into_strings_and_comments) {
    EXPECT_TRUE(parse_toml(
        "# é →\na = \"é\\\" →\" # \u2028\nb = \"\"\"\n é\\\n \"\"→\"\"\"\"\n\"é\" = 'ü\\'\nc = '''\n'é'''\n"));
    for (const char* text : {"a = 1\n é = 1", "a = 1\n[é]", "a = 1\n é", "x = {}\n\u00a0b = 2", "a = '' # ü\n → = 1"}) {
        const auto parsed = parse_toml(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().position.line, 2U) << text;
        EXPECT_NE(parsed.error().message.find("beyond ASCII"), std::string::npos) << text;
    }
}

TEST(Toml, merging_replaces_values_and_joins_tables) {
    auto base = *parse_toml("x = [1]\n[t]\na = 1\nb = 1\n");
    merge_toml(base, *parse_toml("x = [2, 3]\n[t]\nb = 2\nc = 3\n[u]\nd = 4\n"));
    EXPECT_EQ(to_toml(base), "x = [2, 3]\n\n[t]\na = 1\nb = 2\nc = 3\n\n[u]\nd = 4\n");
}

TEST(Toml, strings_come_back_as_they_were) {
    const std::string nasty =
        "tab\t quote\" back\\slash\nline \x01 \x7f ünï \u0085\u2028\u2029\ufeff\uffff €\U0001f600";
    const auto parsed = parse_toml("a = " + toml_string(nasty));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(*parsed->find("a")->get<std::string>(), nasty);
}

}  // namespace
}  // namespace nodeboot
