#include "support/mutator.hpp"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <ctime>

namespace nodeboot::testing {
namespace {

using namespace std::string_view_literals;

// What parsers stumble over: separators, quotes, escapes, ends, numbers at the edge, bytes that are no UTF-8.
constexpr std::array pieces{
    "\n"sv,
    "\r\n"sv,
    "\0"sv,
    " "sv,
    "\t"sv,
    "="sv,
    ":"sv,
    "\""sv,
    "'"sv,
    "\\"sv,
    "#"sv,
    ";"sv,
    ","sv,
    "."sv,
    "/"sv,
    "../"sv,
    "["sv,
    "]"sv,
    "{"sv,
    "}"sv,
    "<"sv,
    ">"sv,
    "&"sv,
    "%"sv,
    "%zz"sv,
    "%00"sv,
    "-"sv,
    "-1"sv,
    "0"sv,
    "08"sv,
    "1e999"sv,
    "\xff"sv,
    "\xc3"sv,
    "ä"sv,
    "null"sv,
    "true"sv,
    "[[["sv,
    "{{{"sv,
    "---\n"sv,
    "- "sv,
    "|"sv,
    "<!--"sv,
    "]]>"sv,
    "&#x0;"sv,
    "\x7f"sv,
    "@"sv,
    "?"sv,
    "//"sv,
    "::"sv,
    "\\040"sv,
    "\\x41"sv,
    "\\u0000"sv,
    "99999999999999999999"sv,
    "4294967295"sv,
    "-9223372036854775808"sv,
    "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"sv,
    "\xff\xff\xff\xff"sv,
};

}  // namespace

std::string Mutator::next() {
    std::string text = examples_[below(examples_.size())];
    for (std::size_t i = 1 + below(4); i > 0; --i) damage(text);
    return text;
}

void Mutator::damage(std::string& text) {
    const std::size_t at = below(text.size() + 1);
    const std::size_t length = std::min(text.size() - at, 1 + below(below(8) == 0 ? 200 : 12));
    switch (below(9)) {
        case 0:
            if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
            break;
        case 1:
            if (at < text.size()) text[at] = static_cast<char>(below(256));
            break;
        case 2: text.erase(at, length); break;
        case 3: text.insert(at, text.substr(at, length)); break;
        case 4: text.insert(at, pieces[below(pieces.size())]); break;
        case 5: text.replace(at, length, pieces[below(pieces.size())]); break;
        case 6: text.resize(at); break;
        case 7: {  // the end of another
            const auto& other = examples_[below(examples_.size())];
            text = text.substr(0, at) + other.substr(below(other.size() + 1));
            break;
        }
        default: {  // the same again and again: depth, or length
            const std::string piece =
                length > 0 && below(2) == 0 ? text.substr(at, length) : std::string(pieces[below(pieces.size())]);
            std::string many;
            for (std::size_t i = below(below(4) == 0 ? 2000 : 20); i > 0; --i) many += piece;
            text.insert(at, many);
        }
    }
    if (text.size() > (std::size_t{1} << 16)) text.resize(std::size_t{1} << 16);
}

void fuzz(const std::vector<std::string>& examples, int rounds, const std::function<void(const std::string&)>& check) {
    constexpr std::uint64_t seed = 20261128;
    Mutator mutator(examples, seed);
    for (int round = -static_cast<int>(examples.size()); round < rounds; ++round) {
        const std::string text = round < 0 ? examples[static_cast<std::size_t>(-round) - 1] : mutator.next();
        const auto start = std::clock();  // of the processor: a machine that is busy with others' work is not slow code
        try {
            check(text);
        } catch (const std::exception& e) {
            ADD_FAILURE() << "exception: " << e.what();
        }
        EXPECT_LT(std::clock() - start, 5 * CLOCKS_PER_SEC) << "far too slow";
        if (!::testing::Test::HasFailure()) continue;
        ADD_FAILURE() << "round " << round << ": " << quoted(text);
        return;
    }
}

std::string quoted(std::string_view bytes) {
    std::string out = "\"";
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\')
            out += std::string("\\") + c;
        else if (c == '\n')
            out += "\\n";
        else if (byte < 0x20 || byte >= 0x7f)
            out += fmt::format("\\{:03o}", byte);
        else
            out += c;
    }
    return out + '"';
}

}  // namespace nodeboot::testing
