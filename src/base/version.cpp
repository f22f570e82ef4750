#include "base/version.hpp"

#include <fmt/core.h>

#include <charconv>
#include <tuple>

namespace nodeboot {

bool Version::at_least(unsigned maj, unsigned min, unsigned pat) const {
    return std::tuple(major, minor, patch.value_or(0)) >= std::tuple(maj, min, pat);
}

std::string Version::minor_text() const { return fmt::format("{}.{}", major, minor); }

std::string Version::text() const { return patch ? fmt::format("{}.{}", minor_text(), *patch) : minor_text(); }

Result<Version> parse_version(std::string_view text) {
    std::string_view rest = text;
    if (rest.starts_with('v')) rest.remove_prefix(1);
    unsigned numbers[3] = {};
    int count = 0;
    for (; count < 3; ++count) {
        const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), numbers[count]);
        if (error != std::errc{}) break;
        rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
        if (!rest.starts_with('.') || count == 2) {
            ++count;
            break;
        }
        rest.remove_prefix(1);
    }
    if (count < 2)
        return fail(ErrorKind::invalid_input, fmt::format("'{}' is not a version like 1.35 or v1.35.2", text));
    return Version{numbers[0], numbers[1], count == 3 ? std::optional(numbers[2]) : std::nullopt};
}

}  // namespace nodeboot
