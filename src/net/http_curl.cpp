#include <curl/curl.h>
#include <fmt/core.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <span>

#include "base/backoff.hpp"
#include "net/ca_bundle.hpp"
#include "net/http.hpp"
#include "net/url.hpp"

namespace nodeboot {
namespace {

constexpr std::array<const char*, 4> ca_places{
    "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Ubuntu
    "/etc/pki/tls/certs/ca-bundle.crt",                   // Amazon Linux, Fedora
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // RHEL
    "/etc/ssl/cert.pem",                                  // Alpine
};

/// A multi handle keeps connections and names; one transfer at a time uses it.
struct Session {
    bool said_goodbye = false;  ///< the peer closed TLS properly; outlives the connections that tell it
    CURLM* multi = curl_multi_init();
    CURL* easy = curl_easy_init();
    Session() = default;
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    ~Session() {
        curl_easy_cleanup(easy);
        curl_multi_cleanup(multi);
    }
};

struct HeaderList {
    curl_slist* raw = nullptr;
    HeaderList() = default;
    HeaderList(const HeaderList&) = delete;
    HeaderList& operator=(const HeaderList&) = delete;
    ~HeaderList() { curl_slist_free_all(raw); }
    /// "Name;" is how curl spells a header without a value.
    void add(std::string_view name, std::string_view value) {
        const std::string line = value.empty() ? fmt::format("{};", name) : fmt::format("{}: {}", name, value);
        raw = curl_slist_append(raw, line.c_str());
    }
};

long milliseconds(Duration duration) {
    const auto count = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
    return std::clamp<long>(count, 1, 1L << 30);
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
    while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ') text.remove_prefix(1);
    return text;
}

/// "Failed to connect to h port 443 after 12 ms" without the time, so that the same reason is the same text every time: who
/// retries tells a reason when it changes.
std::string without_time(std::string text) {
    constexpr std::string_view after = " after ";
    const auto from = text.find(after);
    if (from == std::string::npos) return text;
    const auto end = text.find_first_not_of("0123456789", from + after.size());
    for (const std::string_view unit : {" milliseconds", " ms"})
        if (end != std::string::npos && text.compare(end, unit.size(), unit) == 0)
            return text.erase(from, end + unit.size() - from);
    return text;
}

/// One request under way. libcurl calls back with `this`; no exception of ours is thrown through it.
class Transfer {
   public:
    Transfer(const HttpRequest& request, Session& session) : request_(request), session_(session) {}
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;
    ~Transfer() {
        curl_multi_remove_handle(session_.multi, session_.easy);
        if (upload_ != nullptr) std::fclose(upload_);
    }

    Result<HttpResponse> run(const CurlOptions& options, const std::string& ca_file, std::stop_token stop) {
        const auto url = NB_TRY(parse_url(request_.url));
        NB_CHECK(set_up(options, url, ca_file));
        const CURLcode code = perform(stop);
        if (failed_) return fail(*std::move(failed_));
        if (stop.stop_requested() && code != CURLE_OK) return fail(ErrorKind::cancelled, name() + ": stopped");
        if (code != CURLE_OK) return fail(explain(code, ca_file));
        if (!started_) NB_CHECK(start());
        NB_CHECK(check_end(url));
        return std::move(response_);
    }

   private:
    template <class T>
    void set(CURLoption option, T value) {
        curl_easy_setopt(session_.easy, option, value);
    }
    void set_blob(CURLoption option, std::string_view bytes) {
        curl_blob blob{const_cast<char*>(bytes.data()), bytes.size(), CURL_BLOB_COPY};
        set(option, &blob);
    }
    std::string name() const { return fmt::format("{} {}", request_.method, printable_url(request_.url)); }

