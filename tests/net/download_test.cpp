#include "net/download.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "net/sha256.hpp"
#include "support/fake_http.hpp"
#include "support/https_server.hpp"
#include "support/manual_clock.hpp"

namespace nodeboot {
namespace {

using testing::HttpsServer;
namespace fs = std::filesystem;

class DownloadTest : public ::testing::Test {
   protected:
    void SetUp() override {
        std::string pattern = ::testing::TempDir() + "downloadXXXXXX";
        folder_ = ::mkdtemp(pattern.data());
        for (int i = 0; i < 40000; ++i) content_ += std::to_string(i) + ",";
    }
    void TearDown() override { fs::remove_all(folder_); }

    Result<Downloaded> fetch(const std::string& url, const std::string& sha256, Http& http) {
        return download(
            http, clock_,
            {.url = url, .path = folder_ + "/file", .sha256 = sha256, .mode = 0755, .headers = {{"X-Key", "k"}}},
            {.deadline = Deadline::after(clock_, std::chrono::minutes(5)), .random = [] { return 0.5; }});
    }
    std::string file(const std::string& name = "/file") const {
        std::ifstream in(folder_ + name);
        std::stringstream out;
        out << in.rdbuf();
        return out.str();
    }

    std::string folder_, content_;
    testing::ManualClock clock_;
    std::unique_ptr<Http> http_ = make_curl_http();
};

/// Serves `content` with ranges, and cuts the connection after `cut` bytes as long as `cuts` lasts.
HttpsServer::Handler file_server(const std::string& content, int cuts, std::vector<std::string>& ranges) {
    return [&content, cuts, &ranges](const HttpsServer::Request& request) mutable {
        std::size_t from = 0;
        const auto at = request.head.find("Range: bytes=");
        if (at != std::string::npos) from = std::stoul(request.head.substr(at + 13));
        ranges.push_back(at == std::string::npos ? "all" : std::to_string(from));
        const std::string rest = content.substr(from);
        auto reply =
            HttpsServer::reply(from > 0 ? 206 : 200, rest,
                               "ETag: \"v1\"\r\nContent-Range: bytes " + std::to_string(from) + "-" +
                                   std::to_string(content.size() - 1) + "/" + std::to_string(content.size()) + "\r\n");
        if (cuts > 0) {
            --cuts;
            reply.bytes.resize(reply.bytes.size() - rest.size() / 2);
            reply.close = true;
        }
        return reply;
    };
}

TEST_F(DownloadTest, a_file_arrives_whole_with_its_mode_and_digest) {
    std::vector<std::string> ranges;
    HttpsServer server({}, file_server(content_, 0, ranges));
    const auto done = fetch(server.url(), sha256_hex(content_), *http_);
    ASSERT_TRUE(done) << done.error().text();
    EXPECT_EQ(done->size, content_.size());
    EXPECT_EQ(file(), content_);
    struct stat info {};
    ::stat((folder_ + "/file").c_str(), &info);
    EXPECT_EQ(info.st_mode & 07777, 0755u);
    EXPECT_FALSE(fs::exists(folder_ + "/file.part"));
}

TEST_F(DownloadTest, a_connection_that_breaks_is_continued_where_it_broke) {
    std::vector<std::string> ranges;
    HttpsServer server({}, file_server(content_, 3, ranges));
    const auto done = fetch(server.url(), sha256_hex(content_), *http_);
    ASSERT_TRUE(done) << done.error().text();
    EXPECT_EQ(file(), content_);
    ASSERT_EQ(ranges.size(), 4u);
    EXPECT_EQ(ranges[0], "all");
    EXPECT_EQ(ranges[1], std::to_string(content_.size() - content_.size() / 2));
}

TEST_F(DownloadTest, without_a_digest_only_an_unchanged_file_is_continued) {
    testing::FakeHttp http;
    const auto breaks_after = [](const std::string& bytes, std::vector<std::pair<std::string, std::string>> headers) {
        return [=](const HttpRequest& request) -> Result<HttpResponse> {
            NB_CHECK(request.on_headers({200, headers, ""}));
            NB_CHECK(request.sink(bytes));
            return fail(ErrorKind::unavailable, "broke off");
        };
    };
    http.then(breaks_after("half", {{"etag", "\"v1\""}}));
    http.then(200, "another file", {{"etag", "\"v2\""}});
    ASSERT_TRUE(fetch("https://h/f", "", http));
    EXPECT_EQ(testing::header_of(http.requests[1], "Range"), "bytes=4-");
    EXPECT_EQ(testing::header_of(http.requests[1], "If-Range"), "\"v1\"");
    EXPECT_EQ(file(), "another file");
    http.then(breaks_after("half", {}));
    http.then(200, "whole");
    ASSERT_TRUE(fetch("https://h/f", "", http));
    EXPECT_EQ(testing::header_of(http.requests[3], "Range"), "");
    EXPECT_EQ(file(), "whole");
}

TEST_F(DownloadTest, what_an_earlier_run_left_is_continued_and_thrown_away_if_it_was_something_else) {
    std::vector<std::string> ranges;
    HttpsServer server({}, file_server(content_, 0, ranges));
    std::ofstream(folder_ + "/file.part") << content_.substr(0, 1000);
    ASSERT_TRUE(fetch(server.url(), sha256_hex(content_), *http_));
    EXPECT_EQ(ranges, std::vector<std::string>{"1000"});
    EXPECT_EQ(file(), content_);

    ranges.clear();
    std::ofstream(folder_ + "/file.part") << std::string(1000, '?');
    ASSERT_TRUE(fetch(server.url(), sha256_hex(content_), *http_));
    EXPECT_EQ(ranges, (std::vector<std::string>{"1000", "all"}));
    EXPECT_EQ(file(), content_);
}

TEST_F(DownloadTest, another_digest_is_refused_and_nothing_is_left_behind) {
    std::vector<std::string> ranges;
    HttpsServer server({}, file_server(content_, 0, ranges));
    std::ofstream(folder_ + "/file") << "the old one";
    const auto done = fetch(server.url(), std::string(64, '0'), *http_);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind, ErrorKind::corrupted);
    EXPECT_NE(done.error().text().find("expected 0000"), std::string::npos);
    EXPECT_EQ(file(), "the old one");
    EXPECT_FALSE(fs::exists(folder_ + "/file.part"));
}

TEST_F(DownloadTest, server_errors_are_retried_and_a_missing_file_is_not) {
    testing::FakeHttp http;
    http.then(503, "later");
    http.then(ErrorKind::unavailable, "no route");
    http.then(200, "content");
    ASSERT_TRUE(fetch("https://h/f", sha256_hex("content"), http));
    EXPECT_EQ(file(), "content");
    http.then(404, "");
    EXPECT_EQ(fetch("https://h/f", "", http).error().kind, ErrorKind::not_found);
    EXPECT_EQ(http.requests.size(), 4u);
}

TEST_F(DownloadTest, redirects_are_followed_but_never_away_from_https) {
    testing::FakeHttp http;
    http.then(302, "", {{"location", "/other"}});
    http.then(307, "", {{"location", "https://cdn.example/f?sig=1"}});
    http.then(200, "content");
    ASSERT_TRUE(fetch("https://h/f", "", http));
    EXPECT_EQ(http.requests[1].url, "https://h/other");
    EXPECT_EQ(http.requests[2].url, "https://cdn.example/f?sig=1");
    EXPECT_EQ(testing::header_of(http.requests[1], "X-Key"), "k");
    EXPECT_EQ(testing::header_of(http.requests[2], "X-Key"), "");  // another host
    http.then(302, "", {{"location", "http://cdn.example/f"}});
    EXPECT_EQ(fetch("https://h/f", "", http).error().kind, ErrorKind::refused);
    for (int i = 0; i < 10; ++i) http.then(302, "", {{"location", "/f"}});
    EXPECT_FALSE(fetch("https://h/f", "", http));
}

TEST_F(DownloadTest, a_folder_that_is_not_there_is_an_error_with_its_name) {
    const auto done = download(*http_, clock_, {.url = "https://h/f", .path = folder_ + "/absent/file"}, {});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind, ErrorKind::io);
    EXPECT_NE(done.error().text().find(folder_ + "/absent/file"), std::string::npos);
}

}  // namespace
}  // namespace nodeboot
