#include "phases/kubeadm_init.hpp"

#include <gtest/gtest.h>

#include <utility>

#include "phases/kubeadm.hpp"
#include "support/fake_services.hpp"

namespace nodeboot {
namespace {

using testing::FakeNode;

constexpr const char* cluster_configuration =
    "kind: ClusterConfiguration\nnetworking:\n  podSubnet: 10.244.0.0/16\n  serviceSubnet: 10.96.0.0/12\n  dnsDomain: "
    "cluster.local\n";

void put_objects(FakeNode& node) {
    auto& objects = node.kube.api->objects;
    objects["/api/v1/namespaces/kube-system/configmaps/kubeadm-config"] = {
        {"data", {{"ClusterConfiguration", cluster_configuration}}}};
    objects["/api/v1/namespaces/kube-public/configmaps/cluster-info"] = nlohmann::json::object();
    objects["/api/v1/namespaces/kube-system/configmaps/kube-proxy"] = nlohmann::json::object();
    objects["/api/v1/namespaces/kube-system/configmaps/coredns"] = nlohmann::json::object();
}

void put_files(FakeNode& node) {
    for (const char* path :
         {"/etc/kubernetes/pki/ca.crt", "/etc/kubernetes/pki/sa.key", admin_conf,
          "/etc/kubernetes/controller-manager.conf", "/etc/kubernetes/scheduler.conf", kubelet_conf, kubelet_config,
          "/etc/kubernetes/manifests/etcd.yaml", "/etc/kubernetes/manifests/kube-apiserver.yaml",
          "/etc/kubernetes/manifests/kube-controller-manager.yaml", "/etc/kubernetes/manifests/kube-scheduler.yaml",
          "/var/lib/etcd/member/snap/db"})
        node.host.put(path, "x", 0600);
}

// kubeadm as far as nodeboot sees it: it prints its version, and init leaves files and objects behind.
void put_kubeadm(FakeNode& node) {
    node.host.programs["kubeadm version"] = [](const Command&) { return CommandOutput{0, "v1.35.1\n", ""}; };
    node.host.programs["kubeadm init"] = [&node](const Command&) {
        put_files(node);
        put_objects(node);
        return CommandOutput{};
    };
    node.host.programs["kubeadm reset"] = [&node](const Command&) {
        std::erase_if(node.host.files, [](const auto& entry) { return entry.first.starts_with("/etc/kubernetes/"); });
        return CommandOutput{};
    };
}

std::vector<std::string> kubeadm_calls(const FakeNode& node) {
    std::vector<std::string> calls;
    for (const auto& line : node.host.log)
        if (line.starts_with("run kubeadm")) calls.push_back(line.substr(4));
    return calls;
}

TEST(KubeadmInit, a_bare_machine_gets_one_init_and_is_then_converged) {
    FakeNode node;
    put_kubeadm(node);
    const auto phase = make_kubeadm_init_phase(node.services);
    ASSERT_TRUE(node.converge(*phase));
    EXPECT_EQ(kubeadm_calls(node),
              std::vector<std::string>{"kubeadm init --config /etc/kubernetes/nodeboot-init.yaml --skip-token-print"});
    EXPECT_TRUE(phase->plan(node.host)->empty());
    StepContext step = node.step();
    EXPECT_TRUE(phase->verify(node.host, step));
}

TEST(KubeadmInit, remains_without_etcd_data_are_reset_first) {
    FakeNode node;
    put_kubeadm(node);
    node.host.put("/etc/kubernetes/pki/ca.crt", "x");
    const auto phase = make_kubeadm_init_phase(node.services);
    const auto changes = phase->plan(node.host);
    ASSERT_EQ(changes->size(), 1U);
    EXPECT_EQ(changes->front().from, "interrupted init (/etc/kubernetes/pki/sa.key missing)");
    ASSERT_TRUE(node.converge(*phase));
    ASSERT_EQ(kubeadm_calls(node).size(), 2U);
    EXPECT_TRUE(kubeadm_calls(node)[0].starts_with("kubeadm reset --force"));
    EXPECT_TRUE(phase->plan(node.host)->empty());
}

// The rule that matters most: every file that init makes may be missing, and etcd's data is never removed.
TEST(KubeadmInit, where_etcd_has_data_nothing_is_reset_whatever_is_missing) {
    FakeNode complete;
    put_files(complete);
    for (const auto& [path, file] : complete.host.files) {
        if (path.starts_with("/var/lib/etcd")) continue;
        FakeNode node;
        put_kubeadm(node);
        put_files(node);
        node.host.files.erase(path);
        const auto phase = make_kubeadm_init_phase(node.services);
        ASSERT_TRUE(node.converge(*phase)) << path;
        ASSERT_EQ(kubeadm_calls(node).size(), 1U) << path;
        EXPECT_NE(kubeadm_calls(node)[0].find("DirAvailable--var-lib-etcd"), std::string::npos) << path;
        for (const auto& line : node.host.log) EXPECT_EQ(line.find("remove /var/lib/etcd"), std::string::npos) << path;
    }
}

TEST(KubeadmInit, an_init_killed_before_the_addons_is_resumed) {
    FakeNode node;
    put_kubeadm(node);
    put_files(node);
    put_objects(node);
    node.kube.api->objects.erase("/api/v1/namespaces/kube-system/configmaps/coredns");
    const auto phase = make_kubeadm_init_phase(node.services);
    ASSERT_TRUE(node.converge(*phase));
    EXPECT_EQ(kubeadm_calls(node).size(), 1U);
    EXPECT_TRUE(phase->plan(node.host)->empty());
}

// kubeadm writes all of its files before it starts kubelet, and the addons' ConfigMaps before their workloads.
TEST(KubeadmInit, an_init_that_was_killed_when_all_seemed_to_be_there_is_resumed) {
    for (const bool api_answers : {false, true}) {
        SCOPED_TRACE(api_answers ? "the addons were not complete" : "kubelet was not started");
        FakeNode node;
        put_kubeadm(node);
        const auto killed = [&](const Command&) {
            put_files(node);
            if (api_answers) put_objects(node);
            node.kube.api->answers = api_answers;
            return CommandOutput{137, "", "killed"};
        };
        const auto whole = std::exchange(node.host.programs["kubeadm init"], killed);
        const auto phase = make_kubeadm_init_phase(node.services);
        EXPECT_FALSE(node.converge(*phase));
        node.host.programs["kubeadm init"] = [&](const Command& command) {
            node.kube.api->answers = true;
            return whole(command);
        };
        const auto changes = phase->plan(node.host);
        ASSERT_TRUE(changes) << changes.error().text();
        ASSERT_EQ(changes->size(), 1U);
        EXPECT_EQ(changes->front().from, "interrupted init (its end missing, etcd kept)");
        ASSERT_TRUE(node.converge(*phase));
        EXPECT_EQ(kubeadm_calls(node).size(), 2U);
        EXPECT_TRUE(phase->plan(node.host)->empty());
    }
}

TEST(KubeadmInit, an_api_server_that_is_down_is_no_interrupted_init) {
    FakeNode node;
    put_kubeadm(node);
    put_files(node);
    node.kube.api->answers = false;
    const auto phase = make_kubeadm_init_phase(node.services);
    EXPECT_TRUE(phase->plan(node.host)->empty());
    StepContext step = node.step();
    const auto verified = phase->verify(node.host, step);
    ASSERT_FALSE(verified);
    EXPECT_EQ(verified.error().kind, ErrorKind::timeout);
}

TEST(KubeadmInit, a_pod_range_that_differs_from_the_clusters_is_refused_with_both) {
    FakeNode node;
    put_files(node);
    put_objects(node);
    node.config.network.pod_cidr = *parse_cidr("10.100.0.0/16");
    const auto changes = make_kubeadm_init_phase(node.services)->plan(node.host);
    ASSERT_FALSE(changes);
    EXPECT_EQ(changes.error().kind, ErrorKind::refused);
    EXPECT_NE(changes.error().message.find("10.100.0.0/16"), std::string::npos);
    EXPECT_NE(changes.error().message.find("10.244.0.0/16"), std::string::npos);
}

TEST(KubeadmInit, settings_that_are_read_once_are_told_once_when_they_changed) {
    FakeNode node;
    put_kubeadm(node);
    node.config.kubelet.extra_args = {{"v", "2"}};
    ASSERT_TRUE(node.converge(*make_kubeadm_init_phase(node.services)));
    node.lines.clear();
    EXPECT_TRUE(make_kubeadm_init_phase(node.services)->plan(node.host)->empty());
    EXPECT_TRUE(node.lines.empty()) << node.lines.front();
    node.config.kubelet.max_pods = 50;
    node.config.kubelet.extra_args = {{"v", "4"}};
    const auto phase = make_kubeadm_init_phase(node.services);
    EXPECT_TRUE(phase->plan(node.host)->empty());
    EXPECT_TRUE(phase->plan(node.host)->empty());
    ASSERT_EQ(node.lines.size(), 1U);
    EXPECT_NE(node.lines[0].find("without effect: InitConfiguration nodeRegistration.kubeletExtraArgs.v: 2, now 4; "
                                 "KubeletConfiguration maxPods: 110, now 50; to apply them see"),
              std::string::npos)
        << node.lines[0];
}

TEST(KubeadmInit, the_configuration_file_holds_no_token_and_is_0600) {
    FakeNode node;
    put_kubeadm(node);
    ASSERT_TRUE(node.converge(*make_kubeadm_init_phase(node.services)));
    const auto text = node.host.content(kubeadm_init_config);
    ASSERT_TRUE(text);
    EXPECT_EQ(without_tokens(*text), *text);
    EXPECT_EQ(node.host.files.at(kubeadm_init_config).info.mode, 0600U);
}

}  // namespace
}  // namespace nodeboot