    Result<void> set_up(const CurlOptions& options, const Url& url, const std::string& ca_file) {
        curl_easy_reset(session_.easy);
        session_.said_goodbye = false;
        set(CURLOPT_URL, request_.url.c_str());
        set(CURLOPT_PROTOCOLS_STR, "http,https");
        set(CURLOPT_FOLLOWLOCATION, 0L);
        set(CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
        set(CURLOPT_NOSIGNAL, 1L);
        set(CURLOPT_PATH_AS_IS, 1L);  // what was signed is what is sent
        set(CURLOPT_USERAGENT, options.user_agent.c_str());
        set(CURLOPT_ERRORBUFFER, message_.data());
        if (!options.dns_servers.empty()) set(CURLOPT_DNS_SERVERS, options.dns_servers.c_str());
        set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(request_.connect_timeout));
        set(CURLOPT_TIMEOUT_MS, milliseconds(request_.timeout));
        set(CURLOPT_LOW_SPEED_LIMIT, 1L);
        set(CURLOPT_LOW_SPEED_TIME, std::max(1L, milliseconds(request_.stall_timeout) / 1000));
        if (loopback_or_link_local(url.host)) set(CURLOPT_NOPROXY, "*");
        if (request_.close_connection) set(CURLOPT_FORBID_REUSE, 1L);
        set_up_tls(ca_file);
        set_up_callbacks();
        return set_up_sending();
    }

    /// `ca_file` is not curl's to load: see on_context.
    void set_up_tls(const std::string& ca_file) {
        set(CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
        set(CURLOPT_CA_CACHE_TIMEOUT, 0L);  // each connection its own store
        if (request_.unverified_tls) {
            set(CURLOPT_SSL_VERIFYPEER, 0L);
            set(CURLOPT_SSL_VERIFYHOST, 0L);
        }
        if (!request_.ca_pem.empty())
            set_blob(CURLOPT_CAINFO_BLOB, request_.ca_pem);
        else if (!request_.unverified_tls)
            ca_file_ = ca_file;
        set(CURLOPT_SSL_CTX_FUNCTION, &Transfer::on_context);
        set(CURLOPT_SSL_CTX_DATA, static_cast<void*>(this));
        if (request_.client_certificate_pem.empty()) return;
        set(CURLOPT_SSLCERTTYPE, "PEM");
        set_blob(CURLOPT_SSLCERT_BLOB, request_.client_certificate_pem);
        set(CURLOPT_SSLKEYTYPE, "PEM");
        set_blob(CURLOPT_SSLKEY_BLOB, request_.client_key_pem.reveal());
    }

    /// Notes what OpenSSL's verification said: curl reports a CA of the same name with another key, which is what
    /// another Kubernetes cluster has, only as a failed connection. Without renegotiation `self` is never used later.
    static CURLcode on_context(CURL*, void* context, void* self) {
        auto* ssl = static_cast<SSL_CTX*>(context);
        if (const auto& file = static_cast<Transfer*>(self)->ca_file_; !file.empty()) {
            if (auto trusted = trust_bundle(ssl, file); !trusted) {
                static_cast<Transfer*>(self)->failed_ =
                    std::move(trusted).error().with_context(static_cast<Transfer*>(self)->name());
                return CURLE_SSL_CACERT_BADFILE;
            }
        }
        SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION);
        SSL_CTX_set_cert_verify_callback(
            ssl,
            [](X509_STORE_CTX* store, void* transfer) {
                const int good = X509_verify_cert(store);
                static_cast<Transfer*>(transfer)->verify_error_ =
                    good == 1 ? X509_V_OK : X509_STORE_CTX_get_error(store);
                return good;
            },
            self);
        SSL_CTX_set_ex_data(ssl, session_index(), &static_cast<Transfer*>(self)->session_);
        SSL_CTX_set_info_callback(ssl, [](const SSL* connection, int where, int alert) {
            auto* session = static_cast<Session*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(connection), session_index()));
            if (where == SSL_CB_READ_ALERT && (alert & 0xff) == SSL_AD_CLOSE_NOTIFY) session->said_goodbye = true;
        });
        return CURLE_OK;
    }
    static int session_index() {
        static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
        return index;
    }

