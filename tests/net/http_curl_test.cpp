#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <thread>

#include "net/http.hpp"
#include "net/sha256.hpp"
#include "support/https_server.hpp"

namespace nodeboot {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HttpsServer;

class CurlHttpTest : public ::testing::Test {
   protected:
    std::unique_ptr<HttpsServer> serve(HttpsServer::Handler handler, std::string client_ca = {}) {
        return std::make_unique<HttpsServer>(HttpsServer::Options{identity_, std::move(client_ca)}, std::move(handler));
    }
    HttpRequest request(const HttpsServer& server, const std::string& path = "/") const {
        HttpRequest out;
        out.url = server.url(path);
        out.ca_pem = ca_.certificate;
        return out;
    }

    testing::KeyPair ca_ = testing::make_ca("test CA");
    testing::KeyPair identity_ = testing::make_certificate(ca_, {.common_name = "server", .names = {"IP:127.0.0.1"}});
    std::unique_ptr<Http> http_ = make_curl_http();
};

TEST_F(CurlHttpTest, a_request_arrives_as_it_was_meant_and_the_answer_comes_back) {
    HttpsServer::Request seen;
    const auto server = serve([&](const HttpsServer::Request& r) {
        seen = r;
        return HttpsServer::reply(201, "made", "X-Answer:  yes \r\n");
    });
    auto ask = request(*server, "/a/./b%20c?x=1");
    ask.method = "PATCH";
    ask.headers = {{"Content-Type", "application/json"}, {"X-Empty", ""}};
    ask.secret_headers.emplace_back("Authorization", Secret("Bearer t"));
    ask.body = Secret("{}");
    const auto answer = http_->send(ask);
    ASSERT_TRUE(answer) << answer.error().text();
    EXPECT_EQ(answer->status, 201);
    EXPECT_EQ(answer->body, "made");
    EXPECT_EQ(answer->header("x-answer"), "yes");
    EXPECT_EQ(seen.method, "PATCH");
    EXPECT_EQ(seen.target, "/a/./b%20c?x=1");
    EXPECT_EQ(seen.body, "{}");
    for (const auto* line :
         {"Content-Type: application/json\r\n", "X-Empty:\r\n", "Authorization: Bearer t\r\n", "Content-Length: 2\r\n"})
        EXPECT_NE(seen.head.find(line), std::string::npos) << line << " not in\n" << seen.head;
}

TEST_F(CurlHttpTest, connections_are_kept_from_request_to_request) {
    const auto server = serve([](const auto&) { return HttpsServer::reply(200, "x"); });
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(http_->send(request(*server)));
    EXPECT_EQ(server->connections(), 1);
    auto last = request(*server);
    last.close_connection = true;
    ASSERT_TRUE(http_->send(last));
    ASSERT_TRUE(http_->send(request(*server)));
    EXPECT_EQ(server->connections(), 2);
}

TEST_F(CurlHttpTest, a_request_with_a_body_is_never_sent_twice) {
    std::atomic<int> asked{0};
    const auto server = serve([&](const HttpsServer::Request& r) {
        if (r.body != "make one") return HttpsServer::reply(200, "x");
        ++asked;
        return HttpsServer::Reply{.bytes = {}, .close = true};  // it is made, and nobody is told
    });
    auto ask = request(*server);
    ask.method = "POST";
    ask.body = Secret("look");
    ASSERT_TRUE(http_->send(ask));  // the connection is kept: curl would take a new one for a second try
    ask.body = Secret("make one");
    const auto answer = http_->send(ask);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, ErrorKind::unavailable);
    EXPECT_NE(answer.error().text().find("without an answer"), std::string::npos) << answer.error().text();
    EXPECT_EQ(asked, 1);
}

TEST_F(CurlHttpTest, many_threads_may_send_at_once) {
    const auto server = serve([](const HttpsServer::Request& r) { return HttpsServer::reply(200, r.target); });
    std::atomic<int> right{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < 10; ++i) {
                const std::string path = "/" + std::to_string(t * 100 + i);
                const auto answer = http_->send(request(*server, path));
                if (answer && answer->body == path) ++right;
            }
        });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(right, 80);
}

