#include "launch/user_data.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/config_load.hpp"
#include "base/config_print.hpp"
#include "base/config_schema.hpp"
#include "base/yaml.hpp"
#include "support/golden.hpp"
#include "support/paths.hpp"

namespace nodeboot {
namespace {

using Json = nlohmann::ordered_json;

const std::string sha256(64, 'a');
const BinaryFromUrl from_url{"https://files.example.com/nodeboot", sha256};
const BinaryFromS3 from_s3{"my-bucket", "demo/nodeboot 1.0", "eu-central-1", sha256};

Config worker() {
    Config config;
    config.cluster = {"demo", "eu-central-1"};
    return config;
}

Config control_plane() {
    Config config = worker();
    config.node.role = Role::control_plane;
    config.network.endpoint = "api.demo.internal";
    config.control_plane.api_server_extra_args = {{"v", "2"}};
    return config;
}

std::string rendered(const Config& config, const BinarySource& binary) {
    auto out = render_user_data({config, binary});
    EXPECT_TRUE(out) << out.error().text();
    return out.value_or("");
}

std::string error_of(const Config& config, const BinarySource& binary) {
    const auto out = render_user_data({config, binary});
    EXPECT_FALSE(out);
    return out ? "" : out.error().text();
}

Json parsed(const std::string& user_data) {
    auto documents = parse_yaml(user_data);
    EXPECT_TRUE(documents) << documents.error().text();
    return documents && documents->size() == 1 ? documents->front() : Json();
}

/// What cloud-init would write to `path`.
std::string file(const std::string& user_data, const std::string& path) {
    const auto document = parsed(user_data);
    for (const auto& one : document.value("write_files", Json::array()))
        if (one.at("path") == path) return one.at("content");
    ADD_FAILURE() << "no " << path << " in\n" << user_data;
    return {};
}

Config loaded(const std::string& user_data) {
    const auto config = load_config({{"config.toml", file(user_data, "/etc/nodeboot/config.toml")}});
    EXPECT_TRUE(config.ok()) << config.error().text();
    return config.config;
}

std::string shown(const Config& config) {
    LoadedConfig all;
    all.config = config;
    return show_config(all, ShowOrigins::no);
}

TEST(UserData, fetches_nodeboot_for_a_worker) {
    EXPECT_TRUE(testing::matches_golden(rendered(worker(), from_url), "user-data/worker-url.yaml"));
}

TEST(UserData, fetches_nodeboot_from_s3_for_a_control_plane) {
    EXPECT_TRUE(testing::matches_golden(rendered(control_plane(), from_s3), "user-data/control-plane-s3.yaml"));
}

TEST(UserData, of_a_baked_image_is_the_configuration_and_no_script) {
    const auto out = rendered(worker(), BinaryInImage{});
    EXPECT_TRUE(testing::matches_golden(out, "user-data/worker-baked.yaml"));
    EXPECT_FALSE(parsed(out).contains("runcmd"));
}

TEST(UserData, names_the_object_as_s3_wants_it) {
    const auto source = [](const BinaryFromS3& object) {
        return file(rendered(worker(), object), "/etc/nodeboot/binary");
    };
    const std::string rest = "\nsha256=" + sha256 + "\ns3_region=";
    EXPECT_NE(source(from_s3).find("url=https://my-bucket.s3.eu-central-1.amazonaws.com/demo/nodeboot%201.0" + rest +
                                   "eu-central-1\n"),
              std::string::npos);
    EXPECT_NE(source({"my.bucket", "n", "cn-north-1", sha256})
                  .find("url=https://s3.cn-north-1.amazonaws.com.cn/my.bucket/n" + rest + "cn-north-1\n"),
              std::string::npos);
    EXPECT_NE(source({"bucket", "a/b", "eu-west-1", sha256, "https://s3.internal/"})
                  .find("url=https://s3.internal/bucket/a/b" + rest + "eu-west-1\n"),
              std::string::npos);
}

TEST(UserData, a_worker_is_not_told_what_is_for_control_planes) {
    Config config = control_plane();
    config.kubelet.max_pods = 50;
    config.kubelet.extra_args = {{"v", "4"}};
    EXPECT_NE(rendered(config, BinaryInImage{}).find("max_pods = 50"), std::string::npos);
    config.node.role = Role::worker;
    const auto out = rendered(config, BinaryInImage{});
    EXPECT_EQ(out.find("control_plane"), std::string::npos) << out;
    EXPECT_EQ(out.find("max_pods"), std::string::npos) << out;
    EXPECT_NE(out.find("[kubelet]\n      extra_args = "), std::string::npos) << out;
    EXPECT_NE(rendered(control_plane(), BinaryInImage{}).find("[control_plane]"), std::string::npos);
}

TEST(UserData, no_node_is_told_what_is_for_operators) {
    Config config = control_plane();
    config.access.admin_cidr = {"203.0.113.7/32"};
    config.instances.workers = 7;
    EXPECT_EQ(rendered(config, from_url), rendered(control_plane(), from_url));
}

/// A configuration in which everything for nodes is set, to the examples of the reference or to something else than the default.
Config full() {
    Config config;
    for (const auto& setting : config_settings())
        if (!setting.example.empty() && audience_of(setting) != Audience::operators) {
            const auto value = parse_toml("value = " + std::string(setting.example));
            EXPECT_TRUE(setting.set(setting, config, *value->find("value")).empty());
        }
    config.node.role = Role::control_plane;
    config.network.pod_cidr = Cidr{0x0af40000, 17};
    config.join.token_ttl = std::chrono::hours(3);
    config.flannel.enabled = false;
    config.kubernetes.source = Source::bundle;
    return config;
}

TEST(UserData, a_node_loads_the_configuration_it_was_meant_to_have) {
    for (const auto& config : {worker(), control_plane(), full()})
        EXPECT_EQ(shown(loaded(rendered(config, BinaryInImage{}))), shown(config));
}

TEST(UserData, carries_any_text) {
    for (const std::string text : {
             "a = '''\n  indented\n\tand a tab\n\n\nlines  \n'''\n",
             "a = \"# no comment: 'quotes' and \\\"quotes\\\"\"\n",
             "a = \"@CONFIG@ %s %% $HOME ${x} {{ jinja }} {% if %}\"\n",
             "a = \"ünï 日本 \U0001f600\"\n",
             "a = '''\u0085\u2028\u2029\ufeff\uffff'''\n",
             "a = '''windows\r\n'''\n",
             "a = \"\\u0000\\u0007\\u007f\"\n",
             "a = \"---\\n...\\n\"\n",
             "# comment\n[a]\nb = '''\n---\n'''\n",
         }) {
        Config config = worker();
        config.containerd.extra_config = text;
        for (const BinarySource& binary : {BinarySource(from_url), BinarySource(BinaryInImage{})})
            EXPECT_EQ(loaded(rendered(config, binary)).containerd.extra_config, text);
    }
}

TEST(UserData, always_says_what_all_nodes_must_agree_on) {
    // An image may hold a nodeboot with other defaults.
    const auto text = node_config(Config{});
    EXPECT_EQ(text, "[cluster]\nname = \"nodeboot\"\n\n[node]\nrole = \"worker\"\n\n[kubernetes]\nversion = \"" +
                        Config{}.kubernetes.version.text() + "\"\n");
}

TEST(UserData, holds_the_unit_and_the_script_as_they_are) {
    const auto out = rendered(worker(), from_url);
    EXPECT_EQ(file(out, "/usr/local/lib/nodeboot/install"),
              testing::read_text(testing::tests_folder() / "../cloud-init/install.py"));
    EXPECT_EQ(file(out, "/etc/systemd/system/nodeboot.service"),
              testing::read_text(testing::tests_folder() / "../cloud-init/nodeboot.service"));
}

TEST(UserData, leaves_room_for_a_configuration_of_five_kilobytes) {
    Config config = worker();
    for (int i = 0; i < 52; ++i)
        config.node.labels["example.com/label-number-" + std::to_string(i)] = std::string(60, 'x');
    EXPECT_GT(node_config(config).size(), 5000U);
    EXPECT_LE(rendered(config, from_s3).size(), user_data_limit);
}

TEST(UserData, that_ec2_would_not_take_is_refused) {
    Config config = worker();
    for (int i = 0; i < 200; ++i) config.node.labels["l" + std::to_string(i)] = std::string(60, 'x');
    const auto error = error_of(config, from_url);
    EXPECT_NE(error.find("EC2 takes 16384"), std::string::npos) << error;
}

TEST(UserData, with_a_secret_is_refused_without_showing_it) {
    struct Case {
        std::string extra_config, kind;
    };
    for (const auto& [extra, kind] : std::vector<Case>{
             {"[plugins.'io.containerd.grpc.v1.cri'.registry.configs.'r.io'.auth]\npassword = 'hunter2hunter2'\n",
              "containerd.extra_config: a registry's 'auth'"},
             {"[a]\nidentitytoken = 'hunter2hunter2'\n", "a registry's 'identitytoken'"},
             {"a = 'hunter2hunter2 AKIAIOSFODNN7EXAMPLE'\n", "an AWS access key"},
             {"a = 'abcdef.hunter2hunter200'\n", "a bootstrap token"},
             {"a = '''\n-----BEGIN EC PRIVATE KEY-----\nhunter2hunter2'''\n", "a private key"},
         }) {
        Config config = worker();
        config.containerd.extra_config = extra;
        const auto error = error_of(config, BinaryInImage{});
        EXPECT_NE(error.find(kind), std::string::npos) << error;
        EXPECT_EQ(error.find("hunter2"), std::string::npos) << error;
    }
}

TEST(UserData, of_a_worker_with_labels_that_nobody_would_give_it_is_refused) {
    Config config = worker();
    config.node.labels = {{"node-role.kubernetes.io/edge", "a"}};
    EXPECT_NE(error_of(config, BinaryInImage{}).find("kubectl label node NAME node-role.kubernetes.io/edge=a"),
              std::string::npos);
    config.node.role = Role::control_plane;
    rendered(config, BinaryInImage{});
}

TEST(UserData, what_only_resembles_a_secret_is_let_pass) {
    Config config = worker();
    config.containerd.extra_config = "a = 'AKIAIOSFODNN7EXAMPLES'\nb = 'docker.io.example.internal.example12345678'\n";
    config.network.cert_sans = {"abcdef.abcdefghijklmnopq"};
    rendered(config, BinaryInImage{});
}

TEST(UserData, refuses_sources_that_are_not_well_formed) {
    const std::vector<std::pair<BinarySource, std::string>> cases{
        {BinaryFromUrl{"http://files.example.com/nodeboot", sha256}, "unencrypted"},
        {BinaryFromUrl{"https://user:word@files.example.com/nodeboot", sha256}, "holds credentials"},
        {BinaryFromUrl{"https://files.example.com/a b", sha256}, "blank"},
        {BinaryFromUrl{"https://files.example.com/a\nsha256=b", sha256}, "control character"},
        {BinaryFromUrl{"https://files.example.com/\u00fc", sha256}, "blank or control"},
        {BinaryFromUrl{"https://b.s3.amazonaws.com/n?X-Amz-Signature=12", sha256}, "presigned"},
        {BinaryFromUrl{"nodeboot", sha256}, "not a URL"},
        {BinaryFromUrl{"https://files.example.com/nodeboot", "abc"}, "not a sha256"},
        {BinaryFromUrl{"https://files.example.com/nodeboot", std::string(64, 'A')}, "not a sha256"},
        {BinaryFromS3{"Bucket", "n", "eu-west-1", sha256}, "not the name of an S3 bucket"},
        {BinaryFromS3{"bucket", "", "eu-west-1", sha256}, "key is empty"},
        {BinaryFromS3{"bucket", "n", "", sha256}, "region"},
        {BinaryFromS3{"bucket", "n", "eu-west-1", "", "http://s3.internal"}, "unencrypted"},
    };
    for (const auto& [binary, said] : cases) {
        const auto error = error_of(worker(), binary);
        EXPECT_NE(error.find(said), std::string::npos) << error;
        EXPECT_EQ(error.find("user:word"), std::string::npos) << error;
    }
}

}  // namespace
}  // namespace nodeboot
