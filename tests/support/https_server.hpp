#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/test_pki.hpp"

namespace nodeboot::testing {

/// A real server on 127.0.0.1, with or without TLS, that answers each request with the bytes a test wants; so that
/// curl meets wrong certificates, answers that break off and silence. One thread a connection.
class HttpsServer {
   public:
    struct Request {
        std::string method, target, head, body;
        int connection = 0;              ///< counts from 1: tells whether a connection was reused
        std::string client_common_name;  ///< of the client's certificate, if it showed one
    };
    struct Reply {
        std::string bytes;                   ///< status line, headers, body: as they are
        bool close = false;                  ///< cut the connection afterwards, without TLS's goodbye
        std::chrono::milliseconds stall{0};  ///< silence before the first byte
    };
    using Handler = std::function<Reply(const Request&)>;
    struct Options {
        KeyPair identity;       ///< empty: plain HTTP
        std::string client_ca;  ///< PEM: ask for client certificates
    };

    HttpsServer(Options options, Handler handler);
    ~HttpsServer();
    HttpsServer(const HttpsServer&) = delete;
    HttpsServer& operator=(const HttpsServer&) = delete;

    std::string url(const std::string& path = "/") const;
    int connections() const { return connections_; }

    /// "HTTP/1.1 200 OK" with Content-Length.
    static Reply reply(int status, const std::string& body, const std::string& more_headers = {});

   private:
    void accept_loop();
    void serve(int socket, int number);

    Options options_;
    Handler handler_;
    void* context_ = nullptr;  ///< SSL_CTX
    int listener_ = -1;
    unsigned port_ = 0;
    std::atomic<int> connections_{0};
    std::atomic<bool> stopping_{false};
    std::mutex mutex_;
    std::vector<int> open_;
    std::vector<std::thread> threads_;
    std::thread accepting_;
};

}  // namespace nodeboot::testing
