#include "base/yaml.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace nodeboot {
namespace {

using Json = nlohmann::ordered_json;

Json only(std::string_view text) {
    auto documents = parse_yaml(text);
    EXPECT_TRUE(documents) << text << ": " << (documents ? "" : documents.error().text());
    if (!documents || documents->size() != 1) return "not one document";
    return documents->front();
}

TEST(Yaml, plain_words_become_the_values_that_kubernetes_reads) {
    const std::vector<std::pair<std::string, Json>> table{
        {"true", true},
        {"False", false},
        {"yes", "yes"},
        {"on", "on"},
        {"~", nullptr},
        {"null", nullptr},
        {"''", ""},
        {"12", 12},
        {"-3", -3},
        {"+4", 4},
        {"0644", 420},
        {"0o17", 15},
        {"0x1F", 31},
        {"0b101", 5},
        {"1_000", 1000},
        {"1.5", 1.5},
        {".5", 0.5},
        {"1e3", 1000.0},
        {"0899", 899.0},
        {"1.2.3", "1.2.3"},
        {"10.0.0.1", "10.0.0.1"},
        {"'12'", "12"},
        {"\"true\"", "true"},
        {"v1.35", "v1.35"},
        {"10m", "10m"},
        {"-", Json::array({nullptr})},
        {"2026-11-23", "2026-11-23"},
        {"1:30", "1:30"},
        {"18446744073709551615", 18446744073709551615ULL},
        {"-9223372036854775808", INT64_MIN},
    };
    for (const auto& [text, value] : table) EXPECT_EQ(only(text).dump(), value.dump()) << text;
}

TEST(Yaml, keys_keep_their_order_and_documents_are_told_apart) {
    auto documents = parse_yaml("---\nz: 1\na: {c: [1, two], b: }\n---\n- x\n---\n");
    ASSERT_TRUE(documents);
    ASSERT_EQ(documents->size(), 3u);
    EXPECT_EQ((*documents)[0].dump(), R"({"z":1,"a":{"c":[1,"two"],"b":null}})");
    EXPECT_EQ((*documents)[1].dump(), R"(["x"])");
    EXPECT_TRUE((*documents)[2].is_null());
}

TEST(Yaml, empty_text_and_comments_hold_no_document) {
    EXPECT_TRUE(parse_yaml("").value().empty());
    EXPECT_TRUE(parse_yaml("# nothing\n").value().empty());
}

TEST(Yaml, what_is_refused_is_named_with_line_and_column) {
    const std::vector<std::pair<std::string, std::string>> table{
        {"a: &x 1\nb: 2\n", "YAML line 1, column 4: anchors (&name) are not accepted"},
        {"a: 1\nb: *a\n", "YAML line 2, column 4: aliases (*name) are not accepted"},
        {"a: !!binary aGk=\n", "YAML line 1, column 4: tags (!name) are not accepted"},
        {"a: 1\na: 2\n", "YAML line 2, column 1: key 'a' is there twice"},
        {"[a]: 1\n", "YAML line 1, column 1: a key must be a plain word"},
        {"a: .inf\n", "YAML line 1, column 4: '.inf' has no JSON value"},
        {"a: [1\nb: 2\n", "YAML line 2, column 2: did not find expected ',' or ']'"},
        {"a:\n\t- b\n", "YAML line 2, column 1: found character that cannot start any token"},
    };
    for (const auto& [text, message] : table) {
        auto documents = parse_yaml(text);
        ASSERT_FALSE(documents) << text;
        EXPECT_EQ(documents.error().message, message);
        EXPECT_EQ(documents.error().kind, ErrorKind::corrupted);
    }
    auto deep = parse_yaml(std::string(5000, '[') + std::string(5000, ']'));
    ASSERT_FALSE(deep);
    EXPECT_NE(deep.error().message.find("nested too deeply"), std::string::npos);
}

TEST(Yaml, writes_block_style_as_kubernetes_files_have_it) {
    const Json value = Json::parse(R"({"apiVersion":"v1","kind":"List","empty":{},"none":[],"nothing":null,
        "items":[{"name":"a","value":"1"},{"args":["--port=6443","-v","2"],"on":true}],
        "nested":[["x","y"],[]],"script":"line 1\n  line 2\n","last":"a\nb","number":1.5,"image":"registry.k8s.io/pause:3.10"})");
    EXPECT_EQ(to_yaml(value), R"(apiVersion: v1
kind: List
empty: {}
none: []
nothing: null
items:
- name: a
  value: "1"
- args:
  - --port=6443
  - -v
  - "2"
  "on": true
nested:
- - x
  - "y"
- []
script: |
  line 1
    line 2
last: |-
  a
  b
number: 1.5
image: registry.k8s.io/pause:3.10
)");
}

TEST(Yaml, strings_survive_a_round_trip_whatever_they_look_like) {
    const std::vector<std::string> table{"",
                                         " ",
                                         "yes",
                                         "No",
                                         "0644",
                                         "0x1f",
                                         "1e3",
                                         ".5",
                                         "1_000",
                                         "12:30:45",
                                         "2026-11-23",
                                         "null",
                                         "~",
                                         "-",
                                         "- a",
                                         "--x",
                                         "---",
                                         "a: b",
                                         "a:b",
                                         "a #b",
                                         "#a",
                                         "[a]",
                                         "{a",
                                         "&a",
                                         "*a",
                                         "!a",
                                         "|",
                                         ">",
                                         "'",
                                         "\"",
                                         "%a",
                                         "@a",
                                         "`a",
                                         "a\tb",
                                         "a\nb",
                                         "\na",
                                         "a\n",
                                         "a\n\n",
                                         "\n",
                                         " a\nb",
                                         "a\n\nb",
                                         "a\n b\n",
                                         "ünïcode",
                                         "\x01",
                                         "a\\b",
                                         ".inf",
                                         "=",
                                         "<<",
                                         "true",
                                         "1.35",
                                         "v1.35",
                                         "trailing ",
                                         "a:",
                                         "0b1",
                                         "+1",
                                         "-1",
                                         "-a",
                                         "a\r\nb",
                                         "\xc2\x85",
                                         "\x7f",
                                         "\xe2\x80\xa8",
                                         "\xe2\x80\xa9",
                                         "\xef\xbb\xbfx",
                                         "\xc2\xa0",
                                         "😀",
                                         "tab\there\nx"};
    Json list = Json::array();
    Json object = Json::object();
    for (const auto& text : table) {
        list.push_back(text);
        object["k" + text] = text;
        if (!text.empty()) object[text] = Json::array({Json{{"deep", text}}});
        EXPECT_EQ(only(to_yaml(Json(text))), Json(text)) << to_yaml(Json(text));
    }
    EXPECT_EQ(only(to_yaml(list)), list) << to_yaml(list);
    EXPECT_EQ(only(to_yaml(object)), object) << to_yaml(object);
}

}  // namespace
}  // namespace nodeboot
