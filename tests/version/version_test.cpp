#include "version.hpp"

#include <gmock/gmock.h>

namespace nodeboot {
namespace {

TEST(Version, is_three_numbers) { EXPECT_THAT(version(), ::testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+")); }

TEST(Version, names_where_it_was_built_from) { EXPECT_FALSE(git_commit().empty()); }

}  // namespace
}  // namespace nodeboot
