#include "base/encoding.hpp"

#include <array>
#include <cstdint>

namespace nodeboot {
namespace {

constexpr std::string_view base64_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool unreserved(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

}  // namespace

std::string to_hex(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
    return out;
}

std::string base64_encode(std::string_view bytes) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k)
            group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
        for (std::size_t k = 0; k < 4; ++k)
            out += i + k <= bytes.size() ? base64_alphabet[group >> (18 - 6 * k) & 63] : '=';
    }
    return out;
}

Result<std::string> base64_decode(std::string_view text) {
    std::string out;
    std::uint32_t group = 0;
    unsigned sextets = 0, padding = 0;
    for (const char c : text) {
        if (c == '\n' || c == '\r') continue;
        const auto at = c == '=' ? 0 : base64_alphabet.find(c);
        if (c == '=') ++padding;
        if (at == std::string_view::npos || (padding > 0 && c != '=') || padding > 2 || (padding > 0 && sextets < 2))
            return fail(ErrorKind::corrupted, "not valid base64");
        group = group << 6 | static_cast<std::uint32_t>(at);
        if (++sextets == 4) {
            const std::uint32_t left_over = (std::uint32_t{1} << 8 * padding) - 1;  // bits that make no byte
            if ((group & left_over) != 0) return fail(ErrorKind::corrupted, "not valid base64");
            for (unsigned k = 0; k < 3 - padding; ++k) out += static_cast<char>(group >> (16 - 8 * k) & 255);
            group = 0;
            sextets = 0;
        }
    }
    if (sextets != 0) return fail(ErrorKind::corrupted, "base64 breaks off");
    return out;
}

std::string base64url_encode(std::string_view bytes) {
    std::string out = base64_encode(bytes);
    while (!out.empty() && out.back() == '=') out.pop_back();
    for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
    return out;
}

Result<std::string> base64url_decode(std::string_view text) {
    std::string standard(text);
    for (char& c : standard) {
        const bool of_the_other = std::string_view("+/=\r\n").find(c) != std::string_view::npos;
        c = c == '-' ? '+' : c == '_' ? '/' : of_the_other ? '!' : c;
    }
    while (standard.size() % 4 != 0) standard += '=';
    return base64_decode(standard);
}

std::string percent_encode(std::string_view bytes, std::string_view keep) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (unreserved(c) || keep.find(c) != std::string_view::npos) {
            out += c;
        } else {
            out += '%';
            out += digits[byte >> 4];
            out += digits[byte & 15];
        }
    }
    return out;
}

std::string percent_decode(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool escape =
            text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0;
        if (escape) {
            out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
            i += 2;
        } else {
            out += text[i];
        }
    }
    return out;
}

}  // namespace nodeboot
