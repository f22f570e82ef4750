#include "phases/kubeadm_init.hpp"

#include <gtest/gtest.h>

#include <algorithm>
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
    // As the real one: what it does not know stays, the mark above all, and --cert-dir names the folder it empties.
    node.host.programs["kubeadm reset"] = [&node](const Command& command) {
        const bool keeps_pki = std::count(command.argv.begin(), command.argv.end(), "--cert-dir") > 0;
        std::erase_if(node.host.files, [&](const auto& entry) {
            const std::string& path = entry.first;
            return (path.starts_with("/etc/kubernetes/") && path.ends_with(".conf")) ||
                   path.starts_with("/etc/kubernetes/manifests/") || path.starts_with("/var/lib/kubelet/") ||
                   (path.starts_with("/etc/kubernetes/pki/") && !keeps_pki);
        });
        return CommandOutput{};
    };
    node.host.programs["sync"] = [](const Command&) { return CommandOutput{}; };
}

// As an init of nodeboot's writes it before kubeadm starts.
void put_mark(FakeNode& node) { node.host.put(kubeadm_init_unfinished, "kubeadm init has begun\n", 0600); }

void put_own_ca(FakeNode& node) {
    node.host.put("/etc/kubernetes/pki/ca.crt", "my certificate");
    node.host.put("/etc/kubernetes/pki/ca.key", "my only key", 0600);
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

TEST(KubeadmInit, what_an_interrupted_init_left_without_etcd_data_is_reset_first) {
    FakeNode node;
    put_kubeadm(node);
    put_mark(node);
    node.host.put("/etc/kubernetes/pki/ca.crt", "x");
    const auto phase = make_kubeadm_init_phase(node.services);
    const auto changes = phase->plan(node.host);
    ASSERT_EQ(changes->size(), 1U);
    EXPECT_EQ(changes->front().from, "interrupted init (/etc/kubernetes/pki/sa.key missing)");
    ASSERT_TRUE(node.converge(*phase));
    ASSERT_EQ(kubeadm_calls(node).size(), 2U);
    EXPECT_TRUE(kubeadm_calls(node)[0].starts_with("kubeadm reset --force"));
    EXPECT_EQ(kubeadm_calls(node)[0].find("--cert-dir"), std::string::npos);
    EXPECT_TRUE(phase->plan(node.host)->empty());
    EXPECT_FALSE(node.host.content(kubeadm_init_unfinished));
}

TEST(KubeadmInit, an_init_killed_before_it_made_anything_is_begun_again_without_a_reset) {
    FakeNode node;
    put_kubeadm(node);
    put_mark(node);
    ASSERT_TRUE(node.converge(*make_kubeadm_init_phase(node.services)));
    EXPECT_EQ(kubeadm_calls(node),
              std::vector<std::string>{"kubeadm init --config /etc/kubernetes/nodeboot-init.yaml --skip-token-print"});
}

// kubeadm's documented way to a CA of one's own: put it into pki/ before init.
TEST(KubeadmInit, a_ca_that_somebody_brought_is_used_and_never_reset) {
    FakeNode node;
    put_kubeadm(node);
    put_own_ca(node);
    node.host.programs["kubeadm init"] = [&](const Command&) {
        const std::string certificate = node.host.content("/etc/kubernetes/pki/ca.crt").value_or("");
        put_files(node);
        put_objects(node);
        node.host.put("/etc/kubernetes/pki/ca.crt", certificate);
        return CommandOutput{};
    };
    const auto phase = make_kubeadm_init_phase(node.services);
    ASSERT_TRUE(node.converge(*phase));
    EXPECT_EQ(kubeadm_calls(node),
              std::vector<std::string>{"kubeadm init --config /etc/kubernetes/nodeboot-init.yaml --skip-token-print"});
    EXPECT_EQ(node.host.content("/etc/kubernetes/pki/ca.crt"), "my certificate");
    EXPECT_EQ(node.host.content("/etc/kubernetes/pki/ca.key"), "my only key");
    EXPECT_TRUE(phase->plan(node.host)->empty());
}

TEST(KubeadmInit, a_ca_that_somebody_brought_outlives_the_clearing_of_an_interrupted_init) {
    FakeNode node;
    put_kubeadm(node);
    put_own_ca(node);
    const auto whole = std::exchange(node.host.programs["kubeadm init"], [&](const Command&) {
        node.host.put("/etc/kubernetes/pki/apiserver.crt", "torn");
        node.host.put("/etc/kubernetes/pki/etcd/ca.key", "torn");
        node.host.put(admin_conf, "torn");
        return CommandOutput{137, "", "killed"};
    });
    const auto phase = make_kubeadm_init_phase(node.services);
    EXPECT_FALSE(node.converge(*phase));
    node.host.programs["kubeadm init"] = [&](const Command& command) {
        EXPECT_EQ(node.host.content("/etc/kubernetes/pki/ca.key"), "my only key");
        EXPECT_EQ(node.host.content("/etc/kubernetes/pki/ca.crt"), "my certificate");
        for (const char* path : {"/etc/kubernetes/pki/apiserver.crt", "/etc/kubernetes/pki/etcd/ca.key", admin_conf})
            EXPECT_FALSE(node.host.content(path)) << path;
        return whole(command);
    };
    ASSERT_TRUE(node.converge(*phase));
    EXPECT_EQ(kubeadm_calls(node).size(), 3U);  // init, reset, init
    EXPECT_EQ(node.host.content("/etc/kubernetes/pki/ca.key"), "my only key");
}

// Else what somebody puts there before the next run would be taken for the remains of the failed one.
TEST(KubeadmInit, an_init_that_kubeadm_refused_before_it_made_anything_leaves_no_mark) {
    FakeNode node;
    put_kubeadm(node);
    node.host.programs["kubeadm init"] = [](const Command&) {
        return CommandOutput{1, "", "[ERROR Port-6443]: Port 6443 is in use"};
    };
    const auto phase = make_kubeadm_init_phase(node.services);
    const auto refused = node.converge(*phase);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("Port 6443 is in use"), std::string::npos);
    EXPECT_FALSE(node.host.content(kubeadm_init_unfinished));
    put_own_ca(node);
    put_kubeadm(node);
    ASSERT_TRUE(node.converge(*phase));
    EXPECT_EQ(node.host.content("/etc/kubernetes/pki/ca.key"), "my only key");
}

