#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nodeboot {

/// Cutting up the line-and-blank formats of /proc and /etc. Views into the argument: keep it alive.

inline std::string_view trim(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n\v\f";
    const auto first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// What each `end` ends, without it; a last part without one counts, an empty text has none.
inline std::vector<std::string_view> parts_of(std::string_view text, char end) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const auto at = text.find(end);
        parts.push_back(text.substr(0, at));
        text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
    }
    return parts;
}

inline std::vector<std::string_view> lines_of(std::string_view text) { return parts_of(text, '\n'); }

/// What stands between blanks and tabs.
inline std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    for (;;) {
        const auto first = text.find_first_not_of(" \t\r\n");
        if (first == std::string_view::npos) return words;
        text.remove_prefix(first);
        const auto end = text.find_first_of(" \t\r\n");
        words.push_back(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end);
    }
}

template <class Words>
std::string join(const Words& words, std::string_view between) {
    std::string text;
    for (const auto& word : words) {
        if (!text.empty()) text += between;
        text += word;
    }
    return text;
}

/// The value of KEY=value in an environment-like file (/etc/os-release, /run/systemd/netif/links/2), quotes taken
/// off; empty when the key is not there.
inline std::string_view value_of(std::string_view text, std::string_view key) {
    for (const auto line : lines_of(text)) {
        if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != '=') continue;
        auto value = trim(line.substr(key.size() + 1));
        if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front())
            value = value.substr(1, value.size() - 2);
        return value;
    }
    return {};
}

}  // namespace nodeboot
