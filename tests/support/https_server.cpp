#include "support/https_server.hpp"

#include <fmt/core.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace nodeboot::testing {
namespace {

template <class T, class Read>
T* from_pem(const std::string& text, Read read) {
    BIO* in = BIO_new_mem_buf(text.data(), static_cast<int>(text.size()));
    T* value = read(in, nullptr, nullptr, nullptr);
    BIO_free(in);
    return value;
}

SSL_CTX* make_context(const HttpsServer::Options& options) {
    SSL_CTX* context = SSL_CTX_new(TLS_server_method());
    X509* certificate = from_pem<X509>(options.identity.certificate, PEM_read_bio_X509);
    EVP_PKEY* key = from_pem<EVP_PKEY>(options.identity.key, PEM_read_bio_PrivateKey);
    SSL_CTX_use_certificate(context, certificate);
    SSL_CTX_use_PrivateKey(context, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
    if (!options.client_ca.empty()) {
        X509* ca = from_pem<X509>(options.client_ca, PEM_read_bio_X509);
        X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca);
        X509_free(ca);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    }
    return context;
}

/// A socket with or without TLS.
class Stream {
   public:
    Stream(int socket, SSL_CTX* context) : socket_(socket), ssl_(context != nullptr ? SSL_new(context) : nullptr) {
        if (ssl_ != nullptr) SSL_set_fd(ssl_, socket_);
    }
    ~Stream() { SSL_free(ssl_); }
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    bool handshake() { return ssl_ == nullptr || SSL_accept(ssl_) == 1; }
    int read(char* buffer, int size) {
        return ssl_ != nullptr ? SSL_read(ssl_, buffer, size)
                               : static_cast<int>(::read(socket_, buffer, static_cast<std::size_t>(size)));
    }
    bool write(const std::string& bytes) {
        for (std::size_t sent = 0; sent < bytes.size();) {
            const auto part = std::min<std::size_t>(bytes.size() - sent, 16384);
            const auto n = ssl_ != nullptr ? SSL_write(ssl_, bytes.data() + sent, static_cast<int>(part))
                                           : static_cast<int>(::write(socket_, bytes.data() + sent, part));
            if (n <= 0) return false;
            sent += static_cast<std::size_t>(n);
        }
        return true;
    }
    std::string client_common_name() const {
        X509* certificate = ssl_ != nullptr ? SSL_get1_peer_certificate(ssl_) : nullptr;
        if (certificate == nullptr) return {};
        char name[100] = {};
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
        X509_free(certificate);
        return name;
    }

   private:
    int socket_;
    SSL* ssl_;
};

std::size_t content_length(const std::string& head) {
    const auto at = head.find("Content-Length: ");
    return at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
}

}  // namespace

HttpsServer::HttpsServer(Options options, Handler handler)
    : options_(std::move(options)), handler_(std::move(handler)) {
    if (!options_.identity.certificate.empty()) context_ = make_context(options_);
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), length);
    ::listen(listener_, 64);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    accepting_ = std::thread([this] { accept_loop(); });
}

HttpsServer::~HttpsServer() {
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    accepting_.join();
    {
        const std::lock_guard lock(mutex_);
        for (const int socket : open_) ::shutdown(socket, SHUT_RDWR);
    }
    for (auto& thread : threads_) thread.join();
    ::close(listener_);
    SSL_CTX_free(static_cast<SSL_CTX*>(context_));
}

std::string HttpsServer::url(const std::string& path) const {
    return fmt::format("{}://127.0.0.1:{}{}", context_ != nullptr ? "https" : "http", port_, path);
}

HttpsServer::Reply HttpsServer::reply(int status, const std::string& body, const std::string& more_headers) {
    return {fmt::format("HTTP/1.1 {} X\r\nContent-Length: {}\r\n{}\r\n{}", status, body.size(), more_headers, body)};
}

void HttpsServer::accept_loop() {
    while (!stopping_) {
        const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (socket < 0) continue;
        const std::lock_guard lock(mutex_);
        open_.push_back(socket);
        threads_.emplace_back([this, socket, number = ++connections_] {
            serve(socket, number);
            const std::lock_guard inner(mutex_);
            open_.erase(std::find(open_.begin(), open_.end(), socket));
            ::close(socket);
        });
    }
}

void HttpsServer::serve(int socket, int number) {
    Stream stream(socket, static_cast<SSL_CTX*>(context_));
    if (!stream.handshake()) return;
    std::string pending;
    char buffer[16384];
    for (;;) {
        std::size_t end = 0;
        while ((end = pending.find("\r\n\r\n")) == std::string::npos ||
               pending.size() < end + 4 + content_length(pending.substr(0, end))) {
            const int got = stream.read(buffer, sizeof buffer);
            if (got <= 0) return;
            pending.append(buffer, static_cast<std::size_t>(got));
        }
        Request request;
        request.head = pending.substr(0, end + 2);
        request.body = pending.substr(end + 4, content_length(request.head));
        pending.erase(0, end + 4 + request.body.size());
        request.method = request.head.substr(0, request.head.find(' '));
        const auto target = request.method.size() + 1;
        request.target = request.head.substr(target, request.head.find(' ', target) - target);
        request.connection = number;
        request.client_common_name = stream.client_common_name();
        const Reply reply = handler_(request);
        for (auto left = reply.stall; left.count() > 0 && !stopping_; left -= std::chrono::milliseconds(20))
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        if (!stream.write(reply.bytes) || reply.close) {
            ::shutdown(socket, SHUT_RDWR);
            return;
        }
    }
}

}  // namespace nodeboot::testing