// A kubeconfig of somebody's own (kubeadm's external CA) cannot be kept by kubeadm reset.
TEST(KubeadmInit, kubeconfigs_that_somebody_brought_are_not_reset_but_told) {
    FakeNode node;
    put_kubeadm(node);
    put_own_ca(node);
    node.host.put(admin_conf, "mine", 0600);
    node.host.programs["kubeadm init"] = [&](const Command&) {
        node.host.put("/etc/kubernetes/pki/sa.key", "x");
        return CommandOutput{137, "", "killed"};
    };
    const auto phase = make_kubeadm_init_phase(node.services);
    EXPECT_FALSE(node.converge(*phase));
    const auto changes = phase->plan(node.host);
    ASSERT_FALSE(changes);
    EXPECT_EQ(changes.error().kind, ErrorKind::refused);
    EXPECT_NE(changes.error().message.find(admin_conf), std::string::npos) << changes.error().message;
    EXPECT_EQ(node.host.content(admin_conf), "mine");
}

// etcd restored to another folder, a restore under way, a manifest moved away for a minute: not an init of nodeboot's.
TEST(KubeadmInit, without_the_mark_a_control_plane_that_lacks_something_is_left_alone_and_told) {
    FakeNode complete;
    put_files(complete);
    for (const bool etcd_is_elsewhere : {false, true})
        for (const auto& [path, file] : complete.host.files) {
            if (path.starts_with("/var/lib/etcd")) continue;
            SCOPED_TRACE(path);
            FakeNode node;
            put_kubeadm(node);
            put_files(node);
            node.host.files.erase(path);
            if (etcd_is_elsewhere) node.host.files.erase("/var/lib/etcd/member/snap/db");
            const auto phase = make_kubeadm_init_phase(node.services);
            const auto changes = phase->plan(node.host);
            ASSERT_FALSE(changes);
            EXPECT_EQ(changes.error().kind, ErrorKind::refused);
            EXPECT_NE(changes.error().message.find(path), std::string::npos) << changes.error().message;
            EXPECT_NE(changes.error().hint.find("node reset"), std::string::npos) << changes.error().hint;
        }
}

TEST(KubeadmInit, without_the_mark_etcds_data_alone_is_left_alone_and_told) {
    FakeNode node;
    put_kubeadm(node);
    node.host.put("/var/lib/etcd/member/snap/db", "x");
    const auto changes = make_kubeadm_init_phase(node.services)->plan(node.host);
    ASSERT_FALSE(changes);
    EXPECT_NE(changes.error().message.find("/var/lib/etcd/member"), std::string::npos) << changes.error().message;
}

TEST(KubeadmInit, a_whole_control_plane_with_etcd_elsewhere_is_whole) {
    FakeNode node;
    put_kubeadm(node);
    put_files(node);
    put_objects(node);
    node.host.files.erase("/var/lib/etcd/member/snap/db");
    const auto changes = make_kubeadm_init_phase(node.services)->plan(node.host);
    ASSERT_TRUE(changes) << changes.error().text();
    EXPECT_TRUE(changes->empty());
}

