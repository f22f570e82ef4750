#include "base/config_load.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "base/config_print.hpp"
#include "base/config_schema.hpp"

namespace nodeboot {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

std::string first_mistake(const LoadedConfig& loaded) {
    return loaded.mistakes.empty() ? "" : loaded.mistakes[0].text();
}

TEST(Config, defaults_are_right_by_themselves) {
    const auto loaded = load_config({});
    EXPECT_TRUE(loaded.ok()) << loaded.error().message;
    EXPECT_TRUE(loaded.warnings.empty());
}

TEST(Config, later_layers_win_and_lists_replace) {
    const auto loaded =
        load_config({{"a.toml", "[network]\nvxlan_port = 1\napi_port = 7443\n[dns]\nservers = ['1.1.1.1', '9.9.9.9']"},
                     {"b.toml", "[network]\nvxlan_port = 2\n[dns]\nservers = ['8.8.4.4']"}},
                    {"network.vxlan_port=8472"});
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    EXPECT_EQ(loaded.config.network.vxlan_port, 8472U);
    EXPECT_EQ(loaded.config.network.api_port, 7443U);
    EXPECT_THAT(loaded.config.host.dns_servers, ElementsAre("8.8.4.4"));
    EXPECT_EQ(loaded.origin_of("network.vxlan_port").text(), "--set");
    EXPECT_EQ(loaded.origin_of("network.api_port").text(), "a.toml:3:12");
    EXPECT_EQ(loaded.origin_of("dns.servers").text(), "b.toml:4:11");
    EXPECT_EQ(loaded.origin_of("dns.mode").text(), "default");
}

TEST(Config, tables_of_own_keys_add_up_entry_by_entry) {
    const auto loaded =
        load_config({{"a.toml", "[node.labels]\ndisk = 'ssd'\nzone = 'a'"}, {"b.toml", "[node.labels]\nzone = 'b'"}},
                    {"node.labels.example.com/rack=7"});
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    EXPECT_THAT(loaded.config.node.labels,
                ElementsAre(Pair("disk", "ssd"), Pair("example.com/rack", "7"), Pair("zone", "b")));
    EXPECT_EQ(loaded.origin_of("node.labels.disk").text(), "a.toml:2:8");
    EXPECT_EQ(loaded.origin_of("node.labels.zone").text(), "b.toml:2:8");
    EXPECT_EQ(loaded.origin_of("node.labels.example.com/rack").text(), "--set");
}

TEST(Config, dotted_keys_of_a_table_need_no_quotes) {
    const auto loaded = load_config({{"a.toml", "[host.sysctl]\nnet.ipv4.ip_forward = 1\n\"vm.swappiness\" = '0'"}});
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    EXPECT_THAT(loaded.config.host.sysctl, ElementsAre(Pair("net.ipv4.ip_forward", "1"), Pair("vm.swappiness", "0")));
}

TEST(Config, set_takes_words_without_quotes) {
    const auto loaded = load_config(
        {}, {"cluster.name=demo", "node.role=control-plane", "kubernetes.version=1.30", "flannel.enabled=false",
             "dns.servers=1.1.1.1,9.9.9.9", "join.token_ttl=2h", "host.sysctl.vm.swappiness=10",
             "containerd.registry_mirrors.docker.io=https://a.example,https://b.example",
             "network.node_ports=30000-31000", "control_plane.conntrack_min=0", "node.taints=[\"a=b:NoSchedule\"]"});
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    const Config& config = loaded.config;
    EXPECT_EQ(config.cluster.name, "demo");
    EXPECT_EQ(config.node.role, Role::control_plane);
    EXPECT_EQ(config.kubernetes.version.text(), "1.30");
    EXPECT_FALSE(config.flannel.enabled);
    EXPECT_THAT(config.host.dns_servers, ElementsAre("1.1.1.1", "9.9.9.9"));
    EXPECT_EQ(config.join.token_ttl, std::chrono::hours(2));
    EXPECT_THAT(config.host.sysctl, ElementsAre(Pair("vm.swappiness", "10")));
    EXPECT_THAT(config.containerd.registry_mirrors.at("docker.io"),
                ElementsAre("https://a.example", "https://b.example"));
    EXPECT_EQ(config.network.node_port_last, 31000U);
    EXPECT_EQ(config.control_plane.conntrack_min, 0U);
    EXPECT_THAT(config.node.taints, ElementsAre(Taint{"a", "b", "NoSchedule"}));
}

TEST(Config, set_reports_mistakes_like_a_file) {
    const std::pair<const char*, const char*> cases[] = {
        {"network.vxlan_port", "--set: 'network.vxlan_port' is not key=value, like network.vxlan_port=8472"},
        {"=5", "--set: '=5' is not key=value, like network.vxlan_port=8472"},
        {"network.vxlan_prt=5", "--set: network.vxlan_prt: there is no such key; did you mean network.vxlan_port?"},
        {"network.vxlan_port=many", "--set: network.vxlan_port: must be a whole number, not the string \"many\""},
        {"vxlan_port=5", "--set: vxlan_port: there is no such key; did you mean network.vxlan_port?"},
        {"network.pod_cidr=10.0.0.0/16",
         "--set: network.pod_cidr: 10.0.0.0/16 overlaps network.vpc_cidr 10.0.0.0/16 (default): a pod and a "
         "machine could have the same address, and packets to one would reach the other; "
         "10.244.0.0/16 would be free"},
    };
    for (const auto& [argument, message] : cases) EXPECT_EQ(first_mistake(load_config({}, {argument})), message);
}

TEST(Config, all_layers_are_read_before_mistakes_are_reported) {
    const auto loaded = load_config({{"a.toml", "[network\n"}, {"b.toml", "[node]\nrole = 'boss'"}}, {"a.b=c"});
    ASSERT_EQ(loaded.mistakes.size(), 3U);
    EXPECT_THAT(loaded.error().message, HasSubstr("the configuration has 3 mistakes\n  a.toml:1:9: not TOML"));
    EXPECT_EQ(loaded.mistakes[1].origin.text(), "b.toml:2:8");
    EXPECT_EQ(loaded.mistakes[2].origin.text(), "--set");
}

TEST(Config, a_bad_value_is_not_reported_again_by_the_rules) {
    const auto loaded = load_config({{"a.toml", "[network]\npod_cidr = '10.0.0.0/99'\nvpc_cidr = '10.244.0.0/16'"}});
    ASSERT_EQ(loaded.mistakes.size(), 1U);
    EXPECT_EQ(loaded.mistakes[0].key, "network.pod_cidr");
}

TEST(Config, a_worker_s_labels_are_those_that_somebody_gives_it) {
    const auto mistake = [](const std::string& role, const std::string& label) {
        const auto loaded = load_config({{"a.toml", "[node]\nrole = '" + role + "'\n[node.labels]\n" + label + "\n"}});
        return loaded.ok() ? "" : loaded.mistakes.at(0).text();
    };
    for (const auto* label : {"'node-role.kubernetes.io/worker' = ''", "'node.kubernetes.io/pool' = 'a'",
                              "disk = 'ssd'", "'topology.kubernetes.io/zone' = 'z'", "'example.com/k8s.io' = 'b'"}) {
        EXPECT_EQ(mistake("worker", label), "");
        EXPECT_EQ(mistake("control-plane", label), "");
    }
    for (const auto* label : {"'node-role.kubernetes.io/edge' = ''", "'kubernetes.io/disk' = 'ssd'",
                              "'x.k8s.io/disk' = 'ssd'", "'node-role.kubernetes.io/worker' = 'true'"}) {
        EXPECT_NE(mistake("worker", label), "") << label;
        EXPECT_EQ(mistake("control-plane", label), "") << "the control plane labels itself";
    }
    EXPECT_EQ(mistake("worker", "'node-role.kubernetes.io/edge' = 'a'"),
              "a.toml:4:34: node.labels.node-role.kubernetes.io/edge: a worker may not give itself "
              "'node-role.kubernetes.io/edge' (NodeRestriction); once it has joined, where kubectl is admin: kubectl "
              "label node NAME node-role.kubernetes.io/edge=a");
}

TEST(Config, a_secret_is_warned_of_where_it_stands_and_never_shown) {
    const std::string auth = "plugins.'io.containerd.grpc.v1.cri'.registry.configs.'r.io'.auth";
    for (const auto& [text, place] : std::vector<std::pair<std::string, std::string>>{
             {"[containerd.extra_config." + auth + "]\npassword = 'hunter2'", "a.toml:1:"},
             {"[containerd]\nextra_config = '''\n[" + auth + "]\npassword = \"hunter2\"\n'''", "a.toml:2:16"}}) {
        const auto loaded = load_config({{"a.toml", text}});
        ASSERT_TRUE(loaded.ok()) << loaded.error().message;
        ASSERT_EQ(loaded.warnings.size(), 1U);
        const auto warning = loaded.warnings[0].text();
        EXPECT_THAT(warning, HasSubstr(place));
        EXPECT_THAT(warning,
                    HasSubstr("containerd.extra_config: holds what looks like a secret (a registry's 'auth')"));
        EXPECT_THAT(warning, Not(HasSubstr("hunter2")));
        for (const auto origins : {ShowOrigins::yes, ShowOrigins::no}) {
            const auto shown = show_config(loaded, origins);
            EXPECT_THAT(shown, Not(HasSubstr("hunter2")));
            EXPECT_THAT(shown, HasSubstr("# extra_config is not shown: it holds what looks like a secret (a registry's "
                                         "'auth')\n"));
        }
    }
}

TEST(Config, a_host_s_name_is_no_bootstrap_token) {
    const auto loaded =
        load_config({}, {"containerd.registry_mirrors.docker.io=https://mirror.sixteenlettersxx.example",
                         "network.cert_sans=api-mirror.sixteenlettersxx"});
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    EXPECT_TRUE(loaded.warnings.empty()) << loaded.warnings.at(0).text();
    EXPECT_THAT(show_config(loaded, ShowOrigins::no), HasSubstr("https://mirror.sixteenlettersxx.example"));
}

TEST(Config, a_secret_in_a_table_is_warned_of_too) {
    const auto loaded =
        load_config({{"a.toml", "[kubelet.extra_args]\nkey = '-----BEGIN EC PRIVATE KEY-----hunter2'"}});
    ASSERT_EQ(loaded.warnings.size(), 1U);
    EXPECT_THAT(loaded.warnings[0].text(), HasSubstr("a.toml:2:7: kubelet.extra_args: holds what looks like a secret"));
    EXPECT_THAT(show_config(loaded, ShowOrigins::yes), Not(HasSubstr("hunter2")));
}

TEST(Config, containerd_takes_a_table_or_toml_text) {
    const auto table = load_config({{"a.toml", "[containerd.extra_config.debug]\nlevel = 'info'"}});
    const auto text = load_config({{"a.toml", "[containerd]\nextra_config = '''\n[debug]\nlevel = \"info\"\n'''"}});
    ASSERT_TRUE(table.ok() && text.ok());
    EXPECT_EQ(table.config.containerd.extra_config, "[debug]\nlevel = \"info\"\n");
    EXPECT_EQ(text.config.containerd.extra_config, "[debug]\nlevel = \"info\"\n");
}

TEST(Config, what_show_prints_loads_back_to_the_same) {
    const std::vector<std::string> settings{"node.labels.example.com/disk=ssd",
                                            "dns.servers=1.1.1.1",
                                            "control_plane.conntrack_min=0",
                                            "join.token_ttl=90m",
                                            "containerd.extra_config={ debug = { level = 'info' } }",
                                            "containerd.registry_mirrors.*=https://m.example",
                                            "kubernetes.version=1.34.2"};
    const auto loaded = load_config({}, settings);
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    const auto shown = show_config(loaded, ShowOrigins::no);
    const auto again = load_config({{"shown.toml", shown}});
    ASSERT_TRUE(again.ok()) << again.error().message << shown;
    EXPECT_EQ(show_config(again, ShowOrigins::no), shown);
    for (const auto& setting : config_settings())
        EXPECT_EQ(to_toml(setting.get(again.config)), to_toml(setting.get(loaded.config))) << setting.key;
}

TEST(Config, show_says_where_each_value_comes_from) {
    const auto loaded =
        load_config({{"/etc/nodeboot/config.toml", "[network]\n  api_port = 7443"}}, {"node.labels.disk=ssd"});
    const auto shown = show_config(loaded, ShowOrigins::yes);
    EXPECT_THAT(shown, HasSubstr("api_port = 7443                             # /etc/nodeboot/config.toml:2:14\n"));
    EXPECT_THAT(shown, HasSubstr("labels.disk = \"ssd\"                         # --set\n"));
    EXPECT_THAT(shown, HasSubstr("vxlan_port = 4789                           # default\n"));
    EXPECT_THAT(shown, HasSubstr("# conntrack_min                             # not set\n"));
}

class ConfigFiles : public ::testing::Test {
   protected:
    void SetUp() override {
        std::string pattern = (std::filesystem::temp_directory_path() / "nodeboot-config-XXXXXX").string();
        folder = ::mkdtemp(pattern.data());
    }
    void TearDown() override { std::filesystem::remove_all(folder); }
    void put(const std::string& name, const std::string& text) {
        std::filesystem::create_directories((folder / name).parent_path());
        std::ofstream(folder / name) << text;
    }
    std::string file() const { return (folder / "config.toml").string(); }
    std::filesystem::path folder;
};

TEST_F(ConfigFiles, drop_ins_follow_the_file_in_the_order_of_their_names) {
    put("config.toml", "first");
    put("config.d/20-b.toml", "third");
    put("config.d/10-a.toml", "second");
    put("config.d/README", "not read");
    put("config.d/.hidden.toml", "not read");
    const auto layers = read_config_layers(file(), Presence::required);
    ASSERT_TRUE(layers);
    ASSERT_EQ(layers->size(), 3U);
    EXPECT_EQ((*layers)[0].text, "first");
    EXPECT_EQ((*layers)[1].text, "second");
    EXPECT_EQ((*layers)[2].text, "third");
    EXPECT_EQ((*layers)[1].source, (folder / "config.d/10-a.toml").string());
}

TEST_F(ConfigFiles, no_file_means_defaults_unless_it_was_asked_for) {
    const auto none = read_config_layers(file(), Presence::optional);
    ASSERT_TRUE(none);
    EXPECT_TRUE(none->empty());
    const auto asked = read_config_layers(file(), Presence::required);
    ASSERT_FALSE(asked);
    EXPECT_EQ(asked.error().kind, ErrorKind::not_found);
}

TEST_F(ConfigFiles, a_folder_in_place_of_the_file_is_named) {
    const auto layers = read_config_layers(folder.string(), Presence::optional);
    ASSERT_FALSE(layers);
    EXPECT_EQ(layers.error().message, folder.string() + " is a folder, not a file");
}

}  // namespace
}  // namespace nodeboot