TEST_F(CurlHttpTest, a_certificate_of_another_ca_is_refused_before_anything_is_sent) {
    bool asked = false;
    const auto server = serve([&](const auto&) {
        asked = true;
        return HttpsServer::reply(200, "x");
    });
    auto ask = request(*server);
    ask.ca_pem = testing::make_ca("test CA").certificate;  // the same name, another key
    const auto answer = http_->send(ask);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, ErrorKind::refused) << answer.error().text();
    EXPECT_NE(answer.error().hint.find("does not come from the CA"), std::string::npos);
    EXPECT_FALSE(asked);
}

TEST_F(CurlHttpTest, another_hosts_and_expired_certificates_are_refused) {
    identity_ = testing::make_certificate(ca_, {.common_name = "server", .names = {"IP:10.0.0.1", "DNS:other"}});
    auto server = serve([](const auto&) { return HttpsServer::reply(200, "x"); });
    EXPECT_EQ(http_->send(request(*server)).error().kind, ErrorKind::refused);
    identity_ = testing::make_certificate(ca_, {.common_name = "server",
                                                .names = {"IP:127.0.0.1"},
                                                .valid_from = std::chrono::hours(-2),
                                                .valid_until = std::chrono::hours(-1)});
    server = serve([](const auto&) { return HttpsServer::reply(200, "x"); });
    const auto expired = http_->send(request(*server));
    EXPECT_EQ(expired.error().kind, ErrorKind::refused);
    EXPECT_NE(expired.error().hint.find("expired"), std::string::npos) << expired.error().text();
}

TEST_F(CurlHttpTest, a_certificate_of_the_future_is_worth_another_try_and_the_clock_a_look) {
    identity_ = testing::make_certificate(
        ca_, {.common_name = "server", .names = {"IP:127.0.0.1"}, .valid_from = std::chrono::hours(1)});
    const auto server = serve([](const auto&) { return HttpsServer::reply(200, "x"); });
    const auto answer = http_->send(request(*server));
    EXPECT_EQ(answer.error().kind, ErrorKind::unavailable) << answer.error().text();
    EXPECT_NE(answer.error().hint.find("clock"), std::string::npos);
}

TEST_F(CurlHttpTest, the_ca_file_of_the_environment_is_used_and_an_unreadable_one_is_named) {
    const auto server = serve([](const auto&) { return HttpsServer::reply(200, "x"); });
    const std::string file = ::testing::TempDir() + "nodeboot_test_ca.pem";
    std::ofstream(file) << ca_.certificate;
    auto ask = request(*server);
    ask.ca_pem.clear();
    EXPECT_EQ(http_->send(ask).error().kind, ErrorKind::refused);
    ::setenv("SSL_CERT_FILE", file.c_str(), 1);
    EXPECT_TRUE(http_->send(ask));
    ::unsetenv("SSL_CERT_FILE");
    const auto named = make_curl_http({.ca_file = "/absent/ca.pem"})->send(ask);
    ASSERT_FALSE(named);
    EXPECT_NE((named.error().text() + named.error().hint).find("/absent/ca.pem"), std::string::npos);
}

TEST_F(CurlHttpTest, a_client_certificate_is_shown) {
    const auto client = testing::make_certificate(ca_, {.common_name = "system:node:a"});
    const auto server = serve(
        [](const HttpsServer::Request& r) { return HttpsServer::reply(200, r.client_common_name); }, ca_.certificate);
    EXPECT_EQ(http_->send(request(*server))->body, "");
    auto ask = request(*server);
    ask.client_certificate_pem = client.key + client.certificate;  // both in one file, as kubelet writes it
    ask.client_key_pem = Secret(client.key + client.certificate);
    const auto answer = http_->send(ask);
    ASSERT_TRUE(answer) << answer.error().text();
    EXPECT_EQ(answer->body, "system:node:a");
    // and a request without it does not ride on that connection
    EXPECT_EQ(http_->send(request(*server))->body, "");
}

TEST_F(CurlHttpTest, only_who_asks_for_it_gets_unverified_tls_and_its_connection_is_not_reused) {
    const auto server = serve([](const auto&) { return HttpsServer::reply(200, "x"); });
    auto ask = request(*server);
    ask.ca_pem.clear();
    ask.unverified_tls = true;
    EXPECT_TRUE(http_->send(ask));
    ask.unverified_tls = false;
    ask.ca_pem = testing::make_ca("other").certificate;
    EXPECT_EQ(http_->send(ask).error().kind, ErrorKind::refused);
}

