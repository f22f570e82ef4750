#include "phases/flannel.hpp"

#include <gtest/gtest.h>

#include "phases/flannel_manifest.hpp"
#include "phases/kubeadm.hpp"
#include "support/fake_services.hpp"
#include "support/golden.hpp"

namespace nodeboot {
namespace {

using Json = nlohmann::json;
using testing::FakeNode;

TEST(FlannelManifest, is_as_expected) {
    Json all = Json::array();
    for (const auto& object : flannel_manifest(Config{}))
        all.push_back({{"path", object.path}, {"object", object.object}});
    EXPECT_TRUE(testing::matches_golden(all.dump(2) + "\n", "flannel/defaults.json"));
}

TEST(FlannelManifest, network_and_port_follow_the_config) {
    Config config;
    config.network.pod_cidr = *parse_cidr("10.100.0.0/16");
    config.network.vxlan_port = 8472;
    for (const auto& object : flannel_manifest(config))
        if (object.name.starts_with("ConfigMap")) {
            const auto conf = Json::parse(object.object["data"]["net-conf.json"].get<std::string>());
            EXPECT_EQ(conf["Network"], "10.100.0.0/16");
            EXPECT_EQ(conf["Backend"]["Port"], 8472);
            return;
        }
    FAIL() << "no ConfigMap";
}

TEST(FirstDifference, what_others_added_is_no_difference) {
    const Json wanted{{"spec", {{"a", 1}, {"list", {{{"name", "x"}}}}}}};
    const Json live{{"spec", {{"a", 1}, {"b", 2}, {"list", {{{"name", "x"}, {"defaulted", true}}}}}}, {"status", {}}};
    EXPECT_EQ(first_difference(wanted, live), "");
}

TEST(FirstDifference, names_the_path_of_what_was_changed) {
    const Json wanted{{"spec", {{"image", "a:1"}, {"list", {1, 2}}}}};
    EXPECT_EQ(first_difference(wanted, {{"spec", {{"image", "a:2"}, {"list", {1, 2}}}}}), "/spec/image is \"a:2\"");
    EXPECT_EQ(first_difference(wanted, {{"spec", {{"image", "a:1"}, {"list", {1}}}}}), "/spec/list has 1 entries");
    EXPECT_EQ(first_difference(wanted, {{"spec", {{"list", {1, 2}}}}}), "/spec/image is absent");
}

TEST(FlannelPhase, bare_machine_plans_every_object_without_asking_an_api) {
    FakeNode node;
    node.kube.api->answers = false;
    const auto changes = make_flannel_phase(node.services)->plan(node.host);
    ASSERT_TRUE(changes);
    EXPECT_EQ(changes->size(), flannel_manifest(node.config).size());
}

TEST(FlannelPhase, applied_once_it_plans_nothing_and_a_changed_field_is_put_back) {
    FakeNode node;
    node.host.put(admin_conf, "x", 0600);
    const auto phase = make_flannel_phase(node.services);
    ASSERT_TRUE(node.converge(*phase));
    EXPECT_TRUE(phase->plan(node.host)->empty());

    const std::string path = "/apis/apps/v1/namespaces/kube-flannel/daemonsets/kube-flannel-ds";
    node.kube.api->objects[path]["spec"]["template"]["spec"]["hostNetwork"] = false;
    const auto changes = phase->plan(node.host);
    ASSERT_TRUE(changes);
    ASSERT_EQ(changes->size(), 1U);
    EXPECT_EQ(changes->front().from, "/spec/template/spec/hostNetwork is false");
    ASSERT_TRUE(node.converge(*phase));
    EXPECT_TRUE(phase->plan(node.host)->empty());
}

TEST(ClusterDns, waits_for_the_deployment_to_become_available) {
    FakeNode node;
    const auto phase = make_cluster_dns_phase(node.services);
    StepContext step = node.step();
    EXPECT_EQ(phase->verify(node.host, step).error().kind, ErrorKind::timeout);
    node.kube.api->objects["/apis/apps/v1/namespaces/kube-system/deployments/coredns"] = {
        {"status", {{"conditions", Json::array({{{"type", "Available"}, {"status", "True"}}})}}}};
    StepContext again = node.step();
    EXPECT_TRUE(phase->verify(node.host, again));
}

}  // namespace
}  // namespace nodeboot
