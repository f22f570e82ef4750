#include <gtest/gtest.h>

#include "phases/images.hpp"
#include "phases/kubeadm.hpp"
#include "phases/kubelet.hpp"
#include "phases/leave_cluster.hpp"
#include "phases/membership.hpp"
#include "phases/node_roles.hpp"
#include "phases/repair.hpp"
#include "phases/timers.hpp"
#include "support/fake_services.hpp"

namespace nodeboot {
namespace {

using testing::FakeNode;

void make_joined(FakeNode& node) {
    node.host.put(kubelet_conf, "current-context: default\n", 0600);
    node.host.put(kubelet_config, "kind: KubeletConfiguration\n");
    node.host.put("/etc/kubernetes/pki/ca.crt", "pem");
    node.host.put("/var/lib/kubelet/pki/kubelet-client-current.pem", "pem", 0600);
}

TEST(Membership, is_joined_only_with_credentials_configuration_and_ca) {
    FakeNode node;
    EXPECT_EQ(*membership(node.host), Membership::none);
    make_joined(node);
    EXPECT_EQ(*membership(node.host), Membership::joined);
    for (const char* path : {kubelet_conf, kubelet_config, "/etc/kubernetes/pki/ca.crt",
                             "/var/lib/kubelet/pki/kubelet-client-current.pem"}) {
        FakeNode torn;
        make_joined(torn);
        torn.host.files.erase(path);
        EXPECT_EQ(*membership(torn.host), Membership::half_joined) << path;
    }
}

TEST(Membership, an_empty_kubelet_conf_is_a_torn_write) {
    FakeNode node;
    make_joined(node);
    node.host.put(kubelet_conf, "", 0600);
    EXPECT_EQ(*membership(node.host), Membership::half_joined);
}

TEST(KubeletPhase, packages_units_are_left_alone_and_a_bundle_gets_its_own) {
    FakeNode packaged;
    packaged.host.put("/usr/lib/systemd/system/kubelet.service", "[Unit]\n");
    packaged.host.put("/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf", "[Service]\n");
    const auto phase = make_kubelet_phase(packaged.services);
    ASSERT_TRUE(packaged.converge(*phase));
    EXPECT_FALSE(packaged.host.content("/etc/systemd/system/kubelet.service"));
    EXPECT_TRUE(phase->plan(packaged.host)->empty());

    FakeNode bundled;
    ASSERT_TRUE(bundled.converge(*phase));
    EXPECT_TRUE(bundled.host.content("/etc/systemd/system/kubelet.service"));
    EXPECT_TRUE(bundled.host.content("/etc/systemd/system/kubelet.service.d/10-kubeadm.conf"));
    EXPECT_TRUE(phase->plan(bundled.host)->empty());
}

TEST(KubeletPhase, is_started_on_a_member_only) {
    FakeNode node;
    const auto phase = make_kubelet_phase(node.services);
    ASSERT_TRUE(node.converge(*phase));
    EXPECT_FALSE(node.host.units["kubelet.service"].running());
    make_joined(node);
    const auto changes = phase->plan(node.host);
    ASSERT_EQ(changes->size(), 1U);
    EXPECT_EQ(changes->front().action, Action(Unit{UnitVerb::start, "kubelet.service"}));
}

TEST(KubeletPhase, a_run_killed_before_daemon_reload_is_finished_by_the_next) {
    FakeNode node;
    const auto phase = make_kubelet_phase(node.services);
    ASSERT_TRUE(node.converge(*phase));
    node.host.stale_units.insert("kubelet.service");
    const auto changes = phase->plan(node.host);
    ASSERT_EQ(changes->size(), 1U);
    EXPECT_EQ(changes->front().action, Action(DaemonReload{}));
}

TEST(NodeRoles, labels_only_nodes_without_a_role) {
    FakeNode node;
    node.host.put(admin_conf, "x", 0600);
    auto& objects = node.kube.api->objects;
    objects["/api/v1/nodes/w1"] = {{"metadata", {{"name", "w1"}, {"labels", {{"a", "b"}}}}}};
    objects["/api/v1/nodes"] = {
        {"items", nlohmann::json::array(
                      {{{"metadata", {{"name", "cp"}, {"labels", {{"node-role.kubernetes.io/control-plane", ""}}}}}},
                       objects["/api/v1/nodes/w1"]})}};
    const auto phase = make_node_roles_phase(node.services);
    const auto changes = phase->plan(node.host);
    ASSERT_TRUE(changes);
    ASSERT_EQ(changes->size(), 1U);
    EXPECT_EQ(changes->front().subject, "node w1");
    StepContext step = node.step();
    ActionContext context{node.host, step};
    ASSERT_TRUE(perform(changes->front().action, context));
    EXPECT_TRUE(objects["/api/v1/nodes/w1"]["metadata"]["labels"].contains("node-role.kubernetes.io/worker"));
}

TEST(NodeRoles, a_node_that_left_since_it_was_seen_is_no_failure) {
    FakeNode node;
    node.host.put(admin_conf, "x", 0600);
    node.kube.api->objects["/api/v1/nodes"] = {{"items", {{{"metadata", {{"name", "gone"}}}}}}};
    EXPECT_TRUE(node.converge(*make_node_roles_phase(node.services)));
    EXPECT_EQ(node.kube.api->log, std::vector<std::string>{"patch /api/v1/nodes/gone"});
}

TEST(Repair, credentials_that_the_api_server_accepts_are_kept) {
    FakeNode node;
    make_joined(node);
    node.kube.api->objects["/api/v1/nodes/ip-10-0-1-5"] = {{"metadata", {{"name", "ip-10-0-1-5"}}}};
    EXPECT_TRUE(make_repair_phase(node.services, {})->plan(node.host)->empty());
}

TEST(Repair, an_api_server_that_does_not_answer_is_no_reason_to_leave) {
    FakeNode node;
    make_joined(node);
    node.kube.api->answers = false;
    EXPECT_TRUE(make_repair_phase(node.services, {})->plan(node.host)->empty());
}

TEST(Repair, a_node_that_the_cluster_forgot_leaves_and_may_join_again) {
    FakeNode node;
    make_joined(node);
    const auto phase = make_repair_phase(node.services, {});
    ASSERT_EQ(phase->plan(node.host)->size(), 1U);
    ASSERT_TRUE(node.converge(*phase));
    EXPECT_EQ(*membership(node.host), Membership::none);
    EXPECT_TRUE(phase->plan(node.host)->empty());
}

TEST(LeaveCluster, a_machine_that_was_never_in_a_cluster_runs_no_kubeadm) {
    FakeNode node;
    EXPECT_TRUE(plan_to_leave_cluster(node.host)->empty());
}

TEST(Timers, run_four_times_in_a_tokens_life) {
    FakeNode node;
    node.config.join.token_ttl = std::chrono::hours(2);
    const auto phase = make_timers_phase(node.services);
    ASSERT_TRUE(node.converge(*phase));
    EXPECT_NE(node.host.content("/etc/systemd/system/nodeboot-rotate-token.timer")->find("OnUnitActiveSec=1800s"),
              std::string::npos);
    EXPECT_TRUE(node.host.units["nodeboot-rotate-token.timer"].running());
    EXPECT_TRUE(phase->plan(node.host)->empty());
}

TEST(Timers, start_nodeboot_with_the_configuration_of_the_run_that_made_them) {
    FakeNode node;
    const auto started = [&](const std::string& unit) {
        const std::string text = node.host.content("/etc/systemd/system/" + unit).value_or("");
        const auto at = text.find("ExecStart=") + 10;
        return text.substr(at, text.find('\n', at) - at);
    };
    ASSERT_TRUE(node.converge(*make_timers_phase(node.services)));
    EXPECT_EQ(started("nodeboot-rotate-token.service"), "/usr/local/bin/nodeboot node rotate-token --wait 10m");
    node.services.config_file = "/root/my 100%.toml";
    const auto phase = make_timers_phase(node.services);
    ASSERT_TRUE(node.converge(*phase));
    EXPECT_EQ(started("nodeboot-rotate-token.service"),
              "/usr/local/bin/nodeboot node rotate-token --wait 10m --config \"/root/my 100%%.toml\"");
    EXPECT_EQ(started("nodeboot-node-roles.service"),
              "/usr/local/bin/nodeboot node rotate-token --only node-roles --wait 2m --config \"/root/my 100%%.toml\"");
    EXPECT_TRUE(phase->plan(node.host)->empty());
}

TEST(Timers, give_up_before_their_next_turn_and_take_being_stopped_for_no_failure) {
    FakeNode node;
    node.config.join.token_ttl = std::chrono::minutes(10);  // a turn every 150 s
    ASSERT_TRUE(node.converge(*make_timers_phase(node.services)));
    const auto unit = node.host.content("/etc/systemd/system/nodeboot-rotate-token.service").value_or("");
    EXPECT_NE(unit.find("rotate-token --wait 2m\n"), std::string::npos) << unit;
    EXPECT_NE(unit.find("\nSuccessExitStatus=130\n"), std::string::npos) << unit;
}

TEST(BootService, reads_the_same_configuration_and_warns_once_where_nodeboot_is_elsewhere) {
    FakeNode node;
    const auto unit = [&] { return node.host.content("/etc/systemd/system/nodeboot.service").value_or(""); };
    const auto usual = make_boot_service_phase(node.services, "");
    ASSERT_TRUE(node.converge(*usual));
    EXPECT_TRUE(usual->plan(node.host)->empty());
    ASSERT_EQ(node.lines.size(), 1U);
    EXPECT_NE(node.lines[0].find("there is no /usr/local/bin/nodeboot, which nodeboot.service and the timers start"),
              std::string::npos)
        << node.lines[0];
    EXPECT_NE(unit().find("\nConditionPathExists=/etc/nodeboot/config.toml\n"), std::string::npos) << unit();
    EXPECT_NE(unit().find("\nExecStart=/usr/local/bin/nodeboot node up\n"), std::string::npos) << unit();

    node.host.put("/usr/local/bin/nodeboot", "", 0755);
    const auto own = make_boot_service_phase(node.services, "/root/x.toml");
    ASSERT_TRUE(node.converge(*own));
    EXPECT_EQ(node.lines.size(), 1U);
    EXPECT_NE(unit().find("\nConditionPathExists=/root/x.toml\n"), std::string::npos) << unit();
    EXPECT_NE(unit().find("\nExecStart=/usr/local/bin/nodeboot node up --config \"/root/x.toml\"\n"), std::string::npos)
        << unit();
}

TEST(ImagesFor, a_worker_fetches_only_what_it_runs) {
    const std::vector<std::string> all{"registry.k8s.io/kube-apiserver:v1.35.1", "registry.k8s.io/kube-proxy:v1.35.1",
                                       "registry.k8s.io/coredns/coredns:v1.12.1", "registry.k8s.io/pause:3.10.1",
                                       "registry.k8s.io/etcd:3.6.4-0"};
    EXPECT_EQ(images_for(Role::control_plane, all), all);
    EXPECT_EQ(images_for(Role::worker, all),
              (std::vector<std::string>{"registry.k8s.io/kube-proxy:v1.35.1", "registry.k8s.io/coredns/coredns:v1.12.1",
                                        "registry.k8s.io/pause:3.10.1"}));
}

}  // namespace
}  // namespace nodeboot
