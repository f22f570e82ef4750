#include "cli/terminal.hpp"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace nodeboot::cli {
namespace {

std::string_view environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string_view() : std::string_view(value);
}

bool locale_is_utf8() {
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"})
        if (const auto value = environment(name); !value.empty())
            return value.find("UTF-8") != std::string_view::npos || value.find("utf8") != std::string_view::npos;
    return false;
}

/// JOURNAL_STREAM is "device:inode" of the stream; it is inherited by children whose output goes elsewhere
/// (systemd.exec(5)).
bool is_journal(int fd) {
    struct stat info {};
    const auto stream = environment("JOURNAL_STREAM");
    return !stream.empty() && ::fstat(fd, &info) == 0 && stream == fmt::format("{}:{}", info.st_dev, info.st_ino);
}

/// What the terminal says, else the environment, else what is usual.
unsigned extent(unsigned said, const char* variable, unsigned usual) {
    if (said > 0) return said;
    const int wanted = std::atoi(std::string(environment(variable)).c_str());
    return wanted > 0 ? static_cast<unsigned>(wanted) : usual;
}

bool continues_code_point(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

}  // namespace

Terminal detect_terminal(int fd) {
    Terminal terminal;
    terminal.interactive = ::isatty(fd) == 1 && !environment("TERM").empty() && environment("TERM") != "dumb";
    terminal.color = terminal.interactive && environment("NO_COLOR").empty();
    terminal.unicode = locale_is_utf8();
    terminal.journal = is_journal(fd);
    winsize size{};
    if (::ioctl(fd, TIOCGWINSZ, &size) != 0) size = {};
    terminal.width = std::clamp(extent(size.ws_col, "COLUMNS", 80), 40U, 400U);
    terminal.height = std::max(extent(size.ws_row, "LINES", 24), 4U);
    terminal.asked_width = !terminal.interactive && !environment("COLUMNS").empty();
    return terminal;
}

std::size_t text_width(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return !continues_code_point(c); }));
}

std::string shortened(std::string_view text, std::size_t width, bool unicode) {
    if (text_width(text) <= width) return std::string(text);
    const std::string_view mark = unicode ? "…" : "...";
    const std::size_t keep = width - std::min(width, text_width(mark));
    std::size_t end = 0, columns = 0;
    while (end < text.size() && (continues_code_point(text[end]) || columns++ < keep)) ++end;
    return std::string(text.substr(0, end)).append(mark);
}

std::string padded(std::string_view text, std::size_t width) {
    const std::size_t now = text_width(text);
    return std::string(text).append(now < width ? width - now : 0, ' ');
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
    std::vector<std::string> lines(1);
    for (std::size_t begin = 0; begin < text.size();) {
        const auto end = std::min(text.find_first_of(" \n", begin), text.size());
        const auto word = text.substr(begin, end - begin);
        std::string& line = lines.back();
        if (!line.empty() && text_width(line) + 1 + text_width(word) > width)
            lines.emplace_back(word);
        else
            line += (line.empty() || word.empty() ? "" : " ") + std::string(word);
        if (end < text.size() && text[end] == '\n') lines.emplace_back();
        begin = end + 1;
    }
    return lines;
}

std::string printable(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
        out += control && c != '\n' ? ' ' : c;
    }
    return out;
}

}  // namespace nodeboot::cli
