#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "net/bootstrap_token.hpp"
#include "net/join_store.hpp"

namespace nodeboot {
namespace {

using Json = nlohmann::json;

constexpr int format_version = 1;
constexpr std::size_t hash_length = 7 + 64;  // "sha256:" and 64 hex digits

tl::unexpected<Error> broken(std::string_view why) {
    return fail(ErrorKind::corrupted, fmt::format("join secret: {}", why),
                "run `nodeboot node rotate-token` on the control plane to publish it anew");
}

bool ca_hash_formed(std::string_view hash) {
    return hash.size() == hash_length && hash.starts_with("sha256:") &&
           hash.find_first_not_of("0123456789abcdef", 7) == std::string_view::npos;
}

Result<std::vector<std::string>> read_hashes(const Json& document) {
    std::vector<std::string> hashes;
    const auto* list = json_at(document, {"ca_cert_hashes"});
    if (list == nullptr || !list->is_array() || list->empty()) return broken("ca_cert_hashes is missing or empty");
    for (const auto& item : *list) {
        if (!item.is_string() || !ca_hash_formed(item.get_ref<const std::string&>()))
            return broken("a CA hash is not sha256: and 64 hex digits");
        hashes.push_back(item.get<std::string>());
    }
    return hashes;
}

}  // namespace

Result<JoinSecret> parse_join_secret(const Secret& document) {
    const auto json = parse_json(document.reveal(), "join secret");
    if (!json || !json->is_object()) return broken("it is no JSON object");
    const auto* format = json_at(*json, {"format"});
    if (format == nullptr || !format->is_number_integer()) return broken("format is missing");
    if (*format != format_version)
        return broken(fmt::format("format {} is not known, only {}: update nodeboot on this node", format->dump(),
                                  format_version));
    JoinSecret secret;
    const auto endpoint = json_string(*json, {"endpoint"});
    if (!endpoint || endpoint->find(':') == std::string::npos) return broken("endpoint is not host:port");
    secret.endpoint = *endpoint;
    secret.token = Secret(json_string(*json, {"token"}).value_or(""));
    NB_CHECK_CONTEXT(parse_bootstrap_token(secret.token), "join secret");
    secret.ca_cert_hashes = NB_TRY(read_hashes(*json));
    const auto expires = parse_rfc3339(json_string(*json, {"expires"}).value_or(""));
    if (!expires) return broken("expires is no RFC 3339 time");
    secret.expires = *expires;
    secret.kubernetes_version = json_string(*json, {"kubernetes_version"}).value_or("");
    if (secret.kubernetes_version.empty()) return broken("kubernetes_version is missing");
    return secret;
}

Secret serialise(const JoinSecret& secret) {
    const nlohmann::ordered_json document{{"format", format_version},
                                          {"endpoint", secret.endpoint},
                                          {"token", std::string(secret.token.reveal())},
                                          {"ca_cert_hashes", secret.ca_cert_hashes},
                                          {"expires", format_rfc3339(secret.expires)},
                                          {"kubernetes_version", secret.kubernetes_version}};
    return Secret(document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

}  // namespace nodeboot