TEST_F(CurlHttpTest, an_answer_that_breaks_off_is_an_error_and_not_a_short_answer) {
    const std::vector<std::string> cut{
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nno length, and no TLS goodbye",
        "HTTP/1.1 200",
        "",
    };
    for (const auto& bytes : cut) {
        const auto server = serve([&](const auto&) { return HttpsServer::Reply{bytes, true}; });
        const auto answer = http_->send(request(*server));
        ASSERT_FALSE(answer) << bytes;
        EXPECT_EQ(answer.error().kind, ErrorKind::unavailable) << answer.error().text();
    }
}

TEST_F(CurlHttpTest, silence_ends_at_the_timeout_or_when_nothing_moves) {
    const auto server = serve([](const auto&) { return HttpsServer::Reply{"", false, seconds(600)}; });
    auto ask = request(*server);
    ask.timeout = milliseconds(200);
    EXPECT_EQ(http_->send(ask).error().kind, ErrorKind::timeout);
    ask.timeout = seconds(300);
    ask.stall_timeout = seconds(1);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(http_->send(ask).error().kind, ErrorKind::timeout);
    EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(150));
}

TEST_F(CurlHttpTest, a_stop_request_ends_a_transfer_at_once) {
    const auto server = serve([](const auto&) { return HttpsServer::Reply{"", false, seconds(600)}; });
    auto ask = request(*server);
    ask.timeout = ask.stall_timeout = seconds(300);
    std::stop_source stop;
    std::thread stopper([&] {
        std::this_thread::sleep_for(milliseconds(100));
        stop.request_stop();
    });
    const auto start = std::chrono::steady_clock::now();
    const auto answer = http_->send(ask, stop.get_token());
    stopper.join();
    EXPECT_EQ(answer.error().kind, ErrorKind::cancelled);
    EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(60));
}

TEST_F(CurlHttpTest, a_large_body_streams_through_a_running_digest) {
    const std::string block(1 << 20, 'n');
    Sha256 expected;
    for (int i = 0; i < 32; ++i) expected.update(block);
    std::string body;
    for (int i = 0; i < 32; ++i) body += block;
    const auto server = serve([&](const auto&) { return HttpsServer::reply(200, body); });
    auto ask = request(*server);
    Sha256 hash;
    std::uint64_t last = 0, total = 0;
    ask.max_body = 64U << 20;
    ask.sink = [&](std::string_view piece) -> Result<void> {
        hash.update(piece);
        return {};
    };
    ask.progress = [&](std::uint64_t now, std::uint64_t all) {
        last = now;
        total = all;
    };
    const auto answer = http_->send(ask);
    ASSERT_TRUE(answer) << answer.error().text();
    EXPECT_EQ(hash.finish_hex(), expected.finish_hex());
    EXPECT_TRUE(answer->body.empty());
    EXPECT_EQ(last, body.size());
    EXPECT_EQ(total, body.size());
}

TEST_F(CurlHttpTest, an_answer_longer_than_allowed_is_refused_with_or_without_a_length) {
    for (const std::string head : {"Content-Length: 2000\r\n", "Connection: close\r\n"}) {
        const auto server = serve([&](const auto&) {
            return HttpsServer::Reply{"HTTP/1.1 200 OK\r\n" + head + "\r\n" + std::string(2000, 'x'), true};
        });
        auto ask = request(*server);
        ask.max_body = 1000;
        EXPECT_EQ(http_->send(ask).error().kind, ErrorKind::corrupted);
    }
}

TEST_F(CurlHttpTest, a_sink_that_fails_ends_the_transfer_with_its_own_error) {
    const auto server = serve([](const auto&) { return HttpsServer::reply(200, std::string(100000, 'x')); });
    auto ask = request(*server);
    ask.sink = [](std::string_view) -> Result<void> { return fail(ErrorKind::io, "No space left on device"); };
    const auto answer = http_->send(ask);
    EXPECT_EQ(answer.error().kind, ErrorKind::io);
    EXPECT_EQ(answer.error().text(), "No space left on device");
}

