// Expected texts, kept in files under tests/golden/. NODEBOOT_UPDATE_GOLDEN=1 writes them anew; review the diff.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace nodeboot::testing {

std::string read_text(const std::filesystem::path& path);

/// Whether `actual` is what the file below tests/golden/ holds.
::testing::AssertionResult matches_golden(const std::string& actual, const std::filesystem::path& name);

}  // namespace nodeboot::testing
