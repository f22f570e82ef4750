#include "support/golden.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "support/paths.hpp"

namespace nodeboot::testing {

std::string read_text(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

::testing::AssertionResult matches_golden(const std::string& actual, const std::filesystem::path& name) {
    const auto path = tests_folder() / "golden" / name;
    if (std::getenv("NODEBOOT_UPDATE_GOLDEN") != nullptr) {
        std::filesystem::create_directories(path.parent_path());
        std::ofstream(path, std::ios::binary) << actual;
        return ::testing::AssertionSuccess() << "written anew";
    }
    if (!std::filesystem::exists(path))
        return ::testing::AssertionFailure() << path << " is missing; NODEBOOT_UPDATE_GOLDEN=1 makes it";
    const std::string expected = read_text(path);
    if (actual == expected) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << path << " holds\n" << expected << "\nbut this came out\n" << actual;
}

}  // namespace nodeboot::testing
