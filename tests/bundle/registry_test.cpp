#include "bundle/registry.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

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

TEST(Registry, the_layout_names_the_image_as_kubelet_will_ask_for_it) {
    const std::string digest = "sha256:" + sha256_hex("blob");
    const std::string manifest = R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"digest":")" +
                                 digest + R"("},"layers":[]})";
    const std::string pinned = "sha256:" + sha256_hex(manifest);
    const std::pair<std::string, std::string> names[] = {
        {"busybox:1", "docker.io/library/busybox:1"},
        {"flannel/flannel:v1", "docker.io/flannel/flannel:v1"},
        {"registry.example/a:1@" + pinned, "registry.example/a@" + pinned},
        {"registry.example/a:1", "registry.example/a:1"},
    };
    for (const auto& [reference, name] : names) {
        testing::FakeHttp http;
        http.then(200, manifest);
        http.then(200, "blob");
        testing::ManualClock clock;
        const Log log([](LogLevel, std::string_view) {}, LogLevel::error);
        testing::TemporaryFolder folder;
        Fetcher fetcher(http, clock, log, {});
        const auto fetched = fetch_image(fetcher, reference, "amd64", folder / "layout");
        ASSERT_TRUE(fetched) << fetched.error().text();
        std::ifstream file(folder / "layout" / "index.json");
        const auto index = nlohmann::json::parse(file);
        EXPECT_EQ(index["manifests"][0]["annotations"]["io.containerd.image.name"], name);
    }
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
