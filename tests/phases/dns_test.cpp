#include "phases/dns.hpp"

#include "base/lines.hpp"
#include "phases/expect_plan.hpp"
#include "phases/pods_dns.hpp"

namespace nodeboot::testing {
namespace {

constexpr auto kFile = "/etc/systemd/resolved.conf.d/50-nodeboot.conf";
constexpr auto kUplink = "/run/systemd/resolve/resolv.conf";
constexpr auto kLink = "/run/systemd/netif/links/2";

class Dns : public ::testing::Test {
   protected:
    Dns() {
        node.host.now = node.clock.wall();
        node.host.units["systemd-resolved.service"] = running_unit(node.clock.wall());
        node.host.put(kUplink, "nameserver 10.0.0.2\nsearch ec2.internal\n");
        node.host.put(kLink,
                      "ADMIN_STATE=configured\nNETWORK_FILE=/run/systemd/network/10-netplan-ens5.network\n"
                      "DNS=10.0.0.2\nDOMAINS=ec2.internal\nROUTE_DOMAINS=\nDNS_DEFAULT_ROUTE=\n");
        node.host.files["/etc/resolv.conf"].info.type = FileInfo::Type::symlink;
        node.host.files["/etc/resolv.conf"].info.target = "../run/systemd/resolve/stub-resolv.conf";
        node.host.put("/run/systemd/resolve/stub-resolv.conf", "nameserver 127.0.0.53\n");
        node.host.programs["resolvectl"] = [this](const Command& command) {
            std::string link = *node.host.content(kLink);
            const auto put = [&](const std::string& key, const std::string& value) {
                const auto at = link.find(key + "=") + key.size() + 1;
                link.replace(at, link.find('\n', at) - at, value);
            };
            std::string search, routed;
            for (std::size_t i = 3; i < command.argv.size(); ++i) {
                const auto& word = command.argv[i];
                (word[0] == '~' ? routed : search) += (word[0] == '~' ? word.substr(1) : word) + " ";
            }
            if (command.argv[1] == "domain") {
                put("DOMAINS", search);  // the first of the two, ROUTE_DOMAINS follows
                put("ROUTE_DOMAINS", routed);
            } else {
                put("DNS_DEFAULT_ROUTE", command.argv[3]);
            }
            node.host.put(kLink, link);
            return CommandOutput{};
        };
    }
    std::shared_ptr<const NodePhase> phase() { return make_dns_phase(node.config, node.clock); }
    void resolved_has_read() {
        node.host.put(kUplink, "nameserver 8.8.8.8\nnameserver 8.8.4.4\nnameserver 10.0.0.2\n");
    }
    void converge() {
        ASSERT_TRUE(node.converge(*phase()));
        resolved_has_read();
        ASSERT_EQ(planned(node, *phase()), Lines{});
    }
    FakeNode node;
};

TEST_F(Dns, google_servers_stand_beside_the_link_s_own_which_keeps_the_vpc_s_names) {
    EXPECT_EQ(
        actions(node, *phase()),
        (Lines{"write /etc/systemd/resolved.conf.d/50-nodeboot.conf (0644)",
               "write /etc/systemd/network/10-netplan-ens5.network.d/50-nodeboot.conf (0644)",
               "restart systemd-resolved.service",
               "run resolvectl domain 2 ec2.internal '~internal' '~amazonaws.com' '~api.aws' '~0.10.in-addr.arpa'",
               "run resolvectl default-route 2 yes", "write /etc/nodeboot/pods-resolv.conf (0644)"}));
    converge();
    EXPECT_NE(node.host.content(kFile)->find("\nDNS=8.8.8.8 8.8.4.4\n"), std::string::npos);
    EXPECT_EQ(node.host.content(kFile)->find("Domains"), std::string::npos);
}

TEST_F(Dns, resolved_that_uses_other_servers_is_restarted_and_nothing_else) {
    converge();
    node.host.put(kUplink, "nameserver 10.0.0.2\n");
    EXPECT_EQ(actions(node, *phase()), Lines{"restart systemd-resolved.service"});
}

TEST_F(Dns, domains_lost_by_a_reload_of_networkd_are_set_live_without_a_restart) {
    converge();
    node.host.put(kLink,
                  "NETWORK_FILE=/run/systemd/network/10-netplan-ens5.network\nDNS=10.0.0.2\nDOMAINS=ec2.internal\n"
                  "ROUTE_DOMAINS=corp.example\nDNS_DEFAULT_ROUTE=yes\n");
    EXPECT_EQ(actions(node, *phase()),
              Lines{"run resolvectl domain 2 ec2.internal '~corp.example' '~internal' '~amazonaws.com' "
                    "'~api.aws' '~0.10.in-addr.arpa'"});
}

TEST_F(Dns, links_of_others_and_links_without_servers_are_left) {
    converge();
    node.host.put("/run/systemd/netif/links/3", "ADMIN_STATE=unmanaged\nDNS=10.9.9.9\n");
    node.host.put("/run/systemd/netif/links/4", "NETWORK_FILE=/etc/systemd/network/x.network\nDNS=\n");
    EXPECT_EQ(planned(node, *phase()), Lines{});
}

TEST_F(Dns, resolv_conf_of_its_own_is_led_to_resolved) {
    converge();
    node.host.put("/etc/resolv.conf", "nameserver 10.0.0.2\n");
    EXPECT_EQ(actions(node, *phase()), (Lines{"copy /etc/resolv.conf to /etc/resolv.conf.before-nodeboot (0644)",
                                              "link /etc/resolv.conf to ../run/systemd/resolve/stub-resolv.conf"}));
    expect_converges(node, *phase());
}

TEST_F(Dns, vpc_server_that_only_resolv_conf_knows_is_not_thrown_away) {
    node.host.files.erase(kLink);
    node.host.put("/etc/resolv.conf", "nameserver 10.0.0.2\n");
    EXPECT_NE(error_of(node, *phase()).find("the VPC's names would be lost"), std::string::npos);
}

TEST_F(Dns, machine_without_resolved_is_refused_with_a_way_out) {
    node.host.units.clear();
    const auto plan = phase()->plan(node.host);
    ASSERT_FALSE(plan);
    EXPECT_NE(plan.error().hint.find("\"keep\""), std::string::npos);
}

TEST_F(Dns, keep_touches_nothing) {
    node.config.host.dns_mode = DnsMode::keep;
    EXPECT_EQ(planned(node, *phase()), Lines{});
}

TEST_F(Dns, file_mode_writes_resolv_conf_and_keeps_search_and_options) {
    node.config.host.dns_mode = DnsMode::file;
    node.host.put("/etc/resolv.conf", "nameserver 10.0.0.2\nsearch ec2.internal\noptions edns0\n");
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.content("/etc/resolv.conf"),
              "# Made by nodeboot; change with dns.mode and dns.servers in its config.\nnameserver 8.8.8.8\n"
              "nameserver 8.8.4.4\nsearch ec2.internal\noptions edns0\n");
}

TEST_F(Dns, a_machine_whose_links_have_no_server_says_that_pods_ask_what_it_asks) {
    node.host.files.erase(kLink);
    node.host.put(kUplink, "");
    const auto lines = join(planned(node, *phase()), "\n");
    EXPECT_NE(lines.find("uses 8.8.8.8, 8.8.4.4 too, and so do pods: no link has a server of its own"),
              std::string::npos)
        << lines;
    ASSERT_TRUE(node.converge(*phase()));
    EXPECT_FALSE(node.host.content(pods_resolv_conf));
}

TEST_F(Dns, an_image_holds_nobodys_resolver) {
    ASSERT_TRUE(node.converge(*make_dns_phase(node.config, node.clock, PodsDns::left_out)));
    EXPECT_FALSE(node.host.content(pods_resolv_conf));
}

}  // namespace
}  // namespace nodeboot::testing
