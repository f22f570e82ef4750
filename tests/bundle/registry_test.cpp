#include "bundle/registry.hpp"

#include <gtest/gtest.h>

#include "net/sha256.hpp"
#include "support/fake_http.hpp"
#include "support/manual_clock.hpp"
#include "support/temporary_folder.hpp"

namespace nodeboot {
namespace {

TEST(Registry, a_token_that_runs_out_between_two_layers_is_fetched_anew) {
    const std::string blob = "blob", digest = "sha256:" + sha256_hex(blob);
    const std::string manifest = R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"digest":")" +
                                 digest + R"("},"layers":[{"digest":")" + digest + R"("}]})";
    testing::FakeHttp http;
    int tokens = 0;
    const auto answer = [&](const HttpRequest& request) -> Result<HttpResponse> {
        if (request.url.starts_with("https://auth.example/"))
            return HttpResponse{200, {}, R"({"token":"t)" + std::to_string(++tokens) + R"("})"};
        const bool of_blob = request.url.find("/blobs/") != std::string::npos;
        const std::string good = of_blob ? "Bearer t2" : "Bearer t1";  // the first one lives until the manifest only
        if (request.secret_headers.empty() || request.secret_headers.front().second.reveal() != good)
            return HttpResponse{401, {{"www-authenticate", R"(Bearer realm="https://auth.example/token")"}}, {}};
        return HttpResponse{200, {}, of_blob ? blob : manifest};
    };
    for (int i = 0; i < 20; ++i) http.then(answer);
    testing::ManualClock clock;
    const Log log([](LogLevel, std::string_view) {}, LogLevel::error);
    testing::TemporaryFolder folder;
    Fetcher fetcher(http, clock, log, {});
    const auto fetched = fetch_image(fetcher, "registry.example/a:1", "amd64", folder / "layout");
    ASSERT_TRUE(fetched) << fetched.error().text();
    EXPECT_EQ(tokens, 2);
    EXPECT_TRUE(std::filesystem::exists(folder / "layout" / "blobs/sha256" / digest.substr(7)));
}

TEST(Registry, a_layer_that_is_not_what_its_digest_says_is_named_as_such) {
    const std::string digest = "sha256:" + sha256_hex("blob");
    testing::FakeHttp http;
    http.then(200, R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"digest":")" + digest +
                       R"("},"layers":[]})");
    http.then(200, "another");
    testing::ManualClock clock;
    const Log log([](LogLevel, std::string_view) {}, LogLevel::error);
    testing::TemporaryFolder folder;
    Fetcher fetcher(http, clock, log, {});
    const auto fetched = fetch_image(fetcher, "registry.example/a:1", "amd64", folder / "layout");
    ASSERT_FALSE(fetched);
    EXPECT_NE(fetched.error().text().find("blob " + digest + " does not match its digest"), std::string::npos)
        << fetched.error().text();
}

}  // namespace
}  // namespace nodeboot
