#include "bundle/fetch.hpp"

#include <fmt/core.h>

#include <fstream>

#include "net/sha256.hpp"
#include "net/url.hpp"

namespace nodeboot {
namespace {

bool is_redirect(int status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// Location may be relative (RFC 9110, 10.2.2).
Result<std::string> resolve(const std::string& base, const std::string& location) {
    if (location.find("://") != std::string::npos) return location;
    const Url from = NB_TRY(parse_url(base));
    const std::string root = from.scheme + "://" + from.authority();
    if (location.starts_with('/')) return root + location;
    return root + from.path.substr(0, from.path.rfind('/') + 1) + location;
}

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
    for (int hops = 0; hops < 6; ++hops) {
        auto response = NB_TRY(http_.send(request, options_.stop));
        const auto location = response.header("location");
        if (!is_redirect(response.status) || !location) return response;
        const std::string next = NB_TRY(resolve(request.url, *location));
        const Url from = NB_TRY(parse_url(request.url)), to = NB_TRY(parse_url(next));
        if (from.scheme == "https" && to.scheme != "https")
            return fail(ErrorKind::refused, fmt::format("{} redirects to plain http", printable_url(request.url)));
        if (from.authority() != to.authority()) request.secret_headers.clear();
        request.url = next;
    }
    return fail(ErrorKind::refused, fmt::format("{}: more than 5 redirects", printable_url(request.url)));
}

Result<HttpResponse> Fetcher::send(HttpRequest request) {
    RetryOptions retrying;
    retrying.deadline = Deadline::after(clock_, options_.timeout);
    retrying.stop = options_.stop;
    retrying.on_new_error = [&](const Error& error, unsigned) { log_.warning(error.text() + "; trying again"); };
    return retry(retrying, clock_, [&]() -> Result<HttpResponse> {
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
    HttpRequest request;
    request.url = mirrored(url);
    request.timeout = options_.timeout;
    request.max_body = std::uint64_t{4} << 30;
    const std::filesystem::path half = path.string() + ".part";
    std::ofstream out;
    Sha256 digest;
    // A retry begins the file anew; a redirect has no body of interest.
    request.on_headers = [&](const HttpResponse&) -> Result<void> {
        digest = Sha256();
        out.close();
        out.open(half, std::ios::binary | std::ios::trunc);
        if (!out) return fail(ErrorKind::io, fmt::format("cannot write {}", half.string()));
        return {};
    };
    request.sink = [&](std::string_view piece) -> Result<void> {
        digest.update(piece);
        if (!out.write(piece.data(), static_cast<std::streamsize>(piece.size())))
            return fail(ErrorKind::io, fmt::format("writing {}: is the disk full?", half.string()));
        return {};
    };
    log_.info(fmt::format("fetching {}", printable_url(request.url)));
    const auto response = NB_TRY(send(request));
    if (!response.ok()) return fail(status_error(request, response));
    out.close();
    std::error_code error;
    if (const std::string got = digest.finish_hex(); got != sha256) {
        std::filesystem::remove(half, error);
        return fail(ErrorKind::corrupted,
                    fmt::format("{}: sha256 is {}, expected {}", printable_url(request.url), got, sha256),
                    "the mirror or the way to it changed the file: do not use it");
    }
    std::filesystem::rename(half, path, error);
    if (error) return fail(ErrorKind::io, fmt::format("renaming {}: {}", half.string(), error.message()));
    return {};
}

}  // namespace nodeboot
