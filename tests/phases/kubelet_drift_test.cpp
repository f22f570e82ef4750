#include "phases/kubelet_drift.hpp"

#include <gtest/gtest.h>

#include "phases/kubeadm.hpp"
#include "phases/kubeadm_init.hpp"
#include "phases/kubeadm_join.hpp"
#include "support/fake_services.hpp"

namespace nodeboot {
namespace {

using Lines = std::vector<std::string>;
using testing::FakeNode;

// As kubeadm stores it, and as it writes it to a node that joins: a newer one's zeroes, the node's own socket and resolver.
constexpr const char* cluster = R"(apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {enabled: false}
  webhook: {cacheTTL: 0s, enabled: true}
clusterDNS: [10.96.0.10]
evictionHard: {memory.available: 100Mi, nodefs.available: 10%}
fileCheckFrequency: 0s
logging: {flushFrequency: 0, options: {json: {infoBufferSize: "0"}}}
maxPods: 110
shutdownGracePeriod: 5m
resolvConf: /run/systemd/resolve/resolv.conf
)";
constexpr const char* node_file = R"(apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {cacheTTL: 0s, enabled: true}}
clusterDNS:
- 10.96.0.10
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
crashLoopBackOff: {}
evictionHard:
  memory.available: 100Mi
  nodefs.available: 10%
imageMaximumGCAge: 0s
maxPods: 110
memorySwap: {}
shutdownGracePeriod: 5m0s
)";

Lines differences(std::string here, const std::string& what = "", const std::string& with = "",
                  const char* instance = "") {
    if (!what.empty()) here.replace(here.find(what), what.size(), with);
    return kubelet_config_differences(cluster, here, instance).value();
}

TEST(KubeletDrift, what_kubeadm_makes_of_the_clusters_configuration_is_no_difference) {
    EXPECT_EQ(differences(node_file), Lines{});
}

TEST(KubeletDrift, each_difference_is_named_with_both_values) {
    EXPECT_EQ(differences(node_file, "100Mi", "500Mi"), Lines{"evictionHard.memory.available: 100Mi, here 500Mi"});
    EXPECT_EQ(differences(node_file, "maxPods: 110\n", ""), Lines{"maxPods: 110, here not set"});
    EXPECT_EQ(differences(node_file, "- 10.96.0.10", "- 10.96.0.10\n- 8.8.8.8"),
              Lines{R"(clusterDNS: ["10.96.0.10"], here ["10.96.0.10","8.8.8.8"])"});
    EXPECT_EQ(differences(node_file, "anonymous: {enabled: false}", "anonymous: {enabled: true}"),
              Lines{"authentication.anonymous.enabled: not set, here true"});
    EXPECT_EQ(differences(node_file, "5m0s", "6m0s"), Lines{"shutdownGracePeriod: 5m, here 6m0s"});
    EXPECT_EQ(differences(node_file, "imageMaximumGCAge: 0s", "imageMaximumGCAge: 12h"),
              Lines{"imageMaximumGCAge: not set, here 12h"});
}

TEST(KubeletDrift, what_the_nodes_instance_config_says_is_its_own) {
    EXPECT_EQ(differences(node_file, "maxPods: 110", "maxPods: 50", "kind: KubeletConfiguration\nmaxPods: 50\n"),
              Lines{});
}

TEST(KubeletDrift, what_is_no_yaml_is_an_error) {
    EXPECT_FALSE(kubelet_config_differences(cluster, "[", ""));
    EXPECT_FALSE(kubelet_config_differences("[", node_file, ""));
}

class DriftOfMember : public ::testing::Test {
   protected:
    DriftOfMember() {
        node.config.kubernetes.version = parse_version("1.35").value();
        put_map("kubelet-config", cluster);
        node.kube.api->objects["/api/v1/nodes/ip-10-0-1-5"] = {
            {"status", {{"conditions", {{{"type", "Ready"}, {"status", "True"}}}}}}};
        node.host.put(kubelet_config, std::string(node_file) + "podPidsLimit: 100\n");
        node.host.put(kubelet_conf, "current-context: default\n", 0600);
        node.host.put("/etc/kubernetes/pki/ca.crt", "pem");
        node.host.put("/var/lib/kubelet/pki/kubelet-client-current.pem", "pem", 0600);
    }
    void put_map(const std::string& name, const char* text) {
        node.kube.api->objects["/api/v1/namespaces/kube-system/configmaps/" + name] = {{"data", {{"kubelet", text}}}};
    }
    Lines said() {
        node.lines.clear();
        warn_of_kubelet_drift(node.host, *node.kube.api, node.config, node.log);
        return node.lines;
    }
    FakeNode node;
};

constexpr const char* warning =
    "/var/lib/kubelet/config.yaml differs from the cluster's ConfigMap kubelet-config: podPidsLimit: not set, here "
    "100; "
    "where that is not meant, `kubeadm upgrade node phase kubelet-config` and then `systemctl restart kubelet` make it "
    "the "
    "same";

TEST_F(DriftOfMember, a_workers_is_said_when_it_is_looked_whether_it_works) {
    const auto phase = make_kubeadm_join_phase(node.services, std::make_shared<JoinMaterial>());
    EXPECT_TRUE(phase->plan(node.host)->empty());
    EXPECT_EQ(node.lines, Lines{});
    StepContext step = node.step();
    EXPECT_TRUE(phase->verify(node.host, step));
    EXPECT_EQ(node.lines, Lines{warning});
    EXPECT_EQ(node.host.log, Lines{}) << "only said";
}

TEST_F(DriftOfMember, an_api_server_that_does_not_say_is_no_error) {
    node.kube.api->answers = false;
    ASSERT_EQ(said().size(), 1U);  // for debugging
    EXPECT_NE(said()[0].find("cannot be seen: connection refused"), std::string::npos);
    node.kube.api->answers = true;
    node.kube.api->objects.clear();
    EXPECT_EQ(said(), Lines{});
}

TEST_F(DriftOfMember, before_1_24_the_map_has_the_version_in_its_name) {
    node.config.kubernetes.version = parse_version("1.22").value();
    EXPECT_EQ(said(), Lines{});
    put_map("kubelet-config-1.22", cluster);
    ASSERT_EQ(said().size(), 1U);
    EXPECT_NE(said()[0].find("ConfigMap kubelet-config-1.22: podPidsLimit"), std::string::npos);
}

TEST_F(DriftOfMember, a_file_that_cannot_be_read_is_said) {
    node.host.put(kubelet_config, "[");
    ASSERT_EQ(said().size(), 1U);
    EXPECT_NE(said()[0].find("cannot tell whether /var/lib/kubelet/config.yaml is as"), std::string::npos);
}

}  // namespace
}  // namespace nodeboot
