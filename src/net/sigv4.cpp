#include "net/sigv4.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "base/encoding.hpp"
#include "net/sha256.hpp"
#include "net/url.hpp"

namespace nodeboot {
namespace {

std::string lowered(std::string text) {
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
    return text;
}

/// Without spaces at the ends, and one instead of several inside.
std::string header_value(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool space = c == ' ' || c == '\t';
        if (space && (out.empty() || out.back() == ' ')) continue;
        out += space ? ' ' : c;
    }
    while (!out.empty() && out.back() == ' ') out.pop_back();
    return out;
}

/// "/a/../b//c/" is "/b/c/" to every service but S3, whose keys may hold anything.
std::string normalised_path(std::string_view path) {
    std::vector<std::string_view> kept;
    for (std::size_t at = 0; at < path.size();) {
        const auto end = std::min(path.find('/', at), path.size());
        const auto segment = path.substr(at, end - at);
        if (segment == "..") {
            if (!kept.empty()) kept.pop_back();
        } else if (!segment.empty() && segment != ".") {
            kept.push_back(segment);
        }
        at = end + 1;
    }
    std::string out;
    for (const auto segment : kept) out.append("/").append(segment);
    if (out.empty() || path.ends_with('/')) out += '/';
    return out;
}

std::string canonical_query(std::string_view query) {
    std::vector<std::pair<std::string, std::string>> pairs;
    while (!query.empty()) {
        const auto end = std::min(query.find('&'), query.size());
        const auto pair = query.substr(0, end);
        const auto equals = std::min(pair.find('='), pair.size());
        const auto value = equals < pair.size() ? pair.substr(equals + 1) : std::string_view{};
        pairs.emplace_back(percent_encode(percent_decode(pair.substr(0, equals))),
                           percent_encode(percent_decode(value)));
        query.remove_prefix(std::min(end + 1, query.size()));
    }
    std::sort(pairs.begin(), pairs.end());
    std::string out;
    for (const auto& [name, value] : pairs) out += fmt::format("{}{}={}", out.empty() ? "" : "&", name, value);
    return out;
}

/// "20150830T123600Z"
std::string basic_time(WallTime time) {
    std::string text = format_rfc3339(time);
    std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
    return text;
}

struct Headers {
    std::string lines;  ///< "name:value\n" each
    std::string names;  ///< "a;b;c"
};

Headers canonical_headers(const HttpRequest& request, const std::string& host) {
    std::map<std::string, std::string> all{{"host", host}};
    const auto add = [&](const std::string& name, std::string_view value) {
        const auto [at, fresh] = all.try_emplace(lowered(name), header_value(value));
        if (!fresh) at->second += "," + header_value(value);
    };
    for (const auto& [name, value] : request.headers) add(name, value);
    for (const auto& [name, value] : request.secret_headers) add(name, value.reveal());
    Headers out;
    for (const auto& [name, value] : all) {
        out.lines += name + ":" + value + "\n";
        out.names += (out.names.empty() ? "" : ";") + name;
    }
    return out;
}

Secret signing_key(const AwsCredentials& credentials, const std::string& day, const SigningScope& scope) {
    const Secret first("AWS4" + std::string(credentials.secret_access_key.reveal()));
    const Secret of_day = hmac_sha256(first.reveal(), day);
    const Secret of_region = hmac_sha256(of_day.reveal(), scope.region);
    const Secret of_service = hmac_sha256(of_region.reveal(), scope.service);
    return hmac_sha256(of_service.reveal(), "aws4_request");
}

}  // namespace

Result<void> sign_v4(HttpRequest& request, const AwsCredentials& credentials, const SigningScope& scope) {
    const auto url = NB_TRY(parse_url(request.url));
    const std::string time = basic_time(scope.time);
    const std::string day = time.substr(0, 8);
    const std::string payload =
        !scope.payload_sha256.empty() ? scope.payload_sha256 : sha256_hex(request.body ? request.body->reveal() : "");
    request.headers.emplace_back("X-Amz-Date", time);
    if (scope.content_sha256_header) request.headers.emplace_back("x-amz-content-sha256", payload);
    if (!credentials.session_token.empty())
        request.secret_headers.emplace_back("X-Amz-Security-Token", credentials.session_token);

    const Headers headers = canonical_headers(request, url.authority());
    const std::string path = scope.path_as_is ? url.path : percent_encode(normalised_path(url.path), "/");
    const Secret canonical(fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, path, canonical_query(url.query),
                                       headers.lines, headers.names, payload));
    const std::string within = fmt::format("{}/{}/{}/aws4_request", day, scope.region, scope.service);
    const std::string to_sign =
        fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", time, within, sha256_hex(canonical.reveal()));
    const std::string signature = to_hex(hmac_sha256(signing_key(credentials, day, scope).reveal(), to_sign).reveal());
    request.secret_headers.emplace_back(
        "Authorization", Secret(fmt::format("AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}",
                                            credentials.access_key_id, within, headers.names, signature)));
    return {};
}

}  // namespace nodeboot
