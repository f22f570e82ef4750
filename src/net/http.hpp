#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"

namespace nodeboot {

/// One HTTP request and its answer. An answer of any status is a response; an Error means that none came, or not all
/// of it, or that it must not be trusted. Redirects are not followed, nothing is retried: callers know what is safe.
struct HttpRequest {
    std::string method = "GET";
    std::string url;
    std::vector<std::pair<std::string, std::string>> headers;
    std::vector<std::pair<std::string, Secret>> secret_headers;  ///< Authorization and the like; never logged
    std::optional<Secret> body;                                  ///< sent with Content-Length
    std::string upload_file;                                     ///< instead of body: a file, streamed

    Duration timeout = std::chrono::seconds(30);         ///< for everything
    Duration connect_timeout = std::chrono::seconds(5);  ///< name, TCP and TLS
    Duration stall_timeout = std::chrono::seconds(30);   ///< without a single byte

    std::string ca_pem;                  ///< trust these instead of the client's own bundle
    std::string client_certificate_pem;  ///< with client_key_pem
    Secret client_key_pem;
    /// Accept any certificate: only to fetch what is verified by other means (discovery.hpp). Nothing secret is sent.
    bool unverified_tls = false;
    bool close_connection = false;  ///< do not keep it for the next request

    std::uint64_t max_body = 16U << 20;  ///< bytes; a longer answer is refused
    /// Takes the body of a 2xx answer piece by piece instead of HttpResponse::body; an error from it ends the transfer.
    std::function<Result<void>(std::string_view)> sink;
    /// Called once before the first piece, with status and headers.
    std::function<Result<void>(const struct HttpResponse&)> on_headers;
    /// Bytes so far, and in total (0: not known). Called at most about ten times a second.
    std::function<void(std::uint64_t, std::uint64_t)> progress;
};

struct HttpResponse {
    int status = 0;
    std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
    std::string body;

    bool ok() const { return status >= 200 && status < 300; }
    std::optional<std::string> header(std::string_view lower_case_name) const;
};

/// Errors: `unavailable` (no address, no connection, broken off), `timeout`, `refused` (certificate not trusted),
/// `corrupted` (longer than max_body), `cancelled`, `invalid_input` (URL). `unsent` is set on the first two where it is
/// certain that the server has nothing of the request. Thread-safe.
class Http {
   public:
    virtual ~Http() = default;
    virtual Result<HttpResponse> send(const HttpRequest& request, std::stop_token stop = {}) = 0;
};

/// Worth another try: the answer says that it is the server's or the network's moment (408, 429, 5xx but 501).
bool retryable_status(int status);

/// An answer that is not 2xx as an Error: "GET https://…: 503 Service Unavailable: <start of the body>".
/// Only for answers whose body is no secret.
Error status_error(const HttpRequest& request, const HttpResponse& response);

struct CurlOptions {
    std::string ca_file;  ///< PEM; empty: SSL_CERT_FILE, then the distributions' places
    std::string user_agent = "nodeboot";
    std::string dns_servers;  ///< "127.0.0.1:5353"; empty: those of /etc/resolv.conf. For tests
};

/// libcurl: TLS 1.2 or newer, certificates always checked, http and https only, no proxy but the environment's.
/// Keeps connections between requests; each new one reads the CA bundle. After a failed one it starts anew, with the name
/// servers that /etc/resolv.conf holds by then.
std::unique_ptr<Http> make_curl_http(CurlOptions options = {});

/// The first CA bundle that exists: `setting`, SSL_CERT_FILE, Debian's, Red Hat's, Alpine's place. Empty when there is
/// none: then every https request fails, naming the places.
std::string find_ca_file(const std::string& setting);

}  // namespace nodeboot
