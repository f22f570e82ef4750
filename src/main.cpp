#include <fmt/core.h>

#include "version.hpp"

int main() { fmt::print("nodeboot {} ({})\n", nodeboot::version(), nodeboot::git_commit()); }
