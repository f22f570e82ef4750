// Manifests, checksums and registries' answers, damaged.
#include <gtest/gtest.h>

#include "bundle/create.hpp"
#include "bundle/manifest.hpp"
#include "bundle/registry.hpp"
#include "net/sha256.hpp"
#include "support/fake_http.hpp"
#include "support/manual_clock.hpp"
#include "support/mutator.hpp"
#include "support/temporary_folder.hpp"

namespace nodeboot {
namespace {

using testing::fuzz;

TEST(FuzzBundle, a_manifest_stays_inside_its_bundle_or_is_refused) {
    fuzz(
        {R"({"format":1,"kubernetes":"v1.35.2","arch":"amd64","standin":false,"files":[{"path":"bin/kubelet","kind":"binary","sha256":")" +
         std::string(64, 'a') + R"(","size":12,"mode":"0755"},{"path":"images/a.tar","kind":"image","sha256":")" +
         std::string(64, '0') + R"(","size":1,"refs":["registry.k8s.io/pause:3.10"]}]})"},
        6000, [](const std::string& text) {
            const auto manifest = parse_bundle_manifest(text);
            if (!manifest) return;
            for (const auto& file : manifest->files) {
                EXPECT_FALSE(file.path.empty());
                EXPECT_FALSE(file.path.starts_with("/")) << file.path;
                for (const auto& part : std::filesystem::path(file.path)) EXPECT_NE(part, "..") << file.path;
                EXPECT_EQ(file.sha256.size(), 64U);
                EXPECT_EQ(file.mode & ~0777U, 0U);
            }
            const auto again = parse_bundle_manifest(serialise(*manifest));
            ASSERT_TRUE(again) << again.error().text();
            EXPECT_EQ(serialise(*again), serialise(*manifest));
        });
}

TEST(FuzzBundle, a_published_checksum_is_64_digits_or_nothing) {
    const std::string sum(64, 'b');
    fuzz({sum + "\n", sum + "  kubelet\n" + sum + " *other\n", "SHA256 (kubelet) = " + sum}, 4000,
         [](const std::string& text) {
             const auto found = published_sha256(text, "kubelet");
             if (!found.empty()) {
                 EXPECT_EQ(found.size(), 64U) << found;
             }
         });
}

TEST(FuzzBundle, an_images_name_becomes_an_address_without_surprises) {
    fuzz({"registry.k8s.io/pause:3.10.1", "busybox", "docker.io/library/x@sha256:" + std::string(64, 'c'),
          "localhost:5000/a/b:c"},
         5000, [](const std::string& text) {
             const auto image = parse_image_reference(text);
             if (!image) return;
             EXPECT_FALSE(image->registry.empty());
             EXPECT_FALSE(image->repository.empty());
             EXPECT_FALSE(image->tag.empty());
             for (const auto& part : {image->registry, image->repository, image->tag})
                 EXPECT_EQ(part.find_first_of(" \t\r\n?#"), std::string::npos) << part;
         });
}

TEST(FuzzBundle, a_registrys_manifests_and_challenges_are_taken_or_refused) {
    const std::string blob = "blob", digest = "sha256:" + sha256_hex(blob);
    const std::string manifest = R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"digest":")" +
                                 digest + R"("},"layers":[{"digest":")" + digest + R"("}]})";
    const std::string index = R"({"manifests":[{"digest":"sha256:)" + sha256_hex(manifest) +
                              R"(","platform":{"architecture":"amd64","os":"linux"}},{"platform":null}]})";
    const Log log([](LogLevel, std::string_view) {}, LogLevel::error);
    fuzz({manifest, index, R"(Bearer realm="https://auth.example/token",service="r",scope="x")",
          R"(Bearer realm="",x=")", R"({"token":"t"})"},
         600, [&](const std::string& text) {
             testing::TemporaryFolder folder;
             testing::FakeHttp http;
             testing::ManualClock clock;
             int asked = 0;
             const auto answer = [&](const HttpRequest& request) -> Result<HttpResponse> {
                 if (++asked > 200) return fail(ErrorKind::internal, "asked for ever");
                 if (request.url.find("/blobs/") != std::string::npos) {
                     if (request.sink) {
                         HttpResponse head{200, {}, {}};
                         if (request.on_headers) NB_CHECK(request.on_headers(head));
                         NB_CHECK(request.sink(blob));
                         return head;
                     }
                     return HttpResponse{200, {}, blob};
                 }
                 if (asked == 1) return HttpResponse{401, {{"www-authenticate", text}}, {}};
                 return HttpResponse{200, {}, text};
             };
             for (int i = 0; i < 201; ++i) http.then(answer);
             Fetcher fetcher(http, clock, log, {});
             fetch_image(fetcher, "registry.example/a:1", "amd64", folder / "layout").has_value();
             EXPECT_LE(asked, 200);
             for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path()))
                 if (entry.is_regular_file() && entry.path().parent_path().filename() == "sha256") {
                     EXPECT_EQ(entry.path().filename().string().size(), 64U) << entry.path();
                 }
         });
}

}  // namespace
}  // namespace nodeboot