    /// An answer that only the end of the connection ends is whole when TLS was closed properly (RFC 9112, 9.8).
    /// curl checks that itself from 8 on.
    Result<void> check_end(const Url& url) const {
        const bool has_body = request_.method != "HEAD" && response_.status != 204 && response_.status != 304;
        if (url.scheme != "https" || !has_body || session_.said_goodbye || response_.header("content-length") ||
            response_.header("transfer-encoding"))
            return {};
        return fail(ErrorKind::unavailable, fmt::format("{}: broke off after {} bytes", name(), received_));
    }

    void set_up_callbacks() {
        set(
            CURLOPT_HEADERFUNCTION, +[](char* data, std::size_t size, std::size_t count, void* self) {
                static_cast<Transfer*>(self)->on_header({data, size * count});
                return size * count;
            });
        set(CURLOPT_HEADERDATA, static_cast<void*>(this));
        set(
            CURLOPT_WRITEFUNCTION, +[](char* data, std::size_t size, std::size_t count, void* self) {
                const bool taken = static_cast<Transfer*>(self)->on_body({data, size * count});
                return taken ? size * count : std::size_t{CURL_WRITEFUNC_ERROR};
            });
        set(CURLOPT_WRITEDATA, static_cast<void*>(this));
        set(
            CURLOPT_PREREQFUNCTION, +[](void* self, char*, char*, int, int) {
                static_cast<Transfer*>(self)->connected_ = true;
                return CURL_PREREQFUNC_OK;
            });
        set(CURLOPT_PREREQDATA, static_cast<void*>(this));
        if (!request_.progress) return;
        set(CURLOPT_NOPROGRESS, 0L);
        set(
            CURLOPT_XFERINFOFUNCTION,
            +[](void* self, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now) {
                static_cast<Transfer*>(self)->on_progress(static_cast<std::uint64_t>(now + up_now),
                                                          static_cast<std::uint64_t>(total + up_total));
                return 0;
            });
        set(CURLOPT_XFERINFODATA, static_cast<void*>(this));
    }

