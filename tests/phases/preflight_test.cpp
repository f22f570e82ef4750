#include "phases/preflight.hpp"

#include "phases/expect_plan.hpp"
#include "phases/preflight_checks.hpp"

namespace nodeboot::testing {
namespace {

constexpr auto kTcp =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    "   0: 0100007F:280A 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0\n"
    "   1: 0100007F:1923 0100007F:1111 01 00000000:00000000 00:00000000 00000000     0        0 4243 1 0\n";

class Preflight : public ::testing::Test {
   protected:
    Preflight() {
        node.host.put("/proc/self/status", "Name:\tnodeboot\nUid:\t0\t0\t0\t0\n");
        node.host.put("/etc/os-release",
                      "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\n");
        node.host.put("/proc/sys/kernel/osrelease", "6.1.0-18-cloud-amd64\n");
        node.host.put("/proc/sys/kernel/arch", "x86_64\n");
        node.host.put("/proc/sys/kernel/hostname", "ip-10-0-1-5\n");
        node.host.put("/etc/hostname", "ip-10-0-1-5\n");
        node.host.put("/sys/devices/system/cpu/online", "0-1\n");
        node.host.put("/proc/meminfo", "MemTotal:        1958544 kB\nMemFree: 1 kB\n");
        node.host.put("/sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
    }
    std::shared_ptr<const NodePhase> phase() { return make_preflight_phase(node.config, node.clock); }
    /// "check" of each fatal problem, "check?" of each warning.
    Lines problems() {
        const auto found = find_preflight_problems(node.config, node.host, node.clock);
        if (!found) return {found.error().text()};
        Lines names;
        for (const auto& problem : *found) names.push_back(problem.check + (problem.fatal ? "" : "?"));
        return names;
    }
    FakeNode node;
};

TEST_F(Preflight, fit_machine_passes_and_nothing_is_changed) {
    node.config.node.role = Role::control_plane;
    EXPECT_EQ(problems(), Lines{});
    EXPECT_EQ(planned(node, *phase()), Lines{});
}

TEST_F(Preflight, all_problems_are_told_in_one_error_that_names_each_check) {
    node.host.put("/proc/self/status", "Uid:\t1000\t1000\t1000\t1000\n");
    node.host.put("/proc/sys/kernel/osrelease", "4.14.0\n");
    node.host.put("/proc/meminfo", "MemTotal: 500000 kB\n");
    node.host.disk.free = 1ULL << 30;
    const auto plan = phase()->plan(node.host);
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().kind, ErrorKind::refused);
    EXPECT_EQ(plan.error().message,
              "this machine is not fit for the cluster (4 problems): root: running as user 1000, not as root; "
              "kernel: the kernel is 4.14.0; kubelet needs 4.19 or newer; memory: 488 MiB of memory, 900 wanted; "
              "disk: 1.0 GiB free under /var/lib, 8 wanted");
    EXPECT_NE(plan.error().hint.find("host.ignore_preflight = [\"root\", \"kernel\", \"memory\", \"disk\"]"),
              std::string::npos);
}

TEST_F(Preflight, every_check_can_be_ignored_by_its_name) {
    node.host.put("/proc/self/status", "Uid:\t1000\t1000\t1000\t1000\n");
    node.host.put("/proc/sys/kernel/hostname", "localhost\n");
    EXPECT_EQ(problems(), (Lines{"root", "hostname"}));
    node.config.host.ignore_preflight = preflight_check_names();
    EXPECT_EQ(problems(), Lines{});
}

TEST_F(Preflight, control_plane_wants_more_than_a_worker) {
    node.host.put("/sys/devices/system/cpu/online", "0\n");
    node.host.put("/proc/meminfo", "MemTotal: 1000000 kB\n");
    EXPECT_EQ(problems(), Lines{});
    node.config.node.role = Role::control_plane;
    EXPECT_EQ(problems(), (Lines{"cpu", "memory"}));
    node.config.host.min_cpus = 1;
    node.config.host.min_memory_mib = 900;
    EXPECT_EQ(problems(), Lines{});
}

TEST_F(Preflight, busy_port_is_named_with_its_process) {
    node.host.put("/proc/net/tcp", kTcp);
    node.host.put("/proc/77/comm", "nginx\n");
    node.host.put("/proc/77/fd/5", "");
    node.host.files["/proc/77/fd/5"].info = {.type = FileInfo::Type::symlink, .target = "socket:[4242]"};
    EXPECT_NE(error_of(node, *phase()).find("ports: port 10250 (for kubelet) is in use by nginx (process 77)"),
              std::string::npos);
}

TEST_F(Preflight, ports_of_our_own_running_node_are_no_problem) {
    node.host.put("/proc/net/tcp", kTcp);
    node.host.put("/etc/kubernetes/kubelet.conf", "    server: https://10.0.0.10:6443\n");
    node.host.disk.free = 1;
    EXPECT_EQ(problems(), Lines{});
}

TEST_F(Preflight, ports_of_the_control_plane_matter_to_a_control_plane_only) {
    node.host.put("/proc/net/tcp6", "   0: 00000000000000000000000000000000:094B 0:0 0A 0:0 0:0 0 0 0 7 1\n");  // 2379
    EXPECT_EQ(problems(), Lines{});
    node.config.node.role = Role::control_plane;
    EXPECT_EQ(problems(), Lines{"ports"});
}

TEST_F(Preflight, cgroup_v1_is_refused_from_1_35_on_and_warned_of_before) {
    node.host.files.erase("/sys/fs/cgroup/cgroup.controllers");
    node.host.put("/sys/fs/cgroup/memory/tasks", "");
    EXPECT_EQ(problems(), Lines{"cgroup"});
    node.config.kubernetes.version = {1, 34, 2};
    EXPECT_EQ(problems(), Lines{"cgroup?"});
}

TEST_F(Preflight, what_to_do_about_cgroup_v1_can_be_done) {
    node.host.files.erase("/sys/fs/cgroup/cgroup.controllers");
    node.host.put("/sys/fs/cgroup/memory/tasks", "");
    const auto hint = [&] { return find_preflight_problems(node.config, node.host, node.clock)->at(0).hint; };
    EXPECT_EQ(hint(), "boot with systemd.unified_cgroup_hierarchy=1, or set kubernetes.version to 1.34 or older");
    node.config.kubernetes.version = {1, 34, 2};
    EXPECT_EQ(hint(), "boot with systemd.unified_cgroup_hierarchy=1");
}

TEST_F(Preflight, unknown_system_is_warned_of_not_refused) {
    node.host.put("/etc/os-release", "ID=fedora\nVERSION_ID=41\nPRETTY_NAME=\"Fedora Linux 41\"\n");
    EXPECT_EQ(problems(), Lines{"os?"});
    EXPECT_EQ(planned(node, *phase()), Lines{});
    auto step = node.step();
    ASSERT_TRUE(phase()->verify(node.host, step));
    ASSERT_EQ(node.lines.size(), 1U);
    EXPECT_NE(node.lines[0].find("Fedora Linux 41 is not among"), std::string::npos);
}

TEST_F(Preflight, supported_systems) {
    for (const auto* release : {"ID=debian\nVERSION_ID=\"13\"", "ID=ubuntu\nVERSION_ID=\"22.04\"",
                                "ID=ubuntu\nVERSION_ID=\"24.04\"", "ID=\"amzn\"\nVERSION_ID=\"2023\""}) {
        node.host.put("/etc/os-release", release);
        EXPECT_EQ(problems(), Lines{}) << release;
    }
}

TEST_F(Preflight, clock_of_1970_is_refused) {
    node.clock.set_wall(WallTime{});
    EXPECT_EQ(problems(), Lines{"clock"});
}

TEST_F(Preflight, hostname_that_changes_at_the_next_boot_is_refused_unless_the_name_is_given) {
    node.host.put("/etc/hostname", "# by hand\nold-name\n");
    EXPECT_EQ(problems(), Lines{"hostname"});
    node.config.node.name = "worker-1";
    EXPECT_EQ(problems(), Lines{});
    EXPECT_EQ(settled_node_name(node.config, node.host).value_or("?"), "worker-1");
}

TEST_F(Preflight, hostname_is_taken_in_lower_case) {
    node.host.put("/proc/sys/kernel/hostname", "IP-10-0-1-5.ec2.internal\n");
    EXPECT_EQ(settled_node_name(node.config, node.host).value_or("?"), "ip-10-0-1-5.ec2.internal");
}

TEST_F(Preflight, machine_of_another_cluster_or_distribution_is_refused) {
    node.config.network.endpoint = "api.example";
    node.host.put("/etc/kubernetes/kubelet.conf", "clusters:\n- cluster:\n    server: https://10.9.9.9:6443\n");
    node.host.put("/etc/rancher/k3s/k3s.yaml", "");
    node.host.put("/etc/kubernetes/manifests/kube-apiserver.yaml", "");
    EXPECT_EQ(problems(), (Lines{"other-cluster", "other-cluster", "other-cluster"}));
    EXPECT_NE(error_of(node, *phase()).find("its kubelet asks 10.9.9.9:6443, and network.endpoint is api.example:6443"),
              std::string::npos);
}

TEST(NodeName, follows_rfc_1123) {
    for (const auto* good : {"a", "ip-10-0-1-5", "ip-10-0-1-5.ec2.internal", "0a.b-c"})
        EXPECT_EQ(node_name_flaw(good), "") << good;
    for (const auto& bad :
         {std::string(), std::string("localhost"), std::string("localhost.localdomain"), std::string("A"),
          std::string("a_b"), std::string("-a"), std::string("a-"), std::string("a-.b"), std::string("a..b"),
          std::string(".a"), std::string("a."), std::string(64, 'a'), std::string(254, 'a')})
        EXPECT_NE(node_name_flaw(bad), "") << bad;
}

TEST(Listeners, are_sockets_in_state_listen) {
    const auto listeners = listeners_in(kTcp);
    ASSERT_EQ(listeners.size(), 1U);
    EXPECT_EQ(listeners[0].port, 10250U);
    EXPECT_EQ(listeners[0].inode, "4242");
    EXPECT_TRUE(listeners_in("nonsense\n\n 0: zz 0A").empty());
}

}  // namespace
}  // namespace nodeboot::testing
