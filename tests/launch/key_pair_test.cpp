#include "launch/key_pair.hpp"

#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "engine/runner.hpp"
#include "support/fake_ec2.hpp"
#include "support/manual_clock.hpp"
#include "support/temporary_folder.hpp"

namespace nodeboot {
namespace {

const std::string one = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";
const std::string two = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQA=";

class KeyPairTest : public ::testing::Test {
   protected:
    KeyPairTest() { config_.cluster = {"demo", "eu-central-1"}; }

    RunReport run() {
        Cloud cloud(ec2_, clock_, {.cluster = "demo", .given = {}, .stop = {}});
        CloudPhases phases;
        add_key_pair(phases, config_,
                     {.read = [](const std::string& path) -> Result<std::optional<std::string>> {
                          std::ifstream in(path, std::ios::binary);
                          if (!in) return std::optional<std::string>{};
                          return std::optional(std::string(std::istreambuf_iterator<char>(in), {}));
                      },
                      .home = home_.path()});
        std::vector<Runnable> runnables;
        for (auto& phase : phases) runnables.push_back(make_runnable(std::move(phase), cloud));
        auto report = converge(Catalog::make(std::move(runnables)).value(),
                               {.clock = clock_, .log = log_, .stop = {}, .selection = {}, .parallel = 1});
        name_ = key_pair_name(cloud, config_).value_or("?");
        problem_ = report.first_error() != nullptr ? report.first_error()->text() : "";
        return report;
    }
    std::string imported() {
        const auto ids = ec2_.ids(Kind::key_pair, "ssh");
        if (ids.size() != 1) return fmt::format("{} key pairs", ids.size());
        return base64_decode(ec2_.things.at(ids[0]).item.text_at("material")).value_or("?");
    }

    testing::TemporaryFolder home_;
    Config config_;
    testing::ManualClock clock_;
    Log log_{{}};
    testing::FakeEc2 ec2_{clock_};
    std::string name_, problem_;
};

TEST_F(KeyPairTest, the_users_own_public_key_is_imported_once_and_nobody_elses_replaces_it) {
    home_.put(".ssh/id_ed25519.pub", one + " ada@laptop\n");
    ASSERT_TRUE(run().ok()) << problem_;
    EXPECT_EQ(imported(), one);
    EXPECT_EQ(name_, "nodeboot-demo");
    EXPECT_FALSE(run().changed());
    home_.put(".ssh/id_ed25519.pub", "");  // another operator, with a key of another type
    std::filesystem::remove(home_ / ".ssh/id_ed25519.pub");
    home_.put(".ssh/id_rsa.pub", two);
    EXPECT_FALSE(run().changed());
    EXPECT_EQ(imported(), one);
}

TEST_F(KeyPairTest, a_key_that_is_named_replaces_another) {
    config_.access.ssh_public_key = one;
    ASSERT_TRUE(run().ok()) << problem_;
    config_.access.ssh_public_key = two;
    ASSERT_TRUE(run().ok()) << problem_;
    EXPECT_EQ(imported(), two);
    EXPECT_EQ(ec2_.count("DeleteKeyPair"), 1u);
    EXPECT_FALSE(run().changed());
}

TEST_F(KeyPairTest, without_a_key_there_is_no_key_pair) {
    EXPECT_FALSE(run().changed());
    EXPECT_EQ(name_, "");
}

TEST_F(KeyPairTest, a_generated_key_is_made_once_and_its_file_may_be_on_another_machine) {
    config_.access.ssh_generated_key = home_ / "demo";
    ASSERT_TRUE(run().ok()) << problem_;
    EXPECT_EQ(home_.content("demo.pub"), imported() + " nodeboot-demo\n");
    EXPECT_FALSE(run().changed());
    std::filesystem::remove(home_ / "demo");
    EXPECT_FALSE(run().changed());
    EXPECT_FALSE(std::filesystem::exists(home_ / "demo"));
}

TEST_F(KeyPairTest, a_run_that_ended_between_file_and_import_goes_on_with_the_same_key) {
    config_.access.ssh_generated_key = home_ / "demo";
    ec2_.refuse = [](const std::string& action, const QueryParameters&) -> std::optional<AwsFault> {
        if (action != "ImportKeyPair") return std::nullopt;
        return AwsFault{403, "UnauthorizedOperation", "no", ""};
    };
    EXPECT_FALSE(run().ok());
    const std::string made = home_.content("demo");
    ec2_.refuse = {};
    ASSERT_TRUE(run().ok()) << problem_;
    EXPECT_EQ(home_.content("demo"), made);
    EXPECT_EQ(home_.content("demo.pub"), imported() + " nodeboot-demo\n");
}

TEST_F(KeyPairTest, a_key_pair_of_that_name_that_is_not_ours_is_left_alone) {
    using testing::element;
    ec2_.add(Kind::key_pair, element("item", {element("keyName", "nodeboot-demo")}));
    config_.access.ssh_public_key = one;
    EXPECT_FALSE(run().ok());
    EXPECT_NE(problem_.find("does not bear this cluster's tag"), std::string::npos) << problem_;
    EXPECT_EQ(ec2_.count("ImportKeyPair"), 0u);
}

TEST_F(KeyPairTest, a_given_key_pair_must_exist_and_is_used_as_it_is) {
    using testing::element;
    config_.access.key_pair = "ada";
    EXPECT_FALSE(run().ok());
    EXPECT_NE(problem_.find("no key pair 'ada'"), std::string::npos) << problem_;
    ec2_.add(Kind::key_pair, element("item", {element("keyName", "ada")}));
    EXPECT_TRUE(run().ok()) << problem_;
    EXPECT_EQ(name_, "ada");
    EXPECT_EQ(ec2_.count("ImportKeyPair") + ec2_.count("DeleteKeyPair"), 0u);
}

}  // namespace
}  // namespace nodeboot
