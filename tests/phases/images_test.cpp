#include "phases/images.hpp"

#include <gtest/gtest.h>

namespace nodeboot {
namespace {

BundleFile image(const std::string& path, std::vector<std::string> refs) {
    return {.path = path, .kind = BundleKind::image, .sha256 = {}, .size = 1, .mode = 0644, .refs = std::move(refs)};
}

std::vector<std::string> imported(Role role, const std::set<std::string>& present) {
    BundleManifest manifest;
    manifest.files = {
        {.path = "bin/kubelet", .kind = BundleKind::binary, .sha256 = {}, .size = 1, .mode = 0755, .refs = {}},
        image("images/apiserver.tar", {"r/kube-apiserver:v1.36.0"}),
        image("images/etcd.tar", {"r/etcd:3.6.8-0"}),
        image("images/proxy.tar", {"r/kube-proxy:v1.36.0"}),
        image("images/both.tar", {"r/kube-scheduler:v1.36.0", "r/pause:3.10"}),
        image("images/site.tar", {"registry.example/agent:1"}),
        image("images/unnamed.tar", {}),
    };
    std::vector<std::string> paths;
    for (const auto& file : archives_to_import(role, manifest, present)) paths.push_back(file.path);
    return paths;
}

TEST(ArchivesToImport, a_control_plane_takes_every_image_that_is_not_there_yet) {
    EXPECT_EQ(imported(Role::control_plane, {"r/etcd:3.6.8-0"}),
              (std::vector<std::string>{"images/apiserver.tar", "images/proxy.tar", "images/both.tar",
                                        "images/site.tar", "images/unnamed.tar"}));
}

TEST(ArchivesToImport, a_worker_leaves_out_what_only_a_control_plane_runs) {
    EXPECT_EQ(imported(Role::worker, {}), (std::vector<std::string>{"images/proxy.tar", "images/both.tar",
                                                                    "images/site.tar", "images/unnamed.tar"}));
    EXPECT_EQ(imported(Role::worker, {"r/pause:3.10", "r/kube-proxy:v1.36.0"}),
              (std::vector<std::string>{"images/site.tar", "images/unnamed.tar"}));
}

}  // namespace
}  // namespace nodeboot