    Result<void> set_up_sending() {
        for (const auto& [name, value] : request_.headers) headers_.add(name, value);
        for (const auto& [name, value] : request_.secret_headers) headers_.add(name, value.reveal());
        headers_.raw = curl_slist_append(headers_.raw, "Expect:");  // no pause of a second before a long body
        if (request_.method == "HEAD") set(CURLOPT_NOBODY, 1L);
        if (!request_.upload_file.empty()) {
            upload_ = std::fopen(request_.upload_file.c_str(), "rbe");
            if (upload_ == nullptr || std::fseek(upload_, 0, SEEK_END) != 0)
                return fail(ErrorKind::io, fmt::format("cannot read {} to send it", request_.upload_file));
            set(CURLOPT_UPLOAD, 1L);
            set(CURLOPT_INFILESIZE_LARGE, curl_off_t{std::ftell(upload_)});
            std::rewind(upload_);
            set(CURLOPT_READDATA, static_cast<void*>(upload_));
        } else if (request_.body) {
            // From a function that cannot start again, not as CURLOPT_POSTFIELDS: curl sends a request a second time when
            // a kept connection ends without an answer, and what it asked for may have happened.
            set(CURLOPT_POST, 1L);
            set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body->reveal().size()));
            set(
                CURLOPT_READFUNCTION, +[](char* to, std::size_t size, std::size_t count, void* self) {
                    return static_cast<Transfer*>(self)->give_body({to, size * count});
                });
            set(CURLOPT_READDATA, static_cast<void*>(this));
            if (!has_content_type()) headers_.raw = curl_slist_append(headers_.raw, "Content-Type:");
        }
        set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
        set(CURLOPT_HTTPHEADER, headers_.raw);
        return {};
    }

    std::size_t give_body(std::span<char> to) {
        const auto piece = std::string_view(request_.body->reveal()).substr(sent_, to.size());
        std::copy(piece.begin(), piece.end(), to.begin());
        sent_ += piece.size();
        return piece.size();
    }

    bool has_content_type() const {
        return std::any_of(request_.headers.begin(), request_.headers.end(),
                           [](const auto& header) { return header.first == "Content-Type"; });
    }

    CURLcode perform(std::stop_token stop) {
        curl_multi_add_handle(session_.multi, session_.easy);
        const std::stop_callback wake(stop, [this] { curl_multi_wakeup(session_.multi); });
        for (int running = 1; running != 0;) {
            if (stop.stop_requested()) return CURLE_ABORTED_BY_CALLBACK;
            if (curl_multi_perform(session_.multi, &running) != CURLM_OK) return CURLE_FAILED_INIT;
            if (running != 0) curl_multi_poll(session_.multi, nullptr, 0, 1000, nullptr);
        }
        int left = 0;
        const CURLMsg* done = curl_multi_info_read(session_.multi, &left);
        return done != nullptr ? done->data.result : CURLE_FAILED_INIT;
    }

    void on_header(std::string_view line) {
        if (line.starts_with("HTTP/")) response_.headers.clear();  // a 1xx answer came before
        const auto colon = line.find(':');
        if (colon == std::string_view::npos) return;
        std::string key(line.substr(0, colon));
        std::transform(key.begin(), key.end(), key.begin(),
                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
        response_.headers.emplace_back(std::move(key), trimmed(line.substr(colon + 1)));
    }

    Result<void> start() {
        started_ = true;
        long status = 0;
        curl_easy_getinfo(session_.easy, CURLINFO_RESPONSE_CODE, &status);
        response_.status = static_cast<int>(status);
        curl_off_t length = -1;
        curl_easy_getinfo(session_.easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
        if (length > 0 && request_.method != "HEAD" && static_cast<std::uint64_t>(length) > request_.max_body)
            return too_long();
        if (request_.on_headers) return request_.on_headers(response_);
        return {};
    }

    tl::unexpected<Error> too_long() const {
        return fail(ErrorKind::corrupted,
                    fmt::format("{}: the answer is longer than {} bytes, refused", name(), request_.max_body));
    }

    bool on_body(std::string_view piece) {
        auto taken = started_ ? Result<void>{} : start();
        received_ += piece.size();
        if (taken && received_ > request_.max_body) taken = too_long();
        if (taken && request_.sink && response_.ok()) {
            taken = request_.sink(piece);
        } else if (taken) {
            response_.body.append(piece);
        }
        if (!taken) failed_ = std::move(taken).error();
        return !failed_;
    }

    void on_progress(std::uint64_t now, std::uint64_t total) {
        const auto time = std::chrono::steady_clock::now();
        if (now == 0 || (time - reported_ < std::chrono::milliseconds(100) && now != total)) return;
        reported_ = time;
        request_.progress(now, total);
    }

    Error explain(CURLcode code, const std::string& ca_file) const {
        const std::string said = without_time(message_[0] != '\0' ? message_.data() : curl_easy_strerror(code));
        Error error{ErrorKind::unavailable, fmt::format("{}: {}", name(), said), {}, {}};
        switch (code) {
            case CURLE_OPERATION_TIMEDOUT:
                error.kind = ErrorKind::timeout;
                if (!connected_) error.hint = resolved() ? unreachable : no_name;
                break;
            case CURLE_COULDNT_RESOLVE_HOST: error.hint = no_name; break;
            case CURLE_COULDNT_CONNECT: error.hint = unreachable; break;
            case CURLE_SEND_FAIL_REWIND:
                error.message = fmt::format("{}: the connection ended without an answer", name());
                break;
            case CURLE_PARTIAL_FILE:
            case CURLE_RECV_ERROR:
                error.message = fmt::format("{}: broke off after {} bytes: {}", name(), received_, said);
                break;
            case CURLE_SSL_CONNECT_ERROR:
                if (verify_error_ != X509_V_OK) {
                    error.message = fmt::format("{}: {}", name(), X509_verify_cert_error_string(verify_error_));
                    explain_certificate(error, ca_file);
                }
                break;
            case CURLE_PEER_FAILED_VERIFICATION: explain_certificate(error, ca_file); break;
            case CURLE_SSL_CACERT_BADFILE:
                error.kind = ErrorKind::invalid_input;
                error.hint = "the CA certificate given for this server cannot be read";
                break;
            case CURLE_SSL_CERTPROBLEM: error.kind = ErrorKind::invalid_input; break;
            case CURLE_URL_MALFORMAT:
            case CURLE_UNSUPPORTED_PROTOCOL: error.kind = ErrorKind::invalid_input; break;
            case CURLE_FAILED_INIT:
            case CURLE_OUT_OF_MEMORY: error.kind = ErrorKind::internal; break;
            default: break;
        }
        error.unsent = is_no_answer(error) && !connected_;
        return error;
    }

    static constexpr auto no_name = "check the name, and the DNS servers in /etc/resolv.conf";
    static constexpr auto unreachable =
        "is there a way to that address (routes, NAT, security groups, a proxy), and does something listen there?";
    bool resolved() const {
        curl_off_t microseconds = 0;
        curl_easy_getinfo(session_.easy, CURLINFO_NAMELOOKUP_TIME_T, &microseconds);
        return microseconds > 0;
    }

    void explain_certificate(Error& error, const std::string& ca_file) const {
        if (verify_error_ == X509_V_ERR_CERT_NOT_YET_VALID) {  // passes when time synchronisation has set the clock
            error.hint = "is this machine's clock right? The certificate is not valid yet";
            return;
        }
        error.kind = ErrorKind::refused;
        if (verify_error_ == X509_V_ERR_CERT_HAS_EXPIRED) {
            error.hint = "the server's certificate has expired, or this machine's clock is ahead";
        } else if (!request_.ca_pem.empty()) {
            error.hint = "the server's certificate does not come from the CA that this cluster was pinned to";
        } else if (ca_file.empty()) {
            error.hint = "no CA bundle found; install ca-certificates, or set SSL_CERT_FILE";
        } else {
            error.hint = fmt::format("trusted are the CAs in {}; for a CA of your own set aws.ca_file or SSL_CERT_FILE",
                                     ca_file);
        }
    }

    const HttpRequest& request_;
    Session& session_;
    HttpResponse response_;
    HeaderList headers_;
    std::FILE* upload_ = nullptr;
    std::string ca_file_;  ///< to trust; empty: ca_pem, or nobody
    std::array<char, CURL_ERROR_SIZE> message_{};
    std::optional<Error> failed_;
    std::uint64_t received_ = 0;
    std::size_t sent_ = 0;  ///< bytes of the body
    std::chrono::steady_clock::time_point reported_{};
    bool connected_ = false;  ///< once: from here on the server may have the request
    bool started_ = false;
    int verify_error_ = X509_V_OK;
};

class CurlHttp final : public Http {
   public:
    explicit CurlHttp(CurlOptions options) : options_(std::move(options)) {
        static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
        static_cast<void>(ready);
    }

    Result<HttpResponse> send(const HttpRequest& request, std::stop_token stop) override {
        auto session = take();
        auto response = [&] {
            Transfer transfer(request, *session);
            return transfer.run(options_, find_ca_file(options_.ca_file), std::move(stop));
        }();
        // c-ares read /etc/resolv.conf when the session was made, and at first boot that changes.
        if (!response && is_no_answer(response.error())) return response;
        const std::lock_guard lock(mutex_);
        idle_.push_back(std::move(session));
        return response;
    }

   private:
    /// The one used last, whose connections are the freshest; as many as there are requests at once.
    std::unique_ptr<Session> take() {
        const std::lock_guard lock(mutex_);
        if (idle_.empty()) return std::make_unique<Session>();
        auto session = std::move(idle_.back());
        idle_.pop_back();
        return session;
    }

    CurlOptions options_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<Session>> idle_;
};

}  // namespace

std::string find_ca_file(const std::string& setting) {
    if (!setting.empty()) return setting;
    if (const char* file = std::getenv("SSL_CERT_FILE"); file != nullptr && *file != '\0') return file;
    for (const char* place : ca_places)
        if (::access(place, R_OK) == 0) return place;
    return {};
}

std::unique_ptr<Http> make_curl_http(CurlOptions options) { return std::make_unique<CurlHttp>(std::move(options)); }

}  // namespace nodeboot
