#include "phases/kubeadm_given.hpp"

#include <gtest/gtest.h>

#include "phases/kubeadm_config.hpp"

namespace nodeboot {
namespace {

using Lines = std::vector<std::string>;

// Of both API versions, whose lists of arguments look different.
class KubeadmGiven : public ::testing::TestWithParam<const char*> {
   protected:
    KubeadmGiven() { config_.kubelet.extra_args = {{"v", "2"}}; }
    std::string given() const {
        return render_kubeadm_init(config_, {parse_version(GetParam()).value(), "ip-10-0-0-10", "/run/resolv.conf"});
    }
    Config config_;
};

TEST_P(KubeadmGiven, the_same_settings_have_not_changed) {
    EXPECT_EQ(settings_changed_since_init(given(), config_).value(), Lines{});
}

TEST_P(KubeadmGiven, each_setting_that_changed_is_named_with_both_values) {
    const auto before = given();
    config_.kubelet.max_pods = 50;
    config_.kubelet.extra_args.clear();
    config_.network.cert_sans = {"k8s.example.org"};
    config_.network.pod_cidr = *parse_cidr("10.100.0.0/16");  // refused elsewhere
    config_.control_plane.scheduler_extra_args = {{"v", "4"}};
    config_.control_plane.ignore_preflight_errors = {"Mem"};
    config_.node.taints = {{"dedicated", "infra", "NoSchedule"}};
    const auto changed = settings_changed_since_init(before, config_).value();
    ASSERT_EQ(changed.size(), 5U) << changed.back();
    EXPECT_EQ(changed[0], "ClusterConfiguration apiServer.certSANs: not set, now [\"k8s.example.org\"]");
    EXPECT_EQ(changed[1], "ClusterConfiguration scheduler.extraArgs.v: not set, now 4");
    EXPECT_EQ(changed[2], "InitConfiguration nodeRegistration.kubeletExtraArgs.v: 2, now not set");
    EXPECT_TRUE(
        changed[3].starts_with("InitConfiguration nodeRegistration.taints: not set, now [{\"key\":\"dedicated\""))
        << changed[3];
    EXPECT_EQ(changed[4], "KubeletConfiguration maxPods: 110, now 50");
}

TEST_P(KubeadmGiven, what_is_no_such_file_is_said) {
    EXPECT_FALSE(settings_changed_since_init("", config_));
    EXPECT_FALSE(settings_changed_since_init("kubernetesVersion: v1.35.1\n", config_));
    EXPECT_FALSE(settings_changed_since_init("[", config_));
}

INSTANTIATE_TEST_SUITE_P(, KubeadmGiven, ::testing::Values("1.22.3", "1.35.1"));

}  // namespace
}  // namespace nodeboot
