#include "phases/bake.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "phases/catalog.hpp"
#include "support/fake_services.hpp"

namespace nodeboot {
namespace {

using testing::FakeNode;

/// A builder on which everything has been installed and lived for a while.
struct Builder : FakeNode {
    Builder() {
        for (const char* path : {"/usr/local/bin/nodeboot",
                                 "/etc/ssh/ssh_host_ed25519_key",
                                 "/etc/ssh/ssh_host_ed25519_key.pub",
                                 "/etc/ssh/ssh_host_rsa_key",
                                 "/etc/ssh/sshd_config",
                                 "/etc/hostname",
                                 "/root/.ssh/authorized_keys",
                                 "/home/ubuntu/.ssh/authorized_keys",
                                 "/home/ubuntu/.bash_history",
                                 "/home/ubuntu/.profile",
                                 "/var/lib/cloud/instances/i-1/user-data.txt",
                                 "/var/lib/cloud/data/instance-id",
                                 "/var/log/cloud-init.log",
                                 "/var/log/journal/0123/system.journal",
                                 "/var/log/wtmp",
                                 "/var/log/apt/history.log",
                                 "/var/lib/apt/lists/lock",
                                 "/var/lib/apt/lists/deb_Packages",
                                 "/var/cache/apt/archives/lock",
                                 "/var/cache/apt/archives/kubelet.deb",
                                 "/var/lib/systemd/random-seed",
                                 "/var/lib/nodeboot/runs/1.json",
                                 "/var/lib/nodeboot/bundle/manifest.json",
                                 "/var/lib/dhcp/dhclient.leases",
                                 "/etc/netplan/50-cloud-init.yaml",
                                 "/var/lib/containerd/meta.db",
                                 "/etc/systemd/system/nodeboot.service"})
            host.put(path, "x");
        host.put("/etc/machine-id", "0123456789abcdef0123456789abcdef\n", 0444);
        host.programs["journalctl --relinquish-var"] = [](const Command&) { return CommandOutput{0, "", ""}; };
    }

    std::vector<std::string> paths() const {
        std::vector<std::string> out;
        for (const auto& [path, node] : host.files)
            if (node.info.type != FileInfo::Type::directory) out.push_back(path);
        return out;
    }

