#include "net/bootstrap_token.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/encoding.hpp"
#include "base/json.hpp"
#include "net/sha256.hpp"

namespace nodeboot {
namespace {

using Json = nlohmann::json;

constexpr std::string_view alphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::size_t id_length = 6, secret_length = 16;
constexpr std::string_view cluster_info_path = "/api/v1/namespaces/kube-public/configmaps/cluster-info";
constexpr std::string_view signature_prefix = "jws-kubeconfig-";

/// Bytes of 252 and more are thrown away: 252 is a multiple of 36, so that each letter is as likely as any other.
Result<std::string> random_word(std::size_t length) {
    std::string word;
    while (word.size() < length) {
        const Secret bytes = NB_TRY(random_bytes(length * 2));
        for (const char c : bytes.reveal()) {
            const auto byte = static_cast<unsigned char>(c);
            if (byte < 252 && word.size() < length) word += alphabet[byte % alphabet.size()];
        }
    }
    return word;
}

bool only_of_alphabet(std::string_view text) { return text.find_first_not_of(alphabet) == std::string_view::npos; }

}  // namespace

Result<BootstrapToken> generate_bootstrap_token() {
    BootstrapToken token;
    token.id = NB_TRY(random_word(id_length));
    token.secret = Secret(NB_TRY(random_word(secret_length)));
    return token;
}

Result<BootstrapToken> parse_bootstrap_token(const Secret& text) {
    const auto all = text.reveal();
    const bool formed = all.size() == id_length + 1 + secret_length && all[id_length] == '.' &&
                        only_of_alphabet(all.substr(0, id_length)) && only_of_alphabet(all.substr(id_length + 1));
    if (!formed) return fail(ErrorKind::corrupted, "the bootstrap token has not the form abcdef.0123456789abcdef");
    return BootstrapToken{std::string(all.substr(0, id_length)), Secret(std::string(all.substr(id_length + 1)))};
}

Json bootstrap_token_object(const BootstrapToken& token, WallTime expires) {
    return {{"apiVersion", "v1"},
            {"kind", "Secret"},
            {"metadata", {{"name", "bootstrap-token-" + token.id}, {"namespace", "kube-system"}}},
            {"type", "bootstrap.kubernetes.io/token"},
            {"stringData",
             {{"description", "For workers to join; made and renewed by nodeboot."},
              {"token-id", token.id},
              {"token-secret", std::string(token.secret.reveal())},
              {"expiration", format_rfc3339(expires)},
              {"usage-bootstrap-authentication", "true"},
              {"usage-bootstrap-signing", "true"},
              {"auth-extra-groups", "system:bootstrappers:kubeadm:default-node-token"}}}};
}

Result<void> create_bootstrap_token(KubeApi& api, const BootstrapToken& token, WallTime expires) {
    NB_CHECK_CONTEXT(api.create("/api/v1/namespaces/kube-system/secrets", bootstrap_token_object(token, expires)),
                     "create bootstrap token " + token.id);
    return {};
}

Result<ClusterInfo> parse_cluster_info(const Json& config_map) {
    ClusterInfo info;
    const auto* data = json_at(config_map, {"data"});
    auto kubeconfig = json_string(config_map, {"data", "kubeconfig"});
    if (!kubeconfig) return fail(ErrorKind::corrupted, "ConfigMap kube-public/cluster-info holds no kubeconfig");
    info.kubeconfig = *std::move(kubeconfig);
    for (const auto& [key, value] : data->items())
        if (key.starts_with(signature_prefix) && value.is_string())
            info.signatures[key.substr(signature_prefix.size())] = value.get<std::string>();
    return info;
}

Result<std::optional<ClusterInfo>> read_cluster_info(const KubeReader& api) {
    const auto object = NB_TRY(api.get(std::string(cluster_info_path)));
    if (!object) return std::optional<ClusterInfo>{};
    return std::optional(NB_TRY(parse_cluster_info(*object)));
}

Result<void> verify_cluster_info(const ClusterInfo& info, const BootstrapToken& token) {
    const auto found = info.signatures.find(token.id);
    if (found == info.signatures.end())
        return fail(ErrorKind::not_found,
                    fmt::format("cluster-info carries no signature for token {}: it has expired, or was only just made",
                                token.id));
    const std::string_view jws = found->second;
    const auto dots = jws.find("..");  // header..signature: the payload is left out
    const auto wrong = [&](std::string_view why) {
        return fail(ErrorKind::refused,
                    fmt::format("cluster-info's signature for token {} is wrong: {}", token.id, why),
                    "whoever answers does not know the token's secret; do not join it");
    };
    if (dots == std::string_view::npos) return wrong("it is no detached JWS");
    const auto header_text = base64url_decode(jws.substr(0, dots));
    const auto header = header_text ? parse_json(*header_text, "JWS header") : Result<Json>(fail({}));
    if (!header || json_string(*header, {"alg"}) != "HS256" || json_string(*header, {"kid"}) != token.id)
        return wrong("its header is not HS256 for this token");
    const std::string signed_text = std::string(jws.substr(0, dots)) + "." + base64url_encode(info.kubeconfig);
    const Secret expected(base64url_encode(hmac_sha256(token.secret.reveal(), signed_text).reveal()));
    if (!(expected == Secret(std::string(jws.substr(dots + 2))))) return wrong("it does not match");
    return {};
}

}  // namespace nodeboot
