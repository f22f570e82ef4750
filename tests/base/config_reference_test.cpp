#include <gtest/gtest.h>

#include <set>

#include "base/config_load.hpp"
#include "base/config_print.hpp"
#include "base/config_schema.hpp"
#include "support/golden.hpp"
#include "support/paths.hpp"

namespace nodeboot {
namespace {

TEST(ConfigReference, equals_docs_configuration_md) {
    // tests/golden/../../docs: regenerated like any golden file.
    EXPECT_TRUE(testing::matches_golden(config_reference(), "../../docs/configuration.md"));
}

TEST(ConfigSchema, keys_are_unique_and_stand_in_known_sections) {
    std::set<std::string_view> sections, keys;
    for (const auto& section : config_sections()) EXPECT_TRUE(sections.insert(section.name).second);
    for (const auto& setting : config_settings()) {
        EXPECT_TRUE(keys.insert(setting.key).second) << setting.key;
        EXPECT_TRUE(sections.contains(setting.section())) << setting.key;
        EXPECT_EQ(setting.name().find('.'), std::string_view::npos) << setting.key;
    }
}

TEST(ConfigSchema, defaults_pass_their_own_checks) {
    for (const auto& setting : config_settings()) {
        const Config defaults;
        const TomlValue value = setting.get(defaults);
        const auto* text = value.get<std::string>();
        if (text != nullptr && text->empty() && (setting.limits.most != 0 || setting.key == "containerd.extra_config"))
            continue;
        Config config;
        const auto problems = setting.set(setting, config, value);
        EXPECT_TRUE(problems.empty()) << setting.key << ": " << problems[0].message;
        EXPECT_EQ(to_toml(setting.get(config)), to_toml(value)) << setting.key;
    }
}

TEST(ConfigSchema, examples_are_right) {
    for (const auto& setting : config_settings()) {
        const bool shows_nothing = !setting.when_empty.empty();
        EXPECT_EQ(shows_nothing, !setting.example.empty()) << setting.key << ": an empty default wants an example";
        if (setting.example.empty()) continue;
        const auto parsed = parse_toml("value = " + std::string(setting.example));
        ASSERT_TRUE(parsed) << setting.key;
        Config config;
        const auto problems = setting.set(setting, config, *parsed->find("value"));
        EXPECT_TRUE(problems.empty()) << setting.key << ": " << problems[0].message;
        EXPECT_NE(to_toml(setting.get(config)), to_toml(setting.get(Config{})))
            << setting.key << ": reading it changed nothing";
    }
}

TEST(ConfigSchema, every_setting_changes_a_field_of_its_own) {
    // Two rows bound to one field would load and show each other's value.
    for (const auto& setting : config_settings()) {
        if (setting.example.empty()) continue;
        Config config;
        static_cast<void>(
            setting.set(setting, config, *parse_toml("value = " + std::string(setting.example))->find("value")));
        for (const auto& other : config_settings()) {
            const bool changed = to_toml(other.get(config)) != to_toml(other.get(Config{}));
            EXPECT_EQ(changed, other.key == setting.key) << setting.key << " and " << other.key;
        }
    }
}

}  // namespace
}  // namespace nodeboot
