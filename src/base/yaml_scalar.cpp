#include "base/yaml_scalar.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

namespace nodeboot {
namespace {

using Json = nlohmann::ordered_json;

bool digit(char c) { return c >= '0' && c <= '9'; }

template <std::size_t N>
bool one_of(std::string_view text, const std::array<std::string_view, N>& words) {
    return std::find(words.begin(), words.end(), text) != words.end();
}

constexpr std::array<std::string_view, 5> nulls{"", "~", "null", "Null", "NULL"};
constexpr std::array<std::string_view, 3> trues{"true", "True", "TRUE"};
constexpr std::array<std::string_view, 3> falses{"false", "False", "FALSE"};

/// 12, -3, 0x1f, 0o17, 0644 (octal, as Go's ParseInt with base 0 reads file modes), 0b101, 1_000.
std::optional<Json> integer(std::string text) {
    text.erase(std::remove(text.begin(), text.end(), '_'), text.end());
    std::string_view rest = text;
    const bool negative = rest.starts_with('-');
    if (negative || rest.starts_with('+')) rest.remove_prefix(1);
    int base = 10;
    if (rest.size() > 1 && rest[0] == '0') {
        const char mark = rest[1] | 0x20;
        base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
        rest.remove_prefix(mark == 'x' || mark == 'b' || mark == 'o' ? 2 : 1);
    }
    std::uint64_t magnitude = 0;
    const char* end = rest.data() + rest.size();
    const auto [at, error] = std::from_chars(rest.data(), end, magnitude, base);
    if (rest.empty() || at != end || error != std::errc{}) return std::nullopt;
    if (!negative) return magnitude <= INT64_MAX ? Json(static_cast<std::int64_t>(magnitude)) : Json(magnitude);
    if (magnitude > static_cast<std::uint64_t>(INT64_MAX) + 1) return std::nullopt;
    return Json(static_cast<std::int64_t>(-magnitude));
}

/// [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
bool looks_like_float(std::string_view text) {
    std::size_t i = 0;
    const auto digits = [&] {
        const auto start = i;
        while (i < text.size() && digit(text[i])) ++i;
        return i - start;
    };
    if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
    const auto whole = digits();
    std::size_t fraction = 0;
    if (i < text.size() && text[i] == '.') {
        ++i;
        fraction = digits();
    }
    if (whole + fraction == 0) return false;
    if (i < text.size() && (text[i] | 0x20) == 'e') {
        ++i;
        if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
        if (digits() == 0) return false;
    }
    return i == text.size();
}

bool infinite_or_nan(std::string_view text) {
    if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
    return one_of(text, std::array<std::string_view, 6>{".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"});
}

bool plain_character(char c) {
    return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("-_./+@=,;()%^$~ \\").find(c) != std::string_view::npos;
}

std::string lowered(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
    return out;
}

/// Numbers of any notation, dates and times start with a digit, a sign or a dot and contain a digit; whatever is
/// only digits, signs and number letters is quoted without deciding which of them it is.
bool number_like(std::string_view text) {
    const bool starts = digit(text[0]) || ((text[0] == '-' || text[0] == '+' || text[0] == '.') && text.size() > 1);
    if (!starts) return false;
    const auto all_of = [&](std::string_view accepted) {
        return text.find_first_not_of(accepted) == std::string_view::npos;
    };
    return all_of("0123456789_.:eE+-") || all_of("0123456789abcdefABCDEF_xXoO+-") ||
           (text.size() >= 10 && text[4] == '-' && text[7] == '-');
}

bool plain_is_safe(std::string_view text) {
    if (text.empty() || text.front() == ' ' || text.back() == ' ') return false;
    if (std::string_view("-?:,[]{}#&*!|>'\"%@`~=").find(text.front()) != std::string_view::npos) {
        // "-x" and "--flag" are plain; "-" and "- x" are list items.
        const bool dash = text.front() == '-' && text.size() > 1 && text[1] != ' ' && !text.starts_with("---");
        if (!dash) return false;
    }
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool inner_colon = text[i] == ':' && i + 1 < text.size() && text[i + 1] != ' ';
        if (!plain_character(text[i]) && !inner_colon) return false;
    }
    static constexpr std::array<std::string_view, 11> words{"y", "n",    "yes",  "no",    "on", "off",
                                                            "~", "null", "true", "false", "<<"};
    return !one_of(lowered(text), words) && !number_like(text) && !infinite_or_nan(text);
}

/// A JSON string is a YAML double-quoted scalar, but for the line ends and controls that only YAML knows
/// (YAML 1.1, 5.1 and 5.4: NEL, LS, PS, DEL, C1, BOM). Invalid UTF-8 becomes U+FFFD instead of an exception.
std::string quoted(std::string_view text) {
    const std::string json = Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
    std::string out;
    for (std::size_t i = 0; i < json.size(); ++i) {
        const std::string_view rest = std::string_view(json).substr(i);
        const auto byte = static_cast<unsigned char>(json[i]);
        const auto second = static_cast<unsigned char>(rest.size() > 1 ? rest[1] : 0);
        if (byte == 0x7f) {
            out += "\\u007f";
        } else if (byte == 0xc2 && second < 0xa0) {
            out += fmt::format("\\u{:04x}", second);
            i += 1;
        } else if (rest.starts_with("\xe2\x80\xa8") || rest.starts_with("\xe2\x80\xa9")) {
            out += rest[2] == '\xa8' ? "\\u2028" : "\\u2029";
            i += 2;
        } else if (rest.starts_with("\xef\xbb\xbf")) {
            out += "\\ufeff";
            i += 2;
        } else {
            out += json[i];
        }
    }
    return out;
}

bool fits_literal(std::string_view text) {
    if (text.find('\n') == std::string_view::npos || text.front() == ' ' || text.front() == '\n') return false;
    return std::all_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte >= 0x20 && byte < 0x7f) || byte == '\n' || byte == '\t';
    });
}

}  // namespace

std::optional<Json> resolve_plain_scalar(std::string_view text) {
    if (one_of(text, nulls)) return Json(nullptr);
    if (one_of(text, trues)) return Json(true);
    if (one_of(text, falses)) return Json(false);
    if (infinite_or_nan(text)) return std::nullopt;
    if (const char c = text.front(); digit(c) || c == '-' || c == '+' || c == '.') {
        if (auto number = integer(std::string(text))) return number;
        // Neither the locale (never set) nor an exception can interfere: the form was checked.
        if (looks_like_float(text)) {
            const double number = std::strtod(std::string(text).c_str(), nullptr);
            if (number <= 1.7976931348623157e308 && number >= -1.7976931348623157e308) return Json(number);
            return std::nullopt;
        }
    }
    return Json(text);
}

std::string yaml_string(std::string_view text, std::size_t indent) {
    if (plain_is_safe(text)) return std::string(text);
    if (!text.empty() && fits_literal(text)) {
        const bool ends = text.back() == '\n';
        const bool keeps = ends && text.size() > 1 && text[text.size() - 2] == '\n';
        std::string out = keeps ? "|+" : ends ? "|" : "|-";
        if (ends) text.remove_suffix(1);
        for (std::size_t at = 0; at <= text.size();) {
            const auto end = std::min(text.find('\n', at), text.size());
            out += '\n';
            if (end > at) out.append(std::max<std::size_t>(indent, 2), ' ').append(text.substr(at, end - at));
            at = end + 1;
        }
        return out;
    }
    return quoted(text);
}

std::string yaml_key(std::string_view text) { return plain_is_safe(text) ? std::string(text) : quoted(text); }

}  // namespace nodeboot
