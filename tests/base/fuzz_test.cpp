// Foreign text may be anything: whatever comes in, parsers of base/ answer with a value that keeps its promises, or with
// an error.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/cidr.hpp"
#include "base/config_load.hpp"
#include "base/duration.hpp"
#include "base/encoding.hpp"
#include "base/json.hpp"
#include "base/quantity.hpp"
#include "base/toml.hpp"
#include "base/version.hpp"
#include "base/yaml.hpp"
#include "support/mutator.hpp"
#include "support/paths.hpp"

namespace nodeboot {
namespace {

using testing::fuzz;

std::vector<std::string> files_below(const std::string& folder, const std::string& ending) {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(testing::tests_folder() / folder))
        if (entry.path().extension() == ending) paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    std::vector<std::string> texts;
    for (const auto& path : paths) {
        std::stringstream text;
        text << std::ifstream(path).rdbuf();
        texts.push_back(text.str());
    }
    return texts;
}

TEST(FuzzBase, toml_that_parses_says_the_same_when_it_is_written_and_parsed_again) {
    auto examples = files_below("golden/config", ".toml");
    examples.push_back(
        "a = 1\nb.\"c d\" = [1, 2.5, \"x\\n\", '''y''', true]\n[t]\nk = { i = 1979-05-27T07:32:00Z }\n[[l]]\n[[l]]\n");
    fuzz(examples, 3000, [](const std::string& text) {
        const auto table = parse_toml(text);
        if (!table) return;
        const std::string once = to_toml(*table);
        const auto again = parse_toml(once);
        ASSERT_TRUE(again) << again.error().message << " in\n" << once;
        EXPECT_EQ(to_toml(*again), once);
    });
}

TEST(FuzzBase, a_configuration_is_good_or_its_mistakes_have_a_place) {
    fuzz(files_below("golden/config", ".toml"), 800, [](const std::string& text) {
        const auto loaded = load_config({{"config.toml", text}});
        if (!loaded.ok()) {
            EXPECT_FALSE(loaded.error().text().empty());
            for (const auto& mistake : loaded.mistakes) EXPECT_FALSE(mistake.message.empty());
            return;
        }
        const auto& net = loaded.config.network;
        EXPECT_FALSE(net.pod_cidr.overlaps(net.service_cidr));
        EXPECT_FALSE(loaded.config.cluster.name.empty());
    });
}

TEST(FuzzBase, settings_of_the_command_line_are_refused_or_taken) {
    fuzz({"network.pod_cidr=10.244.0.0/16", "node.labels.a=b", "dns.servers=[\"1.1.1.1\"]", "flannel.enabled=false"},
         1500, [](const std::string& text) { load_config({}, {text}).ok(); });
}

TEST(FuzzBase, yaml_that_parses_says_the_same_when_it_is_written_and_parsed_again) {
    auto examples = files_below("golden/kubeadm", ".yaml");
    for (auto& one : files_below("golden/flannel", ".yaml")) examples.push_back(std::move(one));
    examples.push_back("a: &x 1\nb: *x\n");
    examples.push_back("? complex\n: - |\n   text\n  - >-\n   folded\n   more\n- {a: [1, ~, 0x1f, 0o17, .inf, 1e3]}\n");
    fuzz(examples, 1200, [](const std::string& text) {
        const auto documents = parse_yaml(text);
        if (!documents) return;
        for (const auto& document : *documents) {
            const std::string once = to_yaml(document);
            const auto again = parse_yaml(once);
            ASSERT_TRUE(again) << again.error().text() << " in\n" << once;
            if (document.is_null()) continue;
            ASSERT_EQ(again->size(), 1U) << once;
            EXPECT_EQ(again->front(), document) << once;
        }
    });
}

TEST(FuzzBase, json_of_others_is_looked_into_without_exceptions) {
    fuzz({R"({"items":[{"metadata":{"name":"a","labels":{"b":"c"}},"n":1.5e3,"t":true,"z":null}]})", R"([[[1e999]]])",
          "\"\\ud83d\\ude00\""},
         5000, [](const std::string& text) {
             const auto json = parse_json(text, "it");
             if (!json) return;
             for (const auto& item : json_list(*json, {"items"})) json_string(item, {"metadata", "name"});
             json_string(*json, {"items", "metadata"});
         });
}

TEST(FuzzBase, small_formats_read_back_what_they_print) {
    fuzz({"10.0.0.0/16", "255.255.255.255/32", "0.0.0.0/0"}, 4000, [](const std::string& text) {
        if (const auto cidr = parse_cidr(text)) {
            EXPECT_EQ(parse_cidr(to_string(*cidr)).value(), *cidr);
        }
        if (const auto ip = parse_ipv4(text)) {
            EXPECT_EQ(format_ipv4(*ip), text);
        }
    });
    fuzz({"2026-11-28T02:38:11Z", "2026-11-28T02:38:11.5Z", "1970-01-01T00:00:00Z", "2027-01-01T00:00:00+02:00"}, 4000,
         [](const std::string& text) {
             const auto time = parse_rfc3339(text);
             if (time) {
                 EXPECT_TRUE(parse_rfc3339(format_rfc3339(*time))) << format_rfc3339(*time);
             }
         });
    fuzz({"1h30m", "90s", "250ms", "1h0m0s"}, 4000, [](const std::string& text) {
        if (const auto duration = parse_duration(text)) format_duration(*duration);
    });
    fuzz({"1.35.0", "v1.22.3", "2.1.0~rc.1", "1.7.28"}, 4000, [](const std::string& text) {
        if (const auto version = parse_version(text)) {
            EXPECT_TRUE(parse_version(version->text())) << version->text();
        }
    });
    fuzz({"100m", "1.5Gi", "200Mi", "10%", "1e3"}, 4000,
         [](const std::string& text) { parse_quantity(text).has_value(); });
    fuzz({"aGVsbG8=", "aGVs\nbG8=", "_-8", "%41%zz%"}, 4000, [](const std::string& text) {
        if (const auto bytes = base64_decode(text)) {
            EXPECT_EQ(base64_decode(base64_encode(*bytes)).value(), *bytes);
        }
        if (const auto bytes = base64url_decode(text)) {
            EXPECT_EQ(base64url_encode(*bytes), text);
        }
        EXPECT_EQ(percent_decode(percent_encode(text)), text);
        percent_decode(text);
    });
}

}  // namespace
}  // namespace nodeboot
