#include "net/redirect.hpp"

#include <fmt/core.h>

#include "net/url.hpp"

namespace nodeboot {
namespace {

bool is_redirect(int status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// Location may be relative (RFC 9110, 10.2.2): to the scheme, the host, the file or its folder.
std::string absolute(const Url& from, const std::string& location) {
    // A colon before any '/' ends a scheme; "login?next=https://x" is relative (RFC 3986, 4.2).
    if (const auto mark = location.find_first_of(":/?#"); mark != std::string::npos && location[mark] == ':')
        return location;
    if (location.starts_with("//")) return from.scheme + ":" + location;
    const std::string root = from.scheme + "://" + from.authority();
    if (location.starts_with('/')) return root + location;
    if (location.starts_with('?')) return root + from.path + location;
    return root + from.path.substr(0, from.path.rfind('/') + 1) + location;
}

}  // namespace

Result<std::optional<std::string>> redirected(const std::string& url, const HttpResponse& response) {
    const auto location = response.header("location");
    if (!is_redirect(response.status) || !location) return std::optional<std::string>{};
    const Url from = NB_TRY(parse_url(url));
    const Url to = NB_TRY_CONTEXT(parse_url(absolute(from, *location)), "redirect from " + printable_url(url));
    if (from.scheme == "https" && to.scheme != "https")
        return fail(ErrorKind::refused, fmt::format("{} redirects to {}, which is not https", printable_url(url),
                                                    printable_url(to.text())));
    return std::optional(to.text());
}

}  // namespace nodeboot
