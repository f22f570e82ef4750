#include "net/http.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "net/url.hpp"

namespace nodeboot {
namespace {

constexpr std::size_t quoted_bytes = 300;

struct Reason {
    int status;
    std::string_view text;
};
constexpr std::array<Reason, 15> reasons{{{301, "Moved Permanently"},
                                          {302, "Found"},
                                          {307, "Temporary Redirect"},
                                          {400, "Bad Request"},
                                          {401, "Unauthorized"},
                                          {403, "Forbidden"},
                                          {404, "Not Found"},
                                          {408, "Request Timeout"},
                                          {409, "Conflict"},
                                          {416, "Range Not Satisfiable"},
                                          {429, "Too Many Requests"},
                                          {500, "Internal Server Error"},
                                          {502, "Bad Gateway"},
                                          {503, "Service Unavailable"},
                                          {504, "Gateway Timeout"}}};

ErrorKind kind_of(int status) {
    if (retryable_status(status)) return ErrorKind::unavailable;
    switch (status) {
        case 401:
        case 403: return ErrorKind::permission;
        case 404:
        case 410: return ErrorKind::not_found;
        case 409:
        case 412: return ErrorKind::conflict;
        default: return ErrorKind::refused;
    }
}

/// One line, short: a body may be a whole page.
std::string start_of(std::string_view body) {
    std::string out;
    for (const char c : body.substr(0, quoted_bytes)) {
        const bool space = static_cast<unsigned char>(c) <= ' ';
        if (!space) out += c;
        if (space && !out.empty() && out.back() != ' ') out += ' ';
    }
    if (body.size() > quoted_bytes) out += "…";
    return out;
}

}  // namespace

std::optional<std::string> HttpResponse::header(std::string_view lower_case_name) const {
    for (const auto& [name, value] : headers)
        if (name == lower_case_name) return value;
    return std::nullopt;
}

bool retryable_status(int status) { return status == 408 || status == 429 || (status >= 500 && status != 501); }

Error status_error(const HttpRequest& request, const HttpResponse& response) {
    const auto* reason =
        std::find_if(reasons.begin(), reasons.end(), [&](const Reason& r) { return r.status == response.status; });
    std::string text = fmt::format("{} {}: {}", request.method, printable_url(request.url), response.status);
    if (reason != reasons.end()) text += fmt::format(" {}", reason->text);
    if (const auto location = response.header("location"); response.status / 100 == 3 && location)
        text += fmt::format(" to {} (redirects are not followed)", printable_url(*location));
    if (const auto body = start_of(response.body); !body.empty()) text += ": " + body;
    return Error{kind_of(response.status), std::move(text), {}, {}};
}

}  // namespace nodeboot
