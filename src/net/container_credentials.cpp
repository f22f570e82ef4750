#include <fmt/core.h>

#include "net/credentials.hpp"
#include "net/url.hpp"

namespace nodeboot {
namespace {

std::string variable(const CredentialOptions& options, const std::string& name) {
    return options.environment(name).value_or("");
}

Result<std::string> address(const CredentialOptions& options) {
    if (const auto path = variable(options, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); !path.empty())
        return "http://169.254.170.2" + path;
    auto full = variable(options, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (full.empty()) return full;
    const auto url = NB_TRY_CONTEXT(parse_url(full), "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    const bool eks_agent = url.host == "fd00:ec2::23";
    if (url.scheme == "https" || loopback_or_link_local(url.host) || eks_agent) return full;
    return fail(
        ErrorKind::refused,
        fmt::format("AWS_CONTAINER_CREDENTIALS_FULL_URI {} is neither https nor on this machine", printable_url(full)));
}

/// The file wins: the EKS agent renews what is in it.
Result<Secret> authorization(const CredentialOptions& options) {
    const auto path = variable(options, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    if (path.empty() || !options.read_file) return Secret(variable(options, "AWS_CONTAINER_AUTHORIZATION_TOKEN"));
    auto text = NB_TRY(options.read_file(path));
    if (!text) return fail(ErrorKind::not_found, fmt::format("there is no file {}", path));
    while (text->ends_with('\n') || text->ends_with('\r')) text->pop_back();
    return Secret(*std::move(text));
}

}  // namespace

Result<std::optional<AwsCredentials>> container_credentials(const CredentialOptions& options) {
    HttpRequest request;
    request.url = NB_TRY(address(options));
    if (request.url.empty() || options.http == nullptr) return std::optional<AwsCredentials>{};
    auto token = NB_TRY_CONTEXT(authorization(options), "the container's role");
    if (!token.empty()) request.secret_headers.emplace_back("Authorization", std::move(token));
    request.connect_timeout = std::chrono::seconds(2);
    request.timeout = std::chrono::seconds(5);
    request.max_body = 1U << 20;
    const auto response = NB_TRY_CONTEXT(options.http->send(request), "the container's role");
    if (!response.ok())
        return fail(retryable_status(response.status) ? ErrorKind::unavailable : ErrorKind::permission,
                    fmt::format("the container's role: GET {}: {}", printable_url(request.url), response.status));
    return std::optional(NB_TRY_CONTEXT(parse_role_credentials(response.body), "the container's role"));
}

}  // namespace nodeboot
