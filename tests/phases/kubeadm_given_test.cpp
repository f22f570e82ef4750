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

// What kubeadm makes of a JoinConfiguration (phases/kubelet/flags.go).
constexpr const char* flags =
    "KUBELET_KUBEADM_ARGS=\"--container-runtime-endpoint=unix:///run/containerd/containerd.sock "
    "--hostname-override=ip-10-0-1-5 --pod-infra-container-image=registry.k8s.io/pause:3.10.1 "
    "--register-with-taints=dedicated=batch:NoSchedule,bare:NoExecute --node-labels=a=b,c=d "
    "--resolv-conf=/etc/nodeboot/pods-resolv.conf --v=2 --say=\\\"x\\\"\"\n";

class JoinGiven : public ::testing::Test {
   protected:
    JoinGiven() {
        config.node.role = Role::worker;
        config.node.labels = {{"c", "d"}, {"a", "b"}};
        config.node.taints = {{"bare", "", "NoExecute"}, {"dedicated", "batch", "NoSchedule"}};
        config.kubelet.extra_args = {{"v", "2"}, {"say", "\"x\""}};
    }
    Config config;
};

TEST_F(JoinGiven, the_same_settings_in_another_order_have_not_changed) {
    EXPECT_EQ(settings_changed_since_join(flags, config), Lines{});
    config.kubelet.extra_args["resolv-conf"] = "/etc/resolv.conf";
    config.kubelet.max_pods = 50;  // the cluster's
    EXPECT_EQ(settings_changed_since_join(flags, config), Lines{});
}

TEST_F(JoinGiven, each_setting_that_changed_is_named_with_both_values) {
    config.node.labels = {{"a", "b"}};
    config.node.taints.clear();
    config.kubelet.extra_args = {{"v", "4"}, {"hostname-override", "w1"}, {"node-ip", "10.0.0.7"}};
    EXPECT_EQ(
        settings_changed_since_join(flags, config),
        (Lines{"JoinConfiguration nodeRegistration.kubeletExtraArgs.hostname-override: ip-10-0-1-5, now w1",
               "JoinConfiguration nodeRegistration.kubeletExtraArgs.node-ip: not set, now 10.0.0.7",
               "JoinConfiguration nodeRegistration.kubeletExtraArgs.node-labels: [\"a=b\",\"c=d\"], now [\"a=b\"]",
               "JoinConfiguration nodeRegistration.kubeletExtraArgs.say: \"x\", now not set",
               "JoinConfiguration nodeRegistration.kubeletExtraArgs.v: 2, now 4",
               "JoinConfiguration nodeRegistration.taints: [\"bare:NoExecute\",\"dedicated=batch:NoSchedule\"], now "
               "not set"}));
}

TEST_F(JoinGiven, a_file_without_arguments_says_nothing) {
    for (const char* text : {"", "\n", "KUBELET_KUBEADM_ARGS=", "OTHER=\"--v=2\"\n"})
        EXPECT_EQ(settings_changed_since_join(text, config), Lines{}) << text;
}

INSTANTIATE_TEST_SUITE_P(, KubeadmGiven, ::testing::Values("1.22.3", "1.35.1"));

}  // namespace
}  // namespace nodeboot