    std::string refusal() const {
        const auto checked = check_bakeable(config, host);
        return checked ? "" : checked.error().text();
    }
};

TEST(BakeClean, leaves_nothing_of_the_machine_and_all_of_the_software) {
    Builder builder;
    ASSERT_TRUE(builder.converge(*make_bake_clean_phase({})));
    EXPECT_EQ(builder.paths(),
              (std::vector<std::string>{
                  "/etc/machine-id", "/etc/ssh/sshd_config", "/etc/systemd/system/nodeboot.service",
                  "/home/ubuntu/.profile", "/usr/local/bin/nodeboot", "/var/cache/apt/archives/lock",
                  "/var/lib/apt/lists/lock", "/var/lib/containerd/meta.db", "/var/lib/nodeboot/bundle/manifest.json"}));
    EXPECT_EQ(builder.host.content("/etc/machine-id"), "");
}

TEST(BakeClean, has_nothing_left_to_do_afterwards) {
    Builder builder;
    const auto phase = make_bake_clean_phase({});
    ASSERT_TRUE(builder.converge(*phase));
    builder.host.log.clear();
    const auto again = phase->plan(builder.host);
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->empty()) << again->front().subject;
}

TEST(BakeClean, converges_after_it_was_stopped_anywhere) {
    const auto phase = make_bake_clean_phase({});
    const std::size_t steps = Builder().converge(*phase) ? phase->plan(Builder().host)->size() : 0;
    ASSERT_GT(steps, 10U);
    for (std::size_t stop = 0; stop < steps; ++stop) {
        Builder builder;
        auto context = builder.step();
        ActionContext action{builder.host, context};
        const auto changes = *phase->plan(builder.host);
        for (std::size_t i = 0; i < stop; ++i) ASSERT_TRUE(perform(changes[i].action, action));
        ASSERT_TRUE(builder.converge(*phase));
        EXPECT_TRUE(phase->plan(builder.host)->empty()) << stop;
    }
}

TEST(BakeClean, stops_what_would_fill_the_caches_again_and_disables_nothing) {
    Builder builder;
    builder.host.units["apt-daily.timer"] = {.loaded = true, .active = "active", .file_state = "enabled"};
    builder.host.units["apt-daily.service"] = {.loaded = true, .active = "activating", .file_state = "static"};
    ASSERT_TRUE(builder.converge(*make_bake_clean_phase({})));
    EXPECT_EQ(builder.host.log[0], "stop apt-daily.timer");
    EXPECT_EQ(builder.host.log[1], "stop apt-daily.service");
    EXPECT_EQ(builder.host.units["apt-daily.timer"].file_state, "enabled");
}

TEST(BakeClean, turns_dbus_copy_of_the_machine_id_into_a_link) {
    Builder builder;
    builder.host.put("/var/lib/dbus/machine-id", "0123456789abcdef0123456789abcdef\n");
    ASSERT_TRUE(builder.converge(*make_bake_clean_phase({})));
    EXPECT_EQ(builder.host.files["/var/lib/dbus/machine-id"].info.target, "/etc/machine-id");
}

TEST(BakeCheck, a_fresh_machine_may_become_an_image) { EXPECT_EQ(Builder().refusal(), ""); }

TEST(BakeCheck, settings_that_hold_for_all_nodes_are_allowed) {
    Builder builder;
    builder.config.kubernetes.version = {1, 34, std::nullopt};
    builder.config.containerd.registry_mirrors = {{"docker.io", {"https://mirror.example.com"}}};
    builder.config.control_plane.conntrack_min = 0;
    builder.config.aws.ca_file = "/etc/ssl/corporate.pem";
    EXPECT_EQ(builder.refusal(), "");
}

TEST(BakeCheck, everything_that_must_not_be_in_an_image_is_named_at_once) {
    Builder builder;
    builder.config.cluster.name = "demo";
    builder.config.node.role = Role::control_plane;
    builder.config.network.endpoint = "api.demo.internal";
    builder.config.instances.workers = 9;
    builder.config.containerd.extra_config = "a = 'AKIAIOSFODNN7EXAMPLE'\n";
    builder.host.put("/etc/nodeboot/config.toml", "");
    builder.host.put("/home/ubuntu/.aws/credentials", "aws_secret_access_key = hunter2");
    builder.host.put("/root/.kube/config", "");
    builder.host.put("/etc/kubernetes/kubelet.conf", "");
    builder.host.files.erase("/usr/local/bin/nodeboot");
    builder.host.units["cloud-final.service"] = {.loaded = true, .active = "activating"};
    const auto said = builder.refusal();
    for (const char* part :
         {"cluster.name, node.role, network.endpoint, instances.workers are of one cluster or machine",
          "containerd.extra_config: an AWS access key", "/home/ubuntu/.aws/credentials", "/root/.kube/config",
          "in a cluster", "/etc/nodeboot/config.toml would", "no /usr/local/bin/nodeboot", "cloud-init is still"})
        EXPECT_NE(said.find(part), std::string::npos) << part << "\nin: " << said;
    EXPECT_EQ(said.find("hunter2"), std::string::npos);
}

TEST(BakeCheck, what_is_left_of_a_cluster_is_refused) {
    for (const char* path :
         {"/etc/kubernetes/bootstrap-kubelet.conf", "/etc/kubernetes/manifests/etcd.yaml", "/etc/kubernetes/pki/ca.key",
          "/var/lib/etcd/member/wal/0.wal", "/var/lib/nodeboot/store/demo/join"}) {
        Builder builder;
        builder.host.put(path, "x");
        EXPECT_NE(builder.refusal(), "") << path;
    }
}

TEST(BakeCatalog, has_all_that_does_not_depend_on_the_cluster_and_cleans_last) {
    Builder builder;
    const auto catalog = make_bake_catalog(builder.services);
    ASSERT_TRUE(catalog) << catalog.error().text();
    std::vector<std::string> names;
    for (const auto& phase : catalog->phases()) names.push_back(phase.info.name);
    for (const char* name :
         {"preflight", "sysctl", "swap", "boot-service", "containerd", "kubernetes-packages", "kubelet", "images"})
        EXPECT_EQ(std::count(names.begin(), names.end(), name), 1) << name;
    for (const char* name : {"kubeadm-init", "kubeadm-join", "join-secret", "timers"})
        EXPECT_EQ(std::count(names.begin(), names.end(), name), 0) << name;
    EXPECT_EQ(names.back(), "bake-clean");
    EXPECT_EQ(catalog->phases().back().info.needs.size(), names.size() - 1);
}

TEST(BakeCatalog, is_refused_before_anything_is_changed) {
    Builder builder;
    builder.config.cluster.name = "demo";
    EXPECT_FALSE(make_bake_catalog(builder.services));
    EXPECT_TRUE(builder.host.log.empty());
}

}  // namespace
}  // namespace nodeboot
