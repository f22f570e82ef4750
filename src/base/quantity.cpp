#include "base/quantity.hpp"

#include <fmt/core.h>

#include <charconv>
#include <cmath>

namespace nodeboot {
namespace {

struct Suffix {
    std::string_view name;
    double factor;
};
constexpr Suffix suffixes[] = {{"", 1},
                               {"m", 1e-3},
                               {"k", 1e3},
                               {"M", 1e6},
                               {"G", 1e9},
                               {"T", 1e12},
                               {"P", 1e15},
                               {"Ki", 1024.0},
                               {"Mi", 1048576.0},
                               {"Gi", 1073741824.0},
                               {"Ti", 1099511627776.0}};

tl::unexpected<Error> refuse(std::string_view text) {
    return fail(ErrorKind::invalid_input,
                fmt::format("'{}' is not a quantity like \"100m\", \"150Mi\" or \"2\"", text));
}

bool is_number(std::string_view text) {
    const auto dot = text.find('.');
    const auto whole = text.substr(0, dot);
    const auto part = dot == std::string_view::npos ? std::string_view("0") : text.substr(dot + 1);
    return !whole.empty() && !part.empty() && whole.find_first_not_of("0123456789") == std::string_view::npos &&
           part.find_first_not_of("0123456789") == std::string_view::npos;
}

// "e3" or "E3": decimal exponent. A lone "E" would be exa; nobody gives a node that much.
const char* exponent_end(std::string_view text, int& exponent) {
    if (text.size() < 2 || (text[0] != 'e' && text[0] != 'E')) return nullptr;
    const auto [end, error] = std::from_chars(text.data() + 1, text.data() + text.size(), exponent);
    return error == std::errc{} ? end : nullptr;
}

}  // namespace

Result<Quantity> parse_quantity(std::string_view text) {
    const auto split = text.find_first_not_of("0123456789.");
    const auto number = text.substr(0, split);
    const auto suffix = split == std::string_view::npos ? std::string_view() : text.substr(split);
    if (!is_number(number)) return refuse(text);
    double value = 0;
    std::from_chars(number.data(), number.data() + number.size(), value);

    double factor = -1;
    for (const auto& known : suffixes)
        if (known.name == suffix) factor = known.factor;
    if (int exponent = 0; exponent_end(suffix, exponent) == text.data() + text.size() && std::abs(exponent) < 19)
        factor = std::pow(10.0, exponent);
    if (factor < 0) return refuse(text);

    const double thousandths = std::ceil(value * factor * 1000.0 - 1e-6);  // Kubernetes rounds up, too
    if (thousandths > 9e18) return fail(ErrorKind::invalid_input, fmt::format("'{}' is too large", text));
    return Quantity{static_cast<std::int64_t>(thousandths)};
}

}  // namespace nodeboot
