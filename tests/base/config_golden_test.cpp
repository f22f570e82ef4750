// Every file of tests/golden/config is a configuration; the .txt beside it is all that is said of it.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/config_load.hpp"
#include "support/golden.hpp"
#include "support/paths.hpp"

namespace nodeboot {
namespace {

std::vector<std::filesystem::path> config_files() {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(testing::tests_folder() / "golden" / "config"))
        if (entry.path().extension() == ".toml") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

std::string all_that_is_said(const LoadedConfig& loaded) {
    std::string text;
    for (const auto& mistake : loaded.mistakes) text += mistake.text() + "\n";
    for (const auto& warning : loaded.warnings) text += "warning: " + warning.text() + "\n";
    return text;
}

class BadConfig : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(BadConfig, is_answered_with_exactly_these_messages) {
    const auto& path = GetParam();
    const auto loaded = load_config({{path.filename().string(), testing::read_text(path)}});
    const std::string said = all_that_is_said(loaded);
    EXPECT_NE(said, "") << "nothing is said about " << path;
    auto golden = std::filesystem::path("config") / path.filename();
    EXPECT_TRUE(testing::matches_golden(said, golden.replace_extension(".txt")));
}

std::string test_name(const ::testing::TestParamInfo<std::filesystem::path>& info) {
    return info.param.stem().string();
}

INSTANTIATE_TEST_SUITE_P(golden, BadConfig, ::testing::ValuesIn(config_files()), test_name);

TEST(BadConfigs, there_are_at_least_forty) { EXPECT_GE(config_files().size(), 40U); }

}  // namespace
}  // namespace nodeboot
