// Files of the machine and answers of the API server, damaged: phases plan something that converges, or say why not.
#include <nlohmann/json.hpp>

#include "base/cidr.hpp"
#include "base/toml.hpp"
#include "phases/admin_kubeconfig.hpp"
#include "phases/commented_lines.hpp"
#include "phases/containerd_toml.hpp"
#include "phases/dns.hpp"
#include "phases/expect_plan.hpp"
#include "phases/flannel.hpp"
#include "phases/join_secret_publish.hpp"
#include "phases/kernel_modules.hpp"
#include "phases/kubeadm.hpp"
#include "phases/kubeadm_given.hpp"
#include "phases/kubeadm_init.hpp"
#include "phases/kubelet_drift.hpp"
#include "phases/node_roles.hpp"
#include "phases/pods_dns.hpp"
#include "phases/preflight.hpp"
#include "phases/preflight_checks.hpp"
#include "phases/swap.hpp"
#include "phases/sysctl.hpp"
#include "phases/sysctl_files.hpp"
#include "phases/time_sync.hpp"
#include "support/mutator.hpp"

namespace nodeboot::testing {
namespace {

const std::vector<std::string> fstabs{
    "# /etc/fstab\nUUID=1 / ext4 defaults 0 1\n/swapfile none swap sw 0 0\nUUID=2\tnone\tswap\tsw\t0\t0\r\n",
    "/dev/vdb none swap defaults,nofail,x-systemd.requires=cloud-init.service,comment=cloudconfig 0 2\n",
    "/my\\040swap swap swap pri=1\nLABEL=swap none swap sw # nodeboot: \n# nodeboot: /x none swap\n"};

TEST(FuzzPhases, fstab_loses_its_swap_lines_and_nothing_else) {
    fuzz(fstabs, 6000, [](const std::string& text) {
        const std::string without = fstab_without_swap(text);
        EXPECT_EQ(fstab_without_swap(without), without) << "not the same after a second time";
        for (const auto line : lines_of(without)) {
            const auto words = words_of(line);
            const bool comment = words.empty() || words[0].starts_with('#');
            EXPECT_FALSE(!comment && words.size() >= 3 && words[2] == "swap") << line;
        }
        if (text.find(comment_mark) == std::string::npos) {
            EXPECT_EQ(with_lines_restored(without), text);
        }
    });
    fuzz({"/my\\040swap", "/dev/sda1", "\\134\\011"}, 3000,
         [](const std::string& name) { EXPECT_LE(unescape_mount_name(name).size(), name.size()); });
}

/// Puts the text into `path` of a machine, and the phase must converge or refuse.
void fuzz_file(FakeNode& node, const NodePhase& phase, const std::string& path,
               const std::vector<std::string>& examples, int rounds = 700) {
    const auto files = node.host.files;
    const auto units = node.host.units;
    fuzz(examples, rounds, [&](const std::string& text) {
        node.host.files = files;
        node.host.units = units;
        node.host.put(path, text);
        const auto done = node.converge(phase);
        if (!done) {
            EXPECT_FALSE(done.error().text().empty());
            EXPECT_NE(done.error().kind, ErrorKind::internal) << done.error().text();
            return;
        }
        const auto left = planned(node, phase);
        EXPECT_TRUE(left.empty()) << path << ": " << left.front();
    });
    node.host.files = files;
    node.host.units = units;
}

TEST(FuzzPhases, swap_is_off_whatever_the_files_hold) {
    FakeNode node;
    const auto phase = make_swap_phase(node.config);
    fuzz_file(node, *phase, "/etc/fstab", fstabs);
    fuzz_file(node, *phase, "/run/systemd/generator/dev-vdb.swap",
              {"[Unit]\nSourcePath=/proc/cmdline\n[Swap]\nWhat=/dev/vdb\n"}, 400);
    const std::string swaps =
        "Filename\tType\tSize\tUsed\tPriority\n/my\\040file file 524284 0 -2\n/dev/zram0 partition 8 0 100\n";
    fuzz({swaps}, 1500, [&](const std::string& text) {
        node.host.put("/proc/swaps", text);
        EXPECT_TRUE(phase->plan(node.host));
    });
}

TEST(FuzzPhases, kernel_settings_win_over_what_other_files_hold) {
    FakeNode node;
    const auto phase = make_sysctl_phase(node.config);
    const std::vector<std::string> examples{
        "net.ipv4.ip_forward = 0\n; c\n# d\n-net/ipv4/ip_forward=0\nnet.ipv4.conf.*.rp_filter = 1\n",
        "net.bridge.bridge-nf-call-iptables=0\nvm.overcommit_memory = \nkernel.panic=10 20\t30"};
    fuzz_file(node, *phase, "/etc/sysctl.d/99-other.conf", examples);
    fuzz_file(node, *phase, "/etc/sysctl.conf", examples);
    fuzz({"net/ipv4/ip_forward", "net.ipv4.conf.eth0/1.forwarding", "net.ipv4.conf.all.forwarding"}, 4000,
         [](const std::string& key) { EXPECT_EQ(canonical_sysctl(canonical_sysctl(key)), canonical_sysctl(key)); });
}

TEST(FuzzPhases, name_servers_are_found_in_whatever_stands_there) {
    FakeNode node;
    node.host.now = node.clock.wall();
    node.host.units["systemd-resolved.service"] = running_unit(node.clock.wall());
    node.host.programs["resolvectl"] = [](const Command&) { return CommandOutput{}; };
    const auto phase = make_dns_phase(node.config, node.clock);
    const auto look = [&](const std::string& path, const std::vector<std::string>& examples) {
        const auto files = node.host.files;
        fuzz(examples, 800, [&](const std::string& text) {
            node.host.files = files;
            node.host.put(path, text);
            const auto done = node.converge(*phase);
            EXPECT_TRUE(done || done.error().kind != ErrorKind::internal) << done.error().text();
            const auto of_kubelet = kubelet_resolv_conf(node.host);
            EXPECT_TRUE(!of_kubelet || of_kubelet->starts_with("/")) << *of_kubelet;
            const auto pods = node.host.content(pods_resolv_conf);
            if (!pods) return;
            int servers = 0;
            for (const auto line : lines_of(*pods)) {
                if (line.starts_with("#") || line.starts_with("search ")) continue;
                EXPECT_TRUE(line.starts_with("nameserver ") && parse_ipv4(line.substr(11))) << line;
                ++servers;
            }
            EXPECT_GE(servers, 1);
            EXPECT_LE(servers, 3);
        });
        node.host.files = files;
    };
    look("/run/systemd/resolve/resolv.conf", {"# c\nnameserver 8.8.8.8\nnameserver 10.0.0.2\nnameserver "
                                              "fe80::1%2\nsearch a.example b.example\noptions edns0\n",
                                              "nameserver\nsearch .\n"});
    look("/run/systemd/netif/links/2",
         {"ADMIN_STATE=configured\nNETWORK_FILE=/run/systemd/network/10-netplan-ens5.network\nDNS=10.0.0.2 fe80::1\n"
          "DOMAINS=ec2.internal\nROUTE_DOMAINS=a b\nDNS_DEFAULT_ROUTE=yes\n"});
    look("/etc/resolv.conf",
         {"nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch ec2.internal\n", "nameserver 10.0.0.2\n"});
}

TEST(FuzzPhases, what_proc_and_etc_hold_is_a_finding_or_none) {
    FakeNode node;
    const auto phase = make_preflight_phase(node.config, node.clock);
    const std::map<std::string, std::vector<std::string>> examples{
        {"/etc/os-release",
         {"NAME=\"Debian\"\nID=debian\nVERSION_ID='13'\nID_LIKE=\n", "ID=ubuntu\nVERSION_ID=\"24.04\""}},
        {"/proc/meminfo", {"MemTotal:        2038904 kB\nMemFree: 1 kB\n"}},
        {"/proc/self/status", {"Name:\tnodeboot\nUid:\t0\t0\t0\t0\nCapBnd:\t000001ffffffffff\n"}},
        {"/proc/cpuinfo", {"processor\t: 0\nmodel name\t: x\nprocessor\t: 1\n"}},
        {"/proc/filesystems", {"nodev\tsysfs\n\text4\nnodev\toverlay\n"}},
        {"/proc/modules", {"overlay 1 0 - Live 0x0\nbr_netfilter 2 1 x, Live 0x0 (OE)\n"}},
        {"/proc/sys/kernel/hostname", {"ip-10-0-1-5\n"}},
        {"/proc/sys/kernel/osrelease", {"6.1.0-13-amd64\n"}},
        {"/proc/self/mounts", {"cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\nproc /proc proc rw 0 0\n"}},
        {"/proc/net/tcp",
         {"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
          "   0: 0100007F:280A 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1 0\n"}}};
    const auto modules = make_kernel_modules_phase(node.config);
    for (const auto& [path, texts] : examples) {
        const auto files = node.host.files;
        fuzz(texts, 400, [&, path = path](const std::string& text) {
            node.host.put(path, text);
            phase->plan(node.host).has_value();
            StepContext step = node.step();
            phase->verify(node.host, step).has_value();
            modules->plan(node.host).has_value();
        });
        node.host.files = files;
    }
    fuzz(examples.at("/proc/net/tcp"), 3000, [](const std::string& text) {
        for (const auto& listener : listeners_in(text)) EXPECT_FALSE(listener.inode.empty());
    });
}

TEST(FuzzPhases, chronys_configuration_is_respected_or_refused) {
    FakeNode node;
    node.host.now = node.clock.wall();
    node.host.units["chrony.service"] = running_unit(node.clock.wall());
    const auto phase = make_time_sync_phase(node.config, node.clock);
    fuzz_file(node, *phase, "/etc/chrony/chrony.conf",
              {"confdir /etc/chrony/conf.d\npool 2.debian.pool.ntp.org iburst\nsourcedir /run/chrony-dhcp\nserver "
               "169.254.169.123\n",
               "sourcedir /etc/chrony/sources.d\n# x\n"});
}

TEST(FuzzPhases, kubelets_files_are_compared_or_refused) {
    const Config config;
    fuzz({"authentication:\n  anonymous: {enabled: false}\nclusterDNS:\n- 10.96.0.10\nevictionHard:\n  "
          "memory.available: "
          "100Mi\nimageMaximumGCAge: 1h0m0.5s\nlogging: {flushFrequency: 0}\nmaxPods: 110\n"},
         2000, [](const std::string& text) {
             const auto with_itself = kubelet_config_differences(text, text, "");
             EXPECT_TRUE(!with_itself || with_itself->empty()) << text;
             kubelet_config_differences("maxPods: 110\n", text, text).has_value();
         });
    fuzz({"KUBELET_KUBEADM_ARGS=\"--node-labels=a=b,c=d --v=2 --say=\\\"x\\\" "
          "--register-with-taints=a=b:NoSchedule\"\n"},
         2000, [&](const std::string& text) { settings_changed_since_join(text, config); });
}

TEST(FuzzPhases, a_users_toml_for_containerd_is_merged_or_refused) {
    FakeNode node;
    fuzz({"[plugins.\"io.containerd.grpc.v1.cri\"]\nsandbox_image = \"x\"\n", "version = 2\n[debug]\nlevel='debug'\n",
          "[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]\nSystemdCgroup = false\n"},
         800, [&](const std::string& text) {
             node.config.containerd.extra_config = text;
             for (const Version version : {Version{1, 7, 28}, Version{2, 1, 5}}) {
                 const auto file = make_containerd_file(node.config, version);
                 if (!file) continue;
                 EXPECT_TRUE(parse_toml(file->text)) << file->text;
                 EXPECT_EQ(make_containerd_file(node.config, version)->text, file->text);
             }
         });
}

TEST(FuzzPhases, objects_of_the_api_server_are_looked_into_without_exceptions) {
    FakeNode node;
    node.host.put(admin_conf, "x", 0600);
    const auto dns = make_cluster_dns_phase(node.services), roles = make_node_roles_phase(node.services),
               secret = make_join_secret_publish_phase(node.services);
    node.config.node.labels = {{"a.example/b", "c"}};
    JoinSecret published;
    published.token = Secret("abcdef.0123456789abcdef");
    published.expires = node.clock.wall() + std::chrono::hours(1);
    published.endpoint = "10.0.0.10:6443";
    published.ca_cert_hashes = {"sha256:" + std::string(64, 'a')};
    node.store.secret = published;
    fuzz(
        {R"({"items":[{"metadata":{"name":"ip-10-0-1-5","labels":{"node-role.kubernetes.io/worker":"","a.example/b":"x"}},"status":{"conditions":[{"type":"Ready","status":"False","message":"m"}]}}]})",
         R"({"status":{"conditions":[{"type":"Available","status":"True"},{"type":"Ready","status":"True"}]},"gitVersion":"v1.35.0"})",
         R"({"data":{"ClusterConfiguration":"networking:\n  podSubnet: 10.244.0.0/16\n  dnsDomain: [1]\n","kubeconfig":"k","jws-kubeconfig-abcdef":"e30..x"}})",
         R"({"items":null,"metadata":null,"status":{"conditions":null}})"},
        1500, [&](const std::string& text) {
            const auto json = nlohmann::json::parse(text, nullptr, false);
            if (json.is_discarded()) return;
            for (const auto* path : {"/api/v1/nodes", "/api/v1/nodes/ip-10-0-1-5", "/version",
                                     "/apis/apps/v1/namespaces/kube-system/deployments/coredns",
                                     "/api/v1/namespaces/kube-system/configmaps/kubeadm-config",
                                     "/api/v1/namespaces/kube-public/configmaps/cluster-info"})
                node.kube.api->objects[path] = json;
            node_is_ready(*node.kube.api, "ip-10-0-1-5").has_value();
            roles->plan(node.host).has_value();
            secret->plan(node.host).has_value();
            StepContext step = node.step();
            step.deadline = Deadline::after(node.clock, std::chrono::seconds(1));
            dns->verify(node.host, step).has_value();
        });
}

}  // namespace
}  // namespace nodeboot::testing
