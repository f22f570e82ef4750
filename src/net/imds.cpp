#include "net/imds.hpp"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "net/url.hpp"

namespace nodeboot {
namespace {

constexpr int token_seconds = 21600;  // the longest that IMDS gives
constexpr Duration token_margin = std::chrono::minutes(5);
constexpr Duration optional_patience = std::chrono::seconds(5);
constexpr Backoff pace{.first = std::chrono::milliseconds(200), .ceiling = std::chrono::seconds(3)};

HttpRequest request_to(const std::string& url, const char* method) {
    HttpRequest request;
    request.method = method;
    request.url = url;
    request.connect_timeout = std::chrono::seconds(1);
    request.timeout = std::chrono::seconds(3);
    request.max_body = 1U << 20;
    return request;
}

}  // namespace

Imds::Imds(Http& http, Clock& clock, ImdsOptions options) : http_(http), clock_(clock), options_(std::move(options)) {
    while (options_.endpoint.ends_with('/')) options_.endpoint.pop_back();
}

/// mutex_ is held.
Result<Secret> Imds::token() {
    if (!token_.empty() && clock_.steady() < token_until_) return token_;
    auto request = request_to(options_.endpoint + "/latest/api/token", "PUT");
    request.headers = {{"X-aws-ec2-metadata-token-ttl-seconds", std::to_string(token_seconds)}};
    auto response = http_.send(request, options_.stop);
    if (!response) {
        Error error = std::move(response).error();
        if (error.kind == ErrorKind::timeout)  // the answer's hop limit let it die on the way
            error.hint =
                "no answer from the metadata service: inside a container the instance's HttpPutResponseHopLimit is too "
                "low";
        return fail(std::move(error));
    }
    if (response->status == 403)
        return fail(ErrorKind::permission, "instance metadata: the service is switched off (403)",
                    "set HttpEndpoint=enabled in the instance's metadata options");
    if (!response->ok()) return fail(ErrorKind::unavailable, status_error(request, *response).message);
    token_ = Secret(std::move(response->body));
    token_until_ = clock_.steady() + std::chrono::seconds(token_seconds) - token_margin;
    return token_;
}

Result<HttpResponse> Imds::get(const std::string& path) {
    for (bool again = true;; again = false) {
        auto request = request_to(options_.endpoint + "/latest/" + path, "GET");
        {
            const std::lock_guard lock(mutex_);
            request.secret_headers.emplace_back("X-aws-ec2-metadata-token", NB_TRY(token()));
        }
        auto response = NB_TRY(http_.send(request, options_.stop));
        if (response.status != 401 || !again) return response;
        const std::lock_guard lock(mutex_);  // the token is no longer good: a stopped and started instance
        token_ = Secret();
    }
}

Result<std::optional<std::string>> Imds::get_once(const std::string& path) {
    auto response = NB_TRY_CONTEXT(get(path), "instance metadata");
    if (response.status == 404) return std::optional<std::string>{};
    if (response.ok()) return std::optional(std::move(response.body));
    return fail(retryable_status(response.status) ? ErrorKind::unavailable : ErrorKind::permission,
                fmt::format("instance metadata: {} answered {}", path, response.status));
}

Result<std::string> Imds::wait_for(const std::string& path, Deadline deadline) {
    const RetryOptions retrying{
        .backoff = pace, .deadline = deadline, .stop = options_.stop, .random = options_.random};
    return retry(retrying, clock_, [&]() -> Result<std::string> {
        auto value = NB_TRY(get_once(path));
        if (value && !value->empty()) return *std::move(value);
        return fail(ErrorKind::unavailable, fmt::format("instance metadata: no {} yet", path),
                    "is this an EC2 instance with IMDSv2 enabled? The setting aws.imds_endpoint names the service");
    });
}

Result<std::string> Imds::required(const std::string& path) {
    return wait_for(path, Deadline::after(clock_, options_.deadline));
}

Result<std::optional<std::string>> Imds::optional(const std::string& path) {
    const RetryOptions retrying{.backoff = pace,
                                .deadline = Deadline::after(clock_, std::min(optional_patience, options_.deadline)),
                                .stop = options_.stop,
                                .random = options_.random};
    return retry(retrying, clock_, [&] { return get_once(path); });
}

Result<std::string> Imds::region() { return required("meta-data/placement/region"); }
Result<std::string> Imds::instance_id() { return required("meta-data/instance-id"); }
Result<std::string> Imds::local_hostname() { return required("meta-data/local-hostname"); }
Result<std::string> Imds::local_ipv4() { return required("meta-data/local-ipv4"); }
Result<std::string> Imds::availability_zone() { return required("meta-data/placement/availability-zone"); }

Result<std::optional<std::string>> Imds::tag(const std::string& name) {
    return optional("meta-data/tags/instance/" + name);  // as it is: IMDS refuses tags whose names would need encoding
}

Result<AwsCredentials> Imds::role_credentials() {
    const auto deadline = Deadline::after(clock_, options_.deadline);
    const std::string folder = "meta-data/iam/security-credentials/";
    auto role = NB_TRY_CONTEXT(wait_for(folder, deadline), "the instance's role");
    role = role.substr(0, role.find('\n'));
    const RetryOptions retrying{
        .backoff = pace, .deadline = deadline, .stop = options_.stop, .random = options_.random};
    return retry(retrying, clock_, [&]() -> Result<AwsCredentials> {
        const auto document = NB_TRY(get_once(folder + role));
        if (!document)
            return fail(ErrorKind::unavailable, fmt::format("instance metadata: no credentials for role {} yet", role));
        return parse_role_credentials(*document);
    });
}

namespace {

// A document that was torn and put together wrongly may hold the secret anywhere: no text of it is printed, also not its
// "Message", only the codes that AWS documents.
std::string_view printable_code(std::string_view code) {
    for (const std::string_view known : {"AssumeRoleUnauthorizedAccess", "InstanceProfileNotFound"})
        if (code == known) return known;
    return "something else than Success";
}

}  // namespace

Result<AwsCredentials> parse_role_credentials(std::string_view document) {
    const auto json = NB_TRY(parse_json(document, "instance metadata: the role's credentials"));
    const auto code = json_string(json, {"Code"}).value_or("Success");
    if (code != "Success")
        return fail(ErrorKind::unavailable,
                    fmt::format("instance metadata: the role's credentials say {}", printable_code(code)),
                    "may EC2 assume the role (its trust policy), and does the role still exist?");
    auto id = json_string(json, {"AccessKeyId"});
    auto key = json_string(json, {"SecretAccessKey"});
    auto token = json_string(json, {"Token"});
    const auto expires = parse_rfc3339(json_string(json, {"Expiration"}).value_or(""));
    if (!id || !key || !token || !expires)
        return fail(ErrorKind::corrupted, "instance metadata: the role's credentials are incomplete");
    return AwsCredentials{*std::move(id), Secret(*std::move(key)), Secret(*std::move(token)), *expires};
}

}  // namespace nodeboot
