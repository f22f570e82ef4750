#include "base/duration.hpp"

#include <fmt/core.h>

#include <charconv>
#include <cstdint>

namespace nodeboot {
namespace {

struct Unit {
    std::string_view name;
    std::int64_t milliseconds;
};
constexpr Unit units[] = {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}};
constexpr std::int64_t longest = 10LL * 366 * 86'400'000;  // ten years; also keeps nanoseconds far from overflow

tl::unexpected<Error> refuse(std::string_view text) {
    return fail(ErrorKind::invalid_input,
                fmt::format("'{}' is not a duration like \"90s\", \"1h30m\" or \"2d\"", text));
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
    std::int64_t total = 0;
    std::size_t next_unit = 0;
    std::string_view rest = text;
    if (rest.empty()) return refuse(text);
    while (!rest.empty()) {
        std::int64_t number = 0;
        if (rest[0] < '0' || rest[0] > '9') return refuse(text);
        const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
        if (error != std::errc{}) return refuse(text);
        rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
        const std::string_view name = rest.substr(0, rest.find_first_of("0123456789"));
        while (next_unit < std::size(units) && units[next_unit].name != name) ++next_unit;
        if (next_unit == std::size(units)) return refuse(text);
        const std::int64_t unit = units[next_unit++].milliseconds;
        if (number > longest / unit || (total += number * unit) > longest)
            return fail(ErrorKind::invalid_input, fmt::format("'{}' is longer than ten years", text));
        rest.remove_prefix(name.size());
    }
    return std::chrono::milliseconds(total);
}

std::string duration_text(Duration duration) {
    std::int64_t left = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
    std::string out;
    for (const auto& [name, milliseconds] : units) {
        if (left < milliseconds) continue;
        out += fmt::format("{}{}", left / milliseconds, name);
        left %= milliseconds;
    }
    return out.empty() ? "0s" : out;
}

}  // namespace nodeboot
