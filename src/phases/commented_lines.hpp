#pragma once

#include <string>
#include <string_view>

#include "base/lines.hpp"

namespace nodeboot {

/// Lines of somebody else's file that nodeboot takes out of force, and gives back: they stay where they are, behind a
/// comment that says who did it. Every other byte stays.

inline constexpr std::string_view comment_mark = "# nodeboot: ";

template <class Unwanted>
std::string with_lines_commented(std::string_view text, Unwanted unwanted) {
    std::string out;
    for (const auto line : lines_of(text)) {
        if (unwanted(line)) out += comment_mark;
        out += line;
        out += '\n';
    }
    if (!text.ends_with('\n') && !out.empty()) out.pop_back();
    return out;
}

inline std::string with_lines_restored(std::string_view text) {
    std::string out;
    for (auto line : lines_of(text)) {
        while (line.starts_with(comment_mark)) line.remove_prefix(comment_mark.size());
        out += line;
        out += '\n';
    }
    if (!text.ends_with('\n') && !out.empty()) out.pop_back();
    return out;
}

}  // namespace nodeboot
