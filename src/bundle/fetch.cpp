#include "bundle/fetch.hpp"

#include <fmt/core.h>

#include "net/redirect.hpp"
#include "net/url.hpp"

namespace nodeboot {
namespace {

constexpr int most_redirects = 5;

}  // namespace

Fetcher::Fetcher(Http& http, Clock& clock, const Log& log, FetchOptions options)
    : http_(http), clock_(clock), log_(log), options_(std::move(options)) {}

std::string Fetcher::mirrored(const std::string& url) const {
    if (options_.mirror.empty()) return url;
    const auto at = url.find("://");
    const std::string base = options_.mirror.ends_with('/') ? options_.mirror : options_.mirror + "/";
    return base + url.substr(at + 3);
}

Result<HttpResponse> Fetcher::follow(HttpRequest request) {
    const std::string asked = request.url;
    for (int hops = 0; hops <= most_redirects; ++hops) {
        auto response = NB_TRY(http_.send(request, options_.stop));
        auto next = NB_TRY(redirected(request.url, response));
        if (!next) return response;
        if (NB_TRY(parse_url(request.url)).authority() != NB_TRY(parse_url(*next)).authority())
            request.secret_headers.clear();
        request.url = *std::move(next);
    }
    return fail(ErrorKind::refused, fmt::format("{}: more than {} redirects", printable_url(asked), most_redirects));
}

RetryOptions Fetcher::retrying() const {
    RetryOptions retrying;
    retrying.deadline = Deadline::after(clock_, options_.timeout);
    retrying.stop = options_.stop;
    retrying.on_new_error = [this](const Error& error, unsigned) { log_.warning(error.text() + "; trying again"); };
    return retrying;
}

Result<HttpResponse> Fetcher::send(const HttpRequest& request) {
    return retry(retrying(), clock_, [&]() -> Result<HttpResponse> {
        auto response = NB_TRY(follow(request));
        if (retryable_status(response.status)) return fail(status_error(request, response));
        return response;
    });
}

Result<std::string> Fetcher::text(const std::string& url) {
    HttpRequest request;
    request.url = mirrored(url);
    request.max_body = 4U << 20;
    auto response = NB_TRY(send(request));
    if (!response.ok()) return fail(status_error(request, response));
    return std::move(response.body);
}

Result<void> Fetcher::file(const std::string& url, const std::filesystem::path& path, const std::string& sha256) {
    log_.info(fmt::format("fetching {}", printable_url(mirrored(url))));
    return save({.url = mirrored(url), .path = path.string(), .sha256 = sha256, .timeout = options_.timeout});
}

Result<void> Fetcher::save(const Download& what) {
    auto done = download(http_, clock_, what, retrying());
    if (done) return {};
    Error error = std::move(done).error();
    if (error.kind == ErrorKind::corrupted) error.hint = "the mirror or the way to it changed the file: do not use it";
    return fail(std::move(error));
}

}  // namespace nodeboot
