// Damaged configurations: whatever the bytes, loading ends, and says something or gives a Config that may be shown.
#include <gtest/gtest.h>

#include <random>

#include "base/config_load.hpp"
#include "base/config_print.hpp"
#include "support/golden.hpp"
#include "support/paths.hpp"

namespace nodeboot {
namespace {

void load_and_show(const std::string& text) {
    const auto loaded = load_config({{"damaged.toml", text}});
    if (loaded.ok()) {
        const auto again = load_config({{"shown.toml", show_config(loaded, ShowOrigins::no)}});
        EXPECT_TRUE(again.ok()) << text << "\n" << again.error().message;
    }
    for (const auto& mistake : loaded.mistakes) EXPECT_FALSE(mistake.message.empty());
}

TEST(DamagedConfig, ends_in_mistakes_or_in_a_config_that_can_be_shown) {
    std::mt19937 random(20261123);
    for (const auto& entry : std::filesystem::directory_iterator(testing::tests_folder() / "golden" / "config")) {
        if (entry.path().extension() != ".toml") continue;
        const std::string good = testing::read_text(entry.path());
        for (int round = 0; round < 20; ++round) {
            std::string text = good;
            for (unsigned damage = random() % 3 + 1; damage > 0 && !text.empty(); --damage) {
                const auto at = random() % text.size();
                switch (random() % 3) {
                    case 0: text[at] = static_cast<char>(random()); break;
                    case 1: text.erase(at, random() % 5 + 1); break;
                    default: text.insert(at, text.substr(random() % text.size(), 7));
                }
            }
            load_and_show(text);
        }
    }
}

TEST(DamagedConfig, deep_nesting_is_a_mistake_and_no_crash) {
    const std::string deep = "[node]\nlabels = " + std::string(5000, '{') + "\n";
    EXPECT_FALSE(load_config({{"deep.toml", deep}}).ok());
    EXPECT_FALSE(load_config({{"deep.toml", "x = " + std::string(5000, '[')}}).ok());
}

}  // namespace
}  // namespace nodeboot
