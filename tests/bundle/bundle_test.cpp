#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "bundle/check.hpp"
#include "bundle/create.hpp"
#include "bundle/registry.hpp"
#include "net/sha256.hpp"

namespace nodeboot {
namespace {

namespace fs = std::filesystem;

struct Folder {
    fs::path path;
    Folder() {
        std::string name = fs::temp_directory_path() / "bundle-test-XXXXXX";
        path = mkdtemp(name.data());
    }
    ~Folder() { fs::remove_all(path); }
    void put(const std::string& name, const std::string& text) const {
        fs::create_directories((path / name).parent_path());
        std::ofstream(path / name) << text;
    }
};

BundleManifest manifest_of(const Folder& folder, const std::string& name, const std::string& text) {
    folder.put(name, text);
    BundleManifest manifest;
    manifest.kubernetes = {1, 35, 2};
    manifest.arch = "amd64";
    manifest.files.push_back({name, BundleKind::binary, sha256_hex(text), text.size(), 0755, {}});
    folder.put("manifest.json", serialise(manifest));
    return manifest;
}

const auto quiet = [](std::string_view) {};

TEST(BundleManifest, written_and_read_again_it_says_the_same) {
    BundleManifest manifest;
    manifest.kubernetes = {1, 35, 2};
    manifest.arch = "arm64";
    manifest.standin = true;
    manifest.files.push_back(
        {"images/a.tar", BundleKind::image, std::string(64, '0'), 7, 0644, {"registry.k8s.io/pause:3.10.1"}});
    const auto again = parse_bundle_manifest(serialise(manifest));
    ASSERT_TRUE(again);
    EXPECT_EQ(serialise(*again), serialise(manifest));
    EXPECT_EQ(again->files.at(0).refs, manifest.files[0].refs);
}

TEST(BundleManifest, each_broken_manifest_is_refused_with_its_reason) {
    const std::string digest(64, 'a');
    const auto one = [&](const std::string& path, const std::string& kind, const std::string& sha) {
        return R"({"format":1,"kubernetes":"v1.35.2","files":[{"path":")" + path + R"(","kind":")" + kind +
               R"(","sha256":")" + sha + "\"}]}";
    };
    const std::pair<std::string, std::string> cases[] = {
        {"{", "manifest.json: "},
        {R"({"format":2})", "format 2 is not known"},
        {R"({"format":1,"kubernetes":"new"})", "'new' is not a version"},
        {one("../etc/passwd", "binary", digest), "is not a path inside the bundle"},
        {one("/etc/passwd", "binary", digest), "is not a path inside the bundle"},
        {one("bin/../../x", "binary", digest), "is not a path inside the bundle"},
        {one("bin/x", "script", digest), "kind is none of"},
        {one("bin/x", "binary", "AB"), "sha256 is not 64 hex digits"},
    };
    for (const auto& [text, reason] : cases) {
        const auto parsed = parse_bundle_manifest(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_NE(parsed.error().text().find(reason), std::string::npos) << parsed.error().text();
    }
}

TEST(CheckBundle, a_whole_bundle_passes_and_every_kind_of_damage_is_found) {
    Folder folder;
    const auto manifest = manifest_of(folder, "bin/kubeadm", "program");
    EXPECT_TRUE(check_bundle(folder.path, manifest, quiet));

    folder.put("bin/kubeadm", "progran");
    EXPECT_NE(check_bundle(folder.path, manifest, quiet).error().message.find("sha256 is"), std::string::npos);
    folder.put("bin/kubeadm", "prog");
    EXPECT_NE(check_bundle(folder.path, manifest, quiet).error().message.find("4 bytes"), std::string::npos);
    fs::remove(folder.path / "bin/kubeadm");
    EXPECT_NE(check_bundle(folder.path, manifest, quiet).error().message.find("no such file"), std::string::npos);
    fs::create_symlink("/bin/sh", folder.path / "bin/kubeadm");
    EXPECT_FALSE(check_bundle(folder.path, manifest, quiet)) << "a link may lead anywhere";
}

TEST(CheckBundle, a_file_that_nobody_listed_is_refused) {
    Folder folder;
    const auto manifest = manifest_of(folder, "bin/kubeadm", "program");
    folder.put("images/extra.tar", "x");
    EXPECT_NE(check_bundle(folder.path, manifest, quiet).error().message.find("not listed"), std::string::npos);
}

TEST(PublishedSha256, is_found_in_each_form_that_publishers_use) {
    const std::string a(64, 'a'), b(64, 'b');
    EXPECT_EQ(published_sha256(a, "kubeadm"), a);
    EXPECT_EQ(published_sha256(b + "  other\n" + a + "  kubeadm\n", "kubeadm"), a);
    EXPECT_EQ(published_sha256(a + " *kubeadm", "kubeadm"), a);
    EXPECT_EQ(published_sha256(a + "  ./out/kubeadm", "kubeadm"), a);
    EXPECT_EQ(published_sha256("<html>404</html>", "kubeadm"), "");
    EXPECT_EQ(published_sha256(b + "  other\n", "kubeadm"), "");
}

TEST(ImageReference, is_taken_apart_as_docker_and_containerd_do) {
    const std::tuple<const char*, const char*, const char*, const char*> cases[] = {
        {"registry.k8s.io/pause:3.10.1", "registry.k8s.io", "pause", "3.10.1"},
        {"registry.k8s.io/coredns/coredns:v1.12.1", "registry.k8s.io", "coredns/coredns", "v1.12.1"},
        {"busybox", "docker.io", "library/busybox", "latest"},
        {"flannel/flannel:v1", "docker.io", "flannel/flannel", "v1"},
        {"localhost:5000/a:b", "localhost:5000", "a", "b"},
        {"ghcr.io/x/y@sha256:abc", "ghcr.io", "x/y", "sha256:abc"},
        {"ghcr.io/x/y:tag@sha256:abc", "ghcr.io", "x/y", "sha256:abc"},
    };
    for (const auto& [text, registry, repository, tag] : cases) {
        const auto parsed = parse_image_reference(text);
        ASSERT_TRUE(parsed) << text;
        EXPECT_EQ(parsed->registry, registry) << text;
        EXPECT_EQ(parsed->repository, repository) << text;
        EXPECT_EQ(parsed->tag, tag) << text;
    }
    EXPECT_FALSE(parse_image_reference("a b"));
    EXPECT_FALSE(parse_image_reference("registry.k8s.io/:x"));
}

}  // namespace
}  // namespace nodeboot
