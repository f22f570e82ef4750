#include <fmt/core.h>
#include <gmock/gmock.h>

#include <fstream>

#include "base/encoding.hpp"
#include "cli/app.hpp"
#include "cli/fake_node.hpp"
#include "support/fake_access.hpp"
#include "support/temporary_folder.hpp"

namespace nodeboot::cli {
namespace {

using ::testing::HasSubstr;

constexpr const char* parameter = "/nodeboot/demo/control-plane/kubeconfig";

struct ClusterKubeconfig : ::testing::Test, testing::Harness {
    ClusterKubeconfig() {
        config_file = (folder.path() / "demo.toml").string();
        std::ofstream(config_file) << "[cluster]\nname = \"demo\"\nregion = \"eu-central-1\"\n";
        surroundings.make_aws = [this](const Config&, const Log&,
                                       std::stop_token) -> Result<std::unique_ptr<AwsAccess>> {
            return std::make_unique<nodeboot::testing::FakeAccess>(aws);
        };
        aws.parameters.values[parameter] = fmt::format(
            "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts:\n- name: a\n  context: {{cluster: c, user: "
            "u}}\n"
            "clusters:\n- name: c\n  cluster: {{server: \"https://10.0.0.10:6443\", certificate-authority-data: {0}}}\n"
            "users:\n- name: u\n  user: {{client-certificate-data: {0}, client-key-data: {0}}}\n",
            base64_encode("PEM"));
    }
    nodeboot::testing::TemporaryFolder folder;
    nodeboot::testing::FakeAws aws{clock};
};

TEST_F(ClusterKubeconfig, prints_it_for_the_address_that_was_asked_for) {
    ASSERT_EQ(run({"cluster", "kubeconfig", "--file", "-", "--address", "api.example"}), exit_ok) << err;
    EXPECT_THAT(out, HasSubstr("server: https://api.example:6443"));
}

TEST_F(ClusterKubeconfig, without_a_control_plane_it_says_what_makes_one) {
    EXPECT_EQ(run({"cluster", "kubeconfig"}), exit_error);
    EXPECT_THAT(err, HasSubstr("no running control plane"));
    EXPECT_THAT(err, HasSubstr("cluster up"));
}

TEST_F(ClusterKubeconfig, before_it_is_published_it_says_where_it_looked) {
    aws.parameters.values.clear();
    EXPECT_EQ(run({"cluster", "kubeconfig", "--address", "127.0.0.1"}), exit_error);
    EXPECT_THAT(err, HasSubstr(parameter));
}

}  // namespace
}  // namespace nodeboot::cli
