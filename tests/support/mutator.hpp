#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace nodeboot::testing {

/// What foreign text may look like: good examples, damaged. The same seed gives the same texts on every machine, so that
/// a failure is found again; no coverage is measured, the examples bring the mutations to the interesting places.
class Mutator {
   public:
    Mutator(std::vector<std::string> examples, std::uint64_t seed) : examples_(std::move(examples)), engine_(seed) {}
    std::string next();

   private:
    std::size_t below(std::size_t limit) { return limit == 0 ? 0 : engine_() % limit; }  // the same everywhere
    void damage(std::string& text);

    std::vector<std::string> examples_;
    std::mt19937_64 engine_;
};

/// Gives `check` the examples and then `rounds` damaged ones. A test fails on an exception, on one text that takes five
/// seconds, and with whatever `check` expects; the text is printed as a C string.
void fuzz(const std::vector<std::string>& examples, int rounds, const std::function<void(const std::string&)>& check);

/// As a C string literal could hold it.
std::string quoted(std::string_view bytes);

}  // namespace nodeboot::testing
