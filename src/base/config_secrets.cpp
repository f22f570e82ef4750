#include "base/config_secrets.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "base/config_schema.hpp"

namespace nodeboot {
namespace {

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_upper_or_digit(char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }
bool is_alphanumeric(char c) { return is_lower_or_digit(c) || is_upper_or_digit(c); }

/// Is there a word of `length` characters, each of which passes `of`, at `at`, and no longer one?
template <class Of>
bool word_at(std::string_view text, std::size_t at, std::size_t length, Of of) {
    if (at + length > text.size() || (at > 0 && is_alphanumeric(text[at - 1]))) return false;
    const auto word = text.substr(at, length);
    return std::all_of(word.begin(), word.end(), of) &&
           (at + length == text.size() || !is_alphanumeric(text[at + length]));
}

/// "AKIA…" of users, "ASIA…" of roles; 20 characters (IAM's guide, "unique identifiers").
bool has_access_key(std::string_view text) {
    for (const std::string_view prefix : {"AKIA", "ASIA"})
        for (auto at = text.find(prefix); at != std::string_view::npos; at = text.find(prefix, at + 1))
            if (word_at(text, at, 20, is_upper_or_digit)) return true;
    return false;
}

/// Is it a part of a longer name, as of "mirror.registry-of-ours.example"?
bool goes_on(std::string_view text, std::size_t at) { return at < text.size() && (text[at] == '.' || text[at] == '-'); }

/// [a-z0-9]{6}.[a-z0-9]{16} (kubeadm's reference, "bootstrap token").
bool has_bootstrap_token(std::string_view text) {
    for (auto dot = text.find('.'); dot != std::string_view::npos; dot = text.find('.', dot + 1))
        if (dot >= 6 && word_at(text, dot - 6, 6, is_lower_or_digit) && word_at(text, dot + 1, 16, is_lower_or_digit) &&
            !(dot > 6 && goes_on(text, dot - 7)) && !goes_on(text, dot + 17))
            return true;
    return false;
}

std::string kind_of_secret(std::string_view text) {
    if (text.find("PRIVATE KEY-----") != std::string_view::npos) return "a private key";
    if (has_access_key(text)) return "an AWS access key";
    if (has_bootstrap_token(text)) return "a bootstrap token";
    return {};
}

/// containerd's registry credentials: `[….registry.configs."host".auth]` with username, password, auth, identitytoken
/// (containerd, docs/cri/registry.md).
std::string registry_credential(const TomlTable& table) {
    constexpr std::array<std::string_view, 4> keys{"auth", "password", "identitytoken", "registrytoken"};
    for (const auto& entry : table.entries) {
        if (std::find(keys.begin(), keys.end(), entry.key) != keys.end()) return entry.key;
        if (const auto* child = entry.value.get<TomlTable>())
            if (auto found = registry_credential(*child); !found.empty()) return found;
    }
    return {};
}

}  // namespace

std::string secret_in(const Setting& setting, const Config& config) {
    auto kind = kind_of_secret(to_toml(setting.get(config)));
    if (!kind.empty() || setting.key != "containerd.extra_config") return kind;
    if (const auto extra = parse_toml(config.containerd.extra_config))
        if (const auto key = registry_credential(*extra); !key.empty()) return fmt::format("a registry's '{}'", key);
    return {};
}

std::vector<std::string> secrets_in(const Config& config) {
    std::vector<std::string> found;
    for (const auto& setting : config_settings())
        if (const auto kind = secret_in(setting, config); !kind.empty())
            found.push_back(fmt::format("{}: {}", setting.key, kind));
    return found;
}

}  // namespace nodeboot
