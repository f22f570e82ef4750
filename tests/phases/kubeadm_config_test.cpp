#include "phases/kubeadm_config.hpp"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "support/golden.hpp"

namespace nodeboot {
namespace {

using testing::matches_golden;

KubeadmFacts facts(unsigned minor, unsigned patch) {
    return {{1, minor, patch}, "ip-10-0-0-10", "/etc/nodeboot/pods-resolv.conf"};
}

JoinSecret join_secret() {
    JoinSecret secret;
    secret.endpoint = "10.0.0.10:6443";
    secret.token = Secret("abcdef.0123456789abcdef");
    secret.ca_cert_hashes = {"sha256:" + std::string(64, 'a')};
    return secret;
}

Config everything_set() {
    Config config;
    config.cluster.name = "demo";
    config.network.endpoint = "api.demo.internal";
    config.network.cert_sans = {"203.0.113.7", "api.example.com"};
    config.network.node_port_first = 31000;
    config.node.labels = {{"team", "platform"}, {"node-role.kubernetes.io/edge", ""}, {"node.kubernetes.io/pool", "a"}};
    config.node.taints = {{"dedicated", "db", "NoSchedule"}};
    config.kubelet.extra_args = {{"v", "2"}};
    config.control_plane.api_server_extra_args = {{"audit-log-maxage", "30"}, {"audit-log-path", "/var/log/audit.log"}};
    config.control_plane.controller_manager_extra_args = {{"terminated-pod-gc-threshold", "100"}};
    config.control_plane.scheduler_extra_args = {{"v", "3"}};
    config.control_plane.conntrack_max_per_core = 0;
    config.control_plane.conntrack_min = 0;
    config.control_plane.proxy_mode = ProxyMode::nftables;
    config.control_plane.ignore_preflight_errors = {"NumCPU"};
    return config;
}

// v1beta3 up to 1.30, v1beta4 from 1.31 on: the borders and the versions that users run.
class KubeadmConfigOfVersion : public ::testing::TestWithParam<std::pair<unsigned, unsigned>> {};

TEST_P(KubeadmConfigOfVersion, init_with_defaults_is_as_expected) {
    const auto [minor, patch] = GetParam();
    EXPECT_TRUE(matches_golden(render_kubeadm_init(Config{}, facts(minor, patch)),
                               fmt::format("kubeadm/init-defaults-1.{}.yaml", minor)));
}

TEST_P(KubeadmConfigOfVersion, init_with_everything_set_is_as_expected) {
    const auto [minor, patch] = GetParam();
    EXPECT_TRUE(matches_golden(render_kubeadm_init(everything_set(), facts(minor, patch)),
                               fmt::format("kubeadm/init-everything-1.{}.yaml", minor)));
}

TEST_P(KubeadmConfigOfVersion, join_is_as_expected) {
    const auto [minor, patch] = GetParam();
    const Secret text = render_kubeadm_join(everything_set(), facts(minor, patch), join_secret());
    EXPECT_TRUE(matches_golden(std::string(text.reveal()), fmt::format("kubeadm/join-1.{}.yaml", minor)));
}

INSTANTIATE_TEST_SUITE_P(Versions, KubeadmConfigOfVersion,
                         ::testing::Values(std::pair{22U, 17U}, std::pair{30U, 4U}, std::pair{31U, 0U},
                                           std::pair{34U, 2U}, std::pair{35U, 1U}, std::pair{36U, 1U},
                                           std::pair{37U, 0U}),
                         [](const auto& param) { return fmt::format("v1_{}", param.param.first); });

TEST(KubeadmConfig, endpoint_without_a_port_gets_the_api_port) {
    Config config;
    config.network.endpoint = "api.demo.internal";
    config.network.api_port = 7443;
    EXPECT_NE(render_kubeadm_init(config, facts(35, 1)).find("controlPlaneEndpoint: api.demo.internal:7443"),
              std::string::npos);
}

TEST(KubeadmConfig, labels_of_kubelet_s_own_list_are_given_at_joining) {
    Config config;
    config.node.labels = {{"topology.kubernetes.io/zone", "z"}, {"kubernetes.io/hostname", "h"}};
    const Secret text = render_kubeadm_join(config, facts(35, 1), join_secret());
    EXPECT_NE(text.reveal().find("kubernetes.io/hostname=h,topology.kubernetes.io/zone=z"), std::string_view::npos);
}

TEST(KubeadmConfig, a_label_that_a_kubelet_may_not_give_itself_is_left_to_the_control_plane) {
    Config config;
    config.node.labels = {{"node-role.kubernetes.io/edge", ""}, {"example.k8s.io/a", "b"}, {"team", "x"}};
    const Secret text = render_kubeadm_join(config, facts(35, 1), join_secret());
    EXPECT_EQ(text.reveal().find("node-role"), std::string_view::npos);
    EXPECT_EQ(text.reveal().find("k8s.io/a"), std::string_view::npos);
    EXPECT_NE(text.reveal().find("team=x"), std::string_view::npos);
}

// kubeadm leaves its own taints out as soon as the file has any: without them every pod could run there.
TEST(KubeadmConfig, taints_of_the_user_s_stand_beside_the_control_plane_s_own) {
    struct Case {
        unsigned minor;
        bool control_plane, master;
    };
    for (const auto& [minor, control_plane, master] : std::vector<Case>{
             {22, false, true}, {23, false, true}, {24, true, true}, {25, true, false}, {37, true, false}}) {
        const auto text = render_kubeadm_init(everything_set(), facts(minor, 1));
        const auto has = [&](const std::string& key) { return text.find("key: " + key + "\n") != std::string::npos; };
        EXPECT_TRUE(has("dedicated")) << text;
        EXPECT_EQ(has("node-role.kubernetes.io/control-plane"), control_plane) << text;
        EXPECT_EQ(has("node-role.kubernetes.io/master"), master) << text;
    }
}

TEST(KubeadmConfig, a_control_plane_s_taint_stands_once_and_only_beside_others) {
    const std::string key = "node-role.kubernetes.io/control-plane";
    const auto times = [&](const std::vector<Taint>& taints) {
        Config config;
        config.node.taints = taints;
        const auto text = render_kubeadm_init(config, facts(35, 1));
        int count = 0;
        for (auto at = text.find(key); at != std::string::npos; at = text.find(key, at + 1)) ++count;
        return count;
    };
    EXPECT_EQ(times({}), 0) << "kubeadm's own default";
    EXPECT_EQ(times({{key, "", "NoSchedule"}}), 1);
    EXPECT_EQ(times({{key, "", "NoExecute"}}), 2) << "another effect is another taint";
    const Secret join = render_kubeadm_join(everything_set(), facts(35, 1), join_secret());
    EXPECT_EQ(join.reveal().find("node-role"), std::string_view::npos);
}

TEST(KubeadmConfig, labels_of_the_node_stand_beside_those_that_kubelet_is_given_by_hand) {
    Config config;
    config.kubelet.extra_args = {{"node-labels", "zone=a"}};
    config.node.labels = {{"example.com/rack", "7"}};
    const KubeadmFacts facts{{1, 35, 1}, "n1", ""};
    const JoinSecret join{"10.0.0.10:6443", Secret("abcdef.0123456789abcdef"), {"sha256:x"}, {}, "v1.35.1"};
    for (const std::string& text :
         {render_kubeadm_init(config, facts), std::string(render_kubeadm_join(config, facts, join).reveal())})
        EXPECT_NE(text.find("zone=a,example.com/rack=7"), std::string::npos) << text;
}

}  // namespace
}  // namespace nodeboot