TEST_F(CurlHttpTest, the_body_of_an_error_answer_does_not_go_into_the_sink) {
    const auto server = serve([](const auto&) { return HttpsServer::reply(404, "not here"); });
    auto ask = request(*server);
    bool fed = false;
    ask.sink = [&](std::string_view) -> Result<void> {
        fed = true;
        return {};
    };
    const auto answer = http_->send(ask);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body, "not here");
    EXPECT_FALSE(fed);
    const auto error = status_error(ask, *answer);
    EXPECT_EQ(error.kind, ErrorKind::not_found);
    EXPECT_EQ(error.text(), "GET " + ask.url + ": 404 Not Found: not here");
}

TEST_F(CurlHttpTest, redirects_are_reported_and_not_followed) {
    int asked = 0;
    const auto server = serve([&](const auto&) {
        ++asked;
        return HttpsServer::reply(302, "", "Location: https://elsewhere.example/?token=x\r\n");
    });
    const auto answer = http_->send(request(*server));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 302);
    EXPECT_EQ(asked, 1);
    EXPECT_NE(status_error(request(*server), *answer)
                  .text()
                  .find("302 Found to https://elsewhere.example/?token=… (redirects are not followed)"),
              std::string::npos);
}

TEST_F(CurlHttpTest, files_are_uploaded_with_their_length) {
    const std::string file = ::testing::TempDir() + "nodeboot_upload";
    std::ofstream(file) << std::string(300000, 'u');
    const auto server =
        serve([](const HttpsServer::Request& r) { return HttpsServer::reply(200, sha256_hex(r.body)); });
    auto ask = request(*server);
    ask.method = "PUT";
    ask.upload_file = file;
    const auto answer = http_->send(ask);
    ASSERT_TRUE(answer) << answer.error().text();
    EXPECT_EQ(answer->body, sha256_hex(std::string(300000, 'u')));
    ask.upload_file = file + ".absent";
    EXPECT_EQ(http_->send(ask).error().kind, ErrorKind::io);
}

TEST_F(CurlHttpTest, nobody_there_and_bad_urls_have_their_own_kinds_and_show_no_credentials) {
    HttpRequest ask;
    ask.url = "https://127.0.0.1:1/x?token=geheim";
    const auto answer = http_->send(ask);
    EXPECT_EQ(answer.error().kind, ErrorKind::unavailable);
    EXPECT_EQ(answer.error().text().find("geheim"), std::string::npos);
    EXPECT_NE(answer.error().text().find("GET https://127.0.0.1:1/x?token=…: "), std::string::npos);
    EXPECT_EQ(answer.error().text().find(" after "), std::string::npos) << "a time, so that no two are the same";
    for (const auto* url : {"file:///etc/passwd", "https://user:geheim@127.0.0.1/", "nonsense"}) {
        ask.url = url;
        const auto bad = http_->send(ask);
        EXPECT_EQ(bad.error().kind, ErrorKind::invalid_input) << url;
        EXPECT_EQ(bad.error().text().find("geheim"), std::string::npos);
    }
}

TEST_F(CurlHttpTest, head_has_no_body_and_on_headers_comes_once) {
    const auto server =
        serve([](const auto&) { return HttpsServer::Reply{"HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n"}; });
    auto ask = request(*server);
    ask.method = "HEAD";
    int calls = 0;
    ask.on_headers = [&](const HttpResponse& head) -> Result<void> {
        ++calls;
        EXPECT_EQ(head.header("content-length"), "77");
        return {};
    };
    ASSERT_TRUE(http_->send(ask));
    EXPECT_EQ(calls, 1);
}

TEST_F(CurlHttpTest, plain_http_works_for_the_metadata_service) {
    HttpsServer server({}, [](const HttpsServer::Request& r) { return HttpsServer::reply(200, r.method); });
    HttpRequest ask;
    ask.method = "PUT";
    ask.url = server.url("/latest/api/token");
    const auto answer = http_->send(ask);
    ASSERT_TRUE(answer) << answer.error().text();
    EXPECT_EQ(answer->body, "PUT");
}

}  // namespace
}  // namespace nodeboot
