#include "phases/containerd_toml.hpp"

#include <gtest/gtest.h>

#include "base/toml.hpp"
#include "support/golden.hpp"

namespace nodeboot::testing {
namespace {

std::string text(const Config& config, const char* version) {
    const auto file = make_containerd_file(config, *parse_version(version));
    return file ? file->text : "error: " + file.error().text();
}

TEST(ContainerdToml, golden_files_for_each_layout) {
    Config config;
    EXPECT_TRUE(matches_golden(text(config, "1.6.20~ds1-1+deb12u1"), "containerd/v2.toml"));
    EXPECT_TRUE(matches_golden(text(config, "2.0.5"), "containerd/v3.toml"));
    EXPECT_TRUE(matches_golden(text(config, "2.1.0"), "containerd/v3-bin-dirs.toml"));
}

TEST(ContainerdToml, user_s_own_toml_wins_key_by_key) {
    Config config;
    config.containerd.extra_config = R"(oom_score = -500
[plugins."io.containerd.grpc.v1.cri"]
restrict_oom_score_adj = true
sandbox_image = "mirror.example/pause:3.9"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.gvisor]
runtime_type = "io.containerd.runsc.v1"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
)";
    EXPECT_TRUE(matches_golden(text(config, "1.7.24"), "containerd/v2-merged.toml"));
    const auto file = make_containerd_file(config, {1, 7, 24});
    EXPECT_FALSE(file->systemd_cgroup);
    EXPECT_EQ(file->sandbox_image, "mirror.example/pause:3.9");
}

TEST(ContainerdToml, fragment_for_version_2_makes_a_version_2_file_for_containerd_2) {
    Config config;
    config.containerd.extra_config =
        "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\"]\nrestrict_oom_score_adj = true\n";
    EXPECT_NE(text(config, "2.1.4").find("version = 2\n"), std::string::npos);
    EXPECT_EQ(text(config, "2.1.4").find("io.containerd.cri.v1"), std::string::npos);
}

TEST(ContainerdToml, mistakes_that_containerd_would_swallow_are_refused) {
    const auto refuse = [](const char* extra, const char* version) {
        Config config;
        config.containerd.extra_config = extra;
        return text(config, version);
    };
    EXPECT_EQ(refuse("[plugins.\"io.containerd.grpc.v1.cri\"]\nrestrict_oom_score_adj = true", "2.0.0"),
              "error: containerd.extra_config sets plugins.\"io.containerd.grpc.v1.cri\".\"restrict_oom_score_adj\", "
              "which has no "
              "effect in a version 3 file");
    EXPECT_NE(refuse("[plugins.\"io.containerd.cri.v1.images\"]\nx = 1", "1.7.0").find("no effect in a version 2 file"),
              std::string::npos);
    EXPECT_EQ(refuse("version = 3", "1.7.24"),
              "error: containerd.extra_config says version = 3, and containerd 1.7.24 is configured in version 2");
    EXPECT_EQ(refuse("a = \nb = 1", "1.7.24").find("error: containerd.extra_config, line 1 column"), 0U);
    EXPECT_EQ(refuse("[plugins.\"io.containerd.grpc.v1.cri\"]\nstream_server_port = \"1\"", "2.0.0").find("error"),
              std::string::npos);
}

TEST(ContainerdToml, bin_dir_of_the_user_takes_the_place_of_bin_dirs) {
    Config config;
    config.containerd.extra_config = "[plugins.\"io.containerd.cri.v1.runtime\".cni]\nbin_dir = \"/usr/lib/cni\"\n";
    EXPECT_EQ(text(config, "2.1.0").find("bin_dirs"), std::string::npos);
}

TEST(ContainerdToml, what_it_writes_is_toml_again) {
    for (const auto* version : {"1.5.0", "1.7.24", "2.0.0", "2.3.1"})
        EXPECT_TRUE(parse_toml(text(Config{}, version))) << version;
}

TEST(PauseImage, is_kubeadm_s_for_each_minor) {
    const std::pair<unsigned, const char*> table[] = {{22, "3.5"},    {23, "3.6"},    {24, "3.7"},    {25, "3.8"},
                                                      {26, "3.9"},    {30, "3.9"},    {31, "3.10"},   {33, "3.10"},
                                                      {34, "3.10.1"}, {35, "3.10.1"}, {36, "3.10.2"}, {37, "3.10.2"}};
    for (const auto& [minor, tag] : table) {
        Config config;
        config.kubernetes.version = {1, minor, 3};
        EXPECT_EQ(pause_image(config), std::string("registry.k8s.io/pause:") + tag) << minor;
    }
    Config config;
    config.containerd.pause_image = "mine.example/pause:1";
    EXPECT_EQ(pause_image(config), "mine.example/pause:1");
}

TEST(HostsToml, lists_mirrors_in_order_and_then_the_registry) {
    EXPECT_TRUE(matches_golden(make_hosts_toml("docker.io", {"https://b.example", "http://a.example:5000/v2/proxy/"}),
                               "containerd/hosts-docker.io.toml"));
    EXPECT_EQ(make_hosts_toml("registry.k8s.io", {}),
              "# Made by nodeboot; change with containerd.registry_mirrors in its config.\nserver = "
              "\"https://registry.k8s.io\"\n");
}

}  // namespace
}  // namespace nodeboot::testing
