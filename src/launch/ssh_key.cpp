#include "launch/ssh_key.hpp"

#include <fmt/core.h>
#include <openssl/evp.h>

#include <array>
#include <memory>

#include "base/encoding.hpp"
#include "net/sha256.hpp"

namespace nodeboot {
namespace {

constexpr std::string_view begin_line = "-----BEGIN OPENSSH PRIVATE KEY-----";
constexpr std::string_view end_line = "-----END OPENSSH PRIVATE KEY-----";
constexpr std::string_view magic{"openssh-key-v1\0", 15};
constexpr std::size_t line_length = 70;
constexpr std::size_t cipher_block = 8;  // of "none", by which the private part is padded

std::string number(std::size_t value) {
    std::string out;
    for (const unsigned shift : {24U, 16U, 8U, 0U}) out += static_cast<char>(value >> shift & 0xff);
    return out;
}
/// RFC 4251, section 5: a string is its length in four bytes, and its bytes.
std::string string_of(std::string_view text) { return number(text.size()).append(text); }

/// Takes a string off the front of `bytes`; nothing when it is cut off.
std::optional<std::string_view> take_string(std::string_view& bytes) {
    if (bytes.size() < 4) return std::nullopt;
    std::size_t length = 0;
    for (int i = 0; i < 4; ++i) length = length << 8 | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
    bytes.remove_prefix(4);
    if (bytes.size() < length) return std::nullopt;
    const auto text = bytes.substr(0, length);
    bytes.remove_prefix(length);
    return text;
}

std::string_view next_word(std::string_view& text) {
    constexpr std::string_view blank = " \t\r\n";
    text.remove_prefix(std::min(text.find_first_not_of(blank), text.size()));
    const auto word = text.substr(0, std::min(text.find_first_of(blank), text.size()));
    text.remove_prefix(word.size());
    return word;
}

tl::unexpected<Error> unusable(std::string_view why) {
    return fail(
        ErrorKind::invalid_input, fmt::format("SSH public key: {}", why),
        "EC2 takes ed25519 and RSA keys, as ssh-keygen writes them into a .pub file: ssh-ed25519 AAAA… comment");
}

/// The type that stands inside a public key's blob must be the one before it.
Result<SshPublicKey> checked(std::string type, std::string_view raw, std::string comment) {
    std::string_view rest = raw;
    const auto inner = take_string(rest);
    const auto first = take_string(rest);
    const bool whole =
        inner && *inner == type && first && (type != "ssh-ed25519" || (first->size() == 32 && rest.empty()));
    if (!whole) return unusable("the key is damaged");
    return SshPublicKey{std::move(type), base64_encode(raw), std::move(comment)};
}

Result<std::string> raw_public_key(const Secret& seed) {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr,
                                     reinterpret_cast<const unsigned char*>(seed.reveal().data()),
                                     seed.reveal().size()),
        &EVP_PKEY_free);
    std::array<unsigned char, 32> raw{};
    std::size_t size = raw.size();
    if (key == nullptr || EVP_PKEY_get_raw_public_key(key.get(), raw.data(), &size) != 1)
        return fail(ErrorKind::internal, "OpenSSL made no ed25519 key");
    return std::string(raw.begin(), raw.end());
}

}  // namespace

std::string SshPublicKey::fingerprint() const {
    std::string digest = base64_encode(sha256_raw(base64_decode(blob).value_or("")));
    digest.erase(digest.find_last_not_of('=') + 1);
    return "SHA256:" + digest;
}

Result<SshPublicKey> parse_ssh_public_key(std::string_view text) {
    if (text.find("PRIVATE KEY") != std::string_view::npos)
        return unusable("this is a private key; the .pub file is meant");
    std::string type(next_word(text));
    const auto blob = next_word(text);
    const auto line_end = text.find('\n');
    const auto comment = text.substr(0, line_end);
    if (line_end != std::string_view::npos && text.find_first_not_of(" \t\r\n", line_end) != std::string_view::npos)
        return unusable("there is more than one line");
    if (type != "ssh-ed25519" && type != "ssh-rsa")
        return unusable(type.empty() ? "there is none"
                                     : fmt::format("'{}' is no type that EC2 takes", type.substr(0, 40)));
    const auto raw = base64_decode(blob);
    if (!raw) return unusable("the key is damaged");
    std::string_view rest = comment;
    return checked(std::move(type), *raw, std::string(next_word(rest)));
}

Result<SshKeyPair> make_ssh_key(const Secret& seed, const Secret& check, const std::string& comment) {
    const std::string raw = NB_TRY(raw_public_key(seed));
    const std::string type = "ssh-ed25519";
    const std::string blob = string_of(type) + string_of(raw);
    // Not grown piece by piece: each growth would leave a copy of the seed behind.
    std::string hidden;
    hidden.reserve(512 + comment.size());
    hidden.append(check.reveal()).append(check.reveal()).append(blob);
    hidden.append(number(64)).append(seed.reveal()).append(raw).append(string_of(comment));
    for (char pad = 1; hidden.size() % cipher_block != 0; ++pad) hidden += pad;
    const Secret private_part(std::move(hidden));
    const Secret whole(fmt::format("{}{}{}{}{}{}{}", magic, string_of("none"), string_of("none"), string_of(""),
                                   number(1), string_of(blob), string_of(private_part.reveal())));
    const Secret encoded(base64_encode(whole.reveal()));
    std::string text;
    text.reserve(encoded.reveal().size() * 2 + 128);
    text.append(begin_line).append("\n");
    for (std::string_view rest = encoded.reveal(); !rest.empty();
         rest.remove_prefix(std::min(line_length, rest.size())))
        text.append(rest.substr(0, line_length)).append("\n");
    text.append(end_line).append("\n");
    return SshKeyPair{{type, base64_encode(blob), comment}, Secret(std::move(text))};
}

Result<SshPublicKey> public_half(const Secret& private_file) {
    std::string_view text = private_file.reveal();
    const auto begin = text.find(begin_line), end = text.find(end_line);
    const auto damaged = [] {
        return fail(ErrorKind::corrupted, "this is no private key in OpenSSH's format",
                    "remove the file to have a key made, or give the public key in access.ssh_public_key");
    };
    if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) return damaged();
    auto decoded = base64_decode(text.substr(begin + begin_line.size(), end - begin - begin_line.size()));
    if (!decoded) return damaged();
    const Secret whole(*std::move(decoded));
    std::string_view rest = whole.reveal();
    if (!rest.starts_with(magic)) return damaged();
    rest.remove_prefix(magic.size());
    for (int i = 0; i < 3; ++i)  // cipher, key derivation and its options
        if (!take_string(rest)) return damaged();
    if (!rest.starts_with(number(1))) return damaged();
    rest.remove_prefix(4);
    const auto blob = take_string(rest);
    if (!blob) return damaged();
    std::string_view inside = *blob;
    const auto type = take_string(inside);
    if (!type) return damaged();
    return checked(std::string(*type), *blob, {});
}

}  // namespace nodeboot