TEST(KubeadmInit, an_interrupted_init_touches_no_etcd_that_was_moved_or_put_aside) {
    const std::pair<const char*, std::function<void(FakeNode&)>> cases[] = {
        {"/var/lib/etcd-restored",
         [](FakeNode& node) {
             node.host.put("/etc/kubernetes/manifests/etcd.yaml",
                           "apiVersion: v1\nkind: Pod\nspec:\n  volumes:\n  - hostPath:\n      path: "
                           "/etc/kubernetes/pki/etcd\n    name: etcd-certs\n  - hostPath:\n      path: "
                           "/var/lib/etcd-restored\n    name: etcd-data\n");
         }},
        {"/var/lib/etcd/member.bak", [](FakeNode& node) { node.host.put("/var/lib/etcd/member.bak/snap/db", "x"); }},
    };
    for (const auto& [name, prepare] : cases) {
        FakeNode node;
        put_kubeadm(node);
        put_files(node);
        put_mark(node);
        node.host.files.erase("/var/lib/etcd/member/snap/db");
        prepare(node);
        const auto changes = make_kubeadm_init_phase(node.services)->plan(node.host);
        ASSERT_FALSE(changes) << name;
        EXPECT_EQ(changes.error().kind, ErrorKind::refused);
        EXPECT_NE(changes.error().message.find(name), std::string::npos) << changes.error().message;
    }
}

// A power cut must not leave a control plane of empty files and no mark.
TEST(KubeadmInit, what_init_made_is_on_the_disk_before_the_mark_goes) {
    FakeNode node;
    put_kubeadm(node);
    ASSERT_TRUE(node.converge(*make_kubeadm_init_phase(node.services)));
    const auto at = [&](std::string_view begin) {
        return std::find_if(node.host.log.begin(), node.host.log.end(),
                            [&](const std::string& line) { return line.starts_with(begin); });
    };
    const auto mark = at("write /etc/kubernetes/nodeboot-init.unfinished"), init = at("run kubeadm init"),
               sync = at("run sync "), gone = at("remove /etc/kubernetes/nodeboot-init.unfinished");
    ASSERT_NE(gone, node.host.log.end());
    EXPECT_LT(mark, init);
    EXPECT_LT(init, sync);
    EXPECT_LT(sync, gone);
    for (const char* path : {"/etc/kubernetes/pki/ca.crt", "/etc/kubernetes/manifests/etcd.yaml", admin_conf,
                             kubelet_config, "/etc/kubernetes/pki"})
        EXPECT_NE((*sync + " ").find(std::string(" ") + path + " "), std::string::npos) << path << " in " << *sync;
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
        put_mark(node);
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
    put_mark(node);
    node.kube.api->objects.erase("/api/v1/namespaces/kube-system/configmaps/coredns");
    const auto phase = make_kubeadm_init_phase(node.services);
    ASSERT_TRUE(node.converge(*phase));
    EXPECT_EQ(kubeadm_calls(node).size(), 1U);
    EXPECT_TRUE(phase->plan(node.host)->empty());
}

// Cilium in kube-proxy's place, another DNS: its guide has the ConfigMap deleted, too.
TEST(KubeadmInit, an_addon_that_somebody_removed_is_no_interrupted_init) {
    for (const char* name : {"kube-system/configmaps/kube-proxy", "kube-system/configmaps/coredns",
                             "kube-system/configmaps/kubeadm-config", "kube-public/configmaps/cluster-info"}) {
        FakeNode node;
        put_kubeadm(node);
        put_files(node);
        put_objects(node);
        node.kube.api->objects.erase(std::string("/api/v1/namespaces/") + name);
        const auto changes = make_kubeadm_init_phase(node.services)->plan(node.host);
        ASSERT_TRUE(changes) << name << ": " << changes.error().text();
        EXPECT_TRUE(changes->empty()) << name;
    }
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

TEST(KubeadmInit, a_kubelet_configuration_that_is_not_the_clusters_is_said_once) {
    FakeNode node;
    put_files(node);
    put_objects(node);
    node.host.put(kubelet_config, "maxPods: 50\n");
    node.config.kubernetes.version = parse_version("1.35").value();
    node.kube.api->objects["/api/v1/namespaces/kube-system/configmaps/kubelet-config"] = {
        {"data", {{"kubelet", "maxPods: 110\n"}}}};
    const auto phase = make_kubeadm_init_phase(node.services);
    EXPECT_TRUE(phase->plan(node.host)->empty());
    EXPECT_TRUE(phase->plan(node.host)->empty());
    ASSERT_EQ(node.lines.size(), 1U);
    EXPECT_NE(node.lines[0].find("ConfigMap kubelet-config: maxPods: 110, here 50; where that is not meant"),
              std::string::npos);
}

}  // namespace
}  // namespace nodeboot
