#include "phases/pods_dns.hpp"

#include "phases/expect_plan.hpp"
#include "phases/kubeadm.hpp"

namespace nodeboot::testing {
namespace {

constexpr auto kUplink = "/run/systemd/resolve/resolv.conf";
constexpr auto kLink = "/run/systemd/netif/links/2";
constexpr auto kFlags = "/var/lib/kubelet/kubeadm-flags.env";

/// The part of the dns phase that is tested here, alone.
class Phase final : public NodePhase {
   public:
    explicit Phase(FakeNode& node) : node_(node) {}
    const PhaseInfo& info() const override { return info_; }
    Result<std::vector<NodeChange>> plan(const HostView& view) const override {
        std::vector<NodeChange> changes;
        NB_CHECK(want_pods_dns(changes, view, node_.config, node_.clock));
        return changes;
    }
    Result<std::vector<NodeChange>> undo(const HostView& view) const override {
        std::vector<NodeChange> changes;
        NB_CHECK(undo_pods_dns(changes, view));
        return changes;
    }

   private:
    FakeNode& node_;
    PhaseInfo info_{"pods-dns", "", {}};
};

class PodsDnsTest : public ::testing::Test {
   protected:
    PodsDnsTest() {
        node.host.now = node.clock.wall();
        node.host.put(kUplink, "nameserver 8.8.8.8\nnameserver 8.8.4.4\nnameserver 10.0.0.2\nsearch a.example\n");
        link("10.0.0.2");
    }
    void link(const std::string& servers) {
        node.host.put(kLink, "NETWORK_FILE=/run/systemd/network/10-netplan-ens5.network\nDNS=" + servers +
                                 "\nDOMAINS=ec2.internal\n");
    }
    void nothing_known() {
        node.host.files.erase(kLink);
        node.host.put(kUplink, "nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
    }
    /// A member whose kubelet has run since then with these arguments.
    void join(const std::string& arguments) {
        node.host.put(kubelet_conf, "current-context: default\n", 0600);
        node.host.put(kubelet_config, "kind: KubeletConfiguration\n");
        node.host.put("/etc/kubernetes/pki/ca.crt", "pem");
        node.host.put("/var/lib/kubelet/pki/kubelet-client-current.pem", "pem", 0600);
        node.host.put(kFlags, "KUBELET_KUBEADM_ARGS=\"" + arguments + "\"\n");
        node.host.units["kubelet.service"] = running_unit(node.clock.wall());
    }
    void join() { join(std::string("--node-labels=a=b --resolv-conf=") + pods_resolv_conf); }
    /// Without the comment.
    std::string file() {
        const auto text = node.host.content(pods_resolv_conf).value_or("");
        return text.substr(text.find('\n') + 1);
    }
    FakeNode node;
    Phase phase{node};
};

TEST_F(PodsDnsTest, pods_ask_the_vpc_s_resolver_alone) {
    EXPECT_EQ(actions(node, phase), Lines{"write /etc/nodeboot/pods-resolv.conf (0644)"});
    expect_converges(node, phase);
    EXPECT_EQ(file(), "nameserver 10.0.0.2\nsearch ec2.internal\n");
    EXPECT_EQ(kubelet_resolv_conf(node.host).value_or("?"), pods_resolv_conf);
}

TEST_F(PodsDnsTest, they_ask_it_also_where_it_is_one_of_the_configured_servers) {
    node.config.host.dns_servers = {"10.0.0.2", "8.8.8.8"};
    expect_converges(node, phase);
    EXPECT_EQ(file(), "nameserver 10.0.0.2\nsearch ec2.internal\n");
}

TEST_F(PodsDnsTest, they_get_servers_that_they_can_reach_and_three_at_most) {
    link("fd00:ec2::253 10.0.0.2 fe80::1%2 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5");
    expect_converges(node, phase);
    EXPECT_EQ(file(), "nameserver 10.0.0.2\nnameserver 10.0.0.3\nnameserver 10.0.0.4\nsearch ec2.internal\n");
}

TEST_F(PodsDnsTest, links_of_other_managers_are_known_through_resolved) {
    node.host.files.erase(kLink);
    expect_converges(node, phase);
    EXPECT_EQ(file(), "nameserver 10.0.0.2\nsearch a.example\n");
    node.host.put(kUplink, "nameserver 8.8.8.8\nnameserver 10.0.0.2\nsearch .\n");
    expect_converges(node, phase);
    EXPECT_EQ(file(), "nameserver 10.0.0.2\n");
}

TEST_F(PodsDnsTest, without_a_server_of_a_link_s_kubelet_gets_what_the_machine_asks) {
    nothing_known();
    EXPECT_EQ(planned(node, phase), Lines{});
    EXPECT_EQ(kubelet_resolv_conf(node.host).value_or("?"), kUplink);
}

TEST_F(PodsDnsTest, the_file_stays_while_the_links_have_none_for_the_moment) {
    expect_converges(node, phase);
    nothing_known();
    EXPECT_EQ(planned(node, phase), Lines{});
}

TEST_F(PodsDnsTest, another_lease_or_an_edit_by_hand_is_mended_and_kubelet_is_not_restarted) {
    expect_converges(node, phase);
    join();
    EXPECT_EQ(planned(node, phase), Lines{});
    link("10.0.7.7");
    expect_converges(node, phase);
    EXPECT_EQ(node.host.log, Lines{std::string("write ") + pods_resolv_conf});
    EXPECT_EQ(file(), "nameserver 10.0.7.7\nsearch ec2.internal\n");
    node.host.put(pods_resolv_conf, "nameserver 8.8.8.8\n");
    expect_converges(node, phase);
    EXPECT_EQ(file(), "nameserver 10.0.7.7\nsearch ec2.internal\n");
}

TEST_F(PodsDnsTest, a_kubelet_of_before_is_told_and_restarted_once) {
    for (const auto* before :
         {"--node-labels=a=b", "--resolv-conf=/run/systemd/resolve/resolv.conf --node-labels=a=b"}) {
        join(before);
        EXPECT_EQ(actions(node, phase).back(), "restart kubelet.service");
        expect_converges(node, phase);
        EXPECT_EQ(node.host.content(kFlags),
                  std::string("KUBELET_KUBEADM_ARGS=\"--node-labels=a=b --resolv-conf=") + pods_resolv_conf + "\"\n");
    }
}

TEST_F(PodsDnsTest, a_run_killed_before_the_restart_is_finished_by_the_next) {
    expect_converges(node, phase);
    join();
    node.clock.advance(std::chrono::minutes(1));
    node.host.now = node.clock.wall();
    node.host.put(kFlags, *node.host.content(kFlags));
    EXPECT_EQ(actions(node, phase), Lines{"restart kubelet.service"});
    expect_converges(node, phase);
}

TEST_F(PodsDnsTest, an_argument_of_the_user_s_and_a_file_not_of_kubeadm_s_stay) {
    node.config.kubelet.extra_args = {{"resolv-conf", "/etc/mine"}};
    join("--resolv-conf=/etc/mine");
    expect_converges(node, phase);
    EXPECT_EQ(node.host.content(kFlags), "KUBELET_KUBEADM_ARGS=\"--resolv-conf=/etc/mine\"\n");
    node.config.kubelet.extra_args.clear();
    node.host.put(kFlags, "OTHER=x\n");
    EXPECT_EQ(planned(node, phase), Lines{});
}

TEST_F(PodsDnsTest, a_kubelet_that_was_told_of_the_file_has_it_in_every_mode) {
    join();
    for (const auto mode : {DnsMode::keep, DnsMode::file, DnsMode::google}) {
        node.config.host.dns_mode = mode;
        node.host.files.erase(pods_resolv_conf);
        expect_converges(node, phase);
        EXPECT_EQ(file(), mode == DnsMode::file ? "nameserver 8.8.8.8\nnameserver 8.8.4.4\nsearch ec2.internal\n"
                                                : "nameserver 10.0.0.2\nsearch ec2.internal\n");
    }
    nothing_known();
    node.host.files.erase(pods_resolv_conf);
    expect_converges(node, phase);  // better these than a node that starts no pod
    EXPECT_EQ(file(), "nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
}

TEST_F(PodsDnsTest, other_modes_leave_pods_what_the_machine_has) {
    join("--node-labels=a=b");
    for (const auto mode : {DnsMode::keep, DnsMode::file}) {
        node.config.host.dns_mode = mode;
        EXPECT_EQ(planned(node, phase), Lines{});
    }
}

TEST_F(PodsDnsTest, kubelet_never_gets_a_stub) {
    node.host.files["/etc/resolv.conf"].info.type = FileInfo::Type::symlink;
    node.host.files["/etc/resolv.conf"].info.target = "../run/systemd/resolve/stub-resolv.conf";
    node.host.put("/run/systemd/resolve/stub-resolv.conf", "nameserver 127.0.0.53\n");
    EXPECT_EQ(kubelet_resolv_conf(node.host).value_or("?"), kUplink);
    node.host.put("/etc/resolv.conf", "nameserver 10.0.0.2\n");
    EXPECT_EQ(kubelet_resolv_conf(node.host).value_or("?"), "/etc/resolv.conf");
    node.host.put("/etc/resolv.conf", "nameserver 127.0.0.1\n");
    node.host.files.erase(kUplink);
    EXPECT_FALSE(kubelet_resolv_conf(node.host));
}

}  // namespace
}  // namespace nodeboot::testing
