#include "net/credentials.hpp"

#include <gtest/gtest.h>

#include "support/fake_http.hpp"
#include "support/manual_clock.hpp"

namespace nodeboot {
namespace {

using std::chrono::minutes;

class CredentialsTest : public ::testing::Test {
   protected:
    CredentialOptions options() {
        return {.profile = "",
                .environment = [this](const std::string& name) -> std::optional<std::string> {
                    const auto found = environment_.find(name);
                    return found != environment_.end() ? std::optional(found->second) : std::nullopt;
                },
                .read_file = [this](const std::string& path) -> Result<std::optional<std::string>> {
                    const auto found = files_.find(path);
                    return found != files_.end() ? std::optional(found->second) : std::nullopt;
                },
                .run_program = [this](const std::vector<std::string>& argv) -> Result<Secret> {
                    ran_.push_back(argv);
                    return program_output_;
                },
                .imds = nullptr};
    }
    Result<AwsCredentials> get(CredentialOptions options) {
        return make_credential_chain(clock_, std::move(options))->get();
    }

    testing::ManualClock clock_;
    std::map<std::string, std::string> environment_{{"HOME", "/root"}};
    std::map<std::string, std::string> files_;
    std::vector<std::vector<std::string>> ran_;
    Secret program_output_;
};

TEST_F(CredentialsTest, the_environment_comes_first_and_a_profile_asked_for_by_name_before_it) {
    files_["/root/.aws/credentials"] =
        "[default]\naws_access_key_id = FILE\naws_secret_access_key = s\n"
        "[demo]\naws_access_key_id=DEMO\naws_secret_access_key=d\naws_session_token=t\n";
    EXPECT_EQ(get(options())->access_key_id, "FILE");
    environment_["AWS_PROFILE"] = "demo";
    EXPECT_EQ(get(options())->session_token.reveal(), "t");
    environment_["AWS_ACCESS_KEY_ID"] = "ENV";
    environment_["AWS_SECRET_ACCESS_KEY"] = "e";
    environment_["AWS_SESSION_TOKEN"] = "et";
    EXPECT_EQ(get(options())->access_key_id, "ENV");
    EXPECT_EQ(get(options())->session_token.reveal(), "et");
    auto named = options();
    named.profile = "demo";
    EXPECT_EQ(get(named)->access_key_id, "DEMO");
    named.profile = "absent";
    EXPECT_EQ(get(named).error().kind, ErrorKind::invalid_input);
}

TEST_F(CredentialsTest, config_sections_are_called_profile_and_comments_and_nested_lines_are_skipped) {
    environment_["AWS_CONFIG_FILE"] = "/cfg";
    files_["/cfg"] =
        "# note\n[default]\nregion = us-east-1 # home\n[profile demo]\nregion=eu-central-1\ns3 =\n  addressing_style = "
        "path\n"
        "aws_access_key_id = A#B\naws_secret_access_key = K\n";
    environment_["AWS_PROFILE"] = "demo";
    EXPECT_EQ(get(options())->access_key_id, "A#B");
    EXPECT_EQ(resolve_region("", options()).value(), "eu-central-1");
    environment_.erase("AWS_PROFILE");
    EXPECT_EQ(resolve_region("", options()).value(), "us-east-1");
    environment_["AWS_REGION"] = "eu-west-1";
    EXPECT_EQ(resolve_region("", options()).value(), "eu-west-1");
    EXPECT_EQ(resolve_region("ap-south-1", options()).value(), "ap-south-1");
}

TEST_F(CredentialsTest, credential_process_runs_an_argument_vector) {
    files_["/root/.aws/config"] = "[default]\ncredential_process = /usr/bin/tool --name 'two words' \"\" $HOME\n";
    program_output_ = Secret(
        R"({"Version":1,"AccessKeyId":"P","SecretAccessKey":"s","SessionToken":"t","Expiration":"2026-11-23T01:00:00Z"})");
    const auto credentials = get(options());
    ASSERT_TRUE(credentials) << credentials.error().text();
    EXPECT_EQ(ran_.at(0), (std::vector<std::string>{"/usr/bin/tool", "--name", "two words", "", "$HOME"}));
    EXPECT_EQ(credentials->access_key_id, "P");
    EXPECT_TRUE(credentials->expires);
    for (const auto* output : {"", "{}", R"({"Version":2,"AccessKeyId":"P","SecretAccessKey":"geheim"})",
                               R"({"Version":1,"AccessKeyId":"P","SecretAccessKey":"geheim","Expiration":"soon"})"}) {
        program_output_ = Secret(output);
        const auto bad = get(options());
        EXPECT_EQ(bad.error().kind, ErrorKind::corrupted) << output;
        EXPECT_EQ(bad.error().text().find("geheim"), std::string::npos);
    }
}

TEST_F(CredentialsTest, what_nodeboot_does_not_speak_is_refused_with_the_way_around_it) {
    files_["/root/.aws/config"] = "[default]\nsso_session = corp\n";
    const auto credentials = get(options());
    EXPECT_EQ(credentials.error().kind, ErrorKind::invalid_input);
    EXPECT_NE(credentials.error().hint.find("export-credentials --profile default"), std::string::npos);
}

TEST_F(CredentialsTest, nothing_anywhere_says_what_to_set) {
    EXPECT_EQ(get(options()).error().kind, ErrorKind::permission);
    EXPECT_EQ(resolve_region("", options()).error().kind, ErrorKind::invalid_input);
    environment_["AWS_PROFILE"] = "gone";
    EXPECT_NE(get(options()).error().text().find("AWS_PROFILE names 'gone'"), std::string::npos);
}

TEST_F(CredentialsTest, role_credentials_are_kept_renewed_before_their_end_and_held_on_to_when_that_fails) {
    testing::FakeHttp http;
    http.route("PUT http://169.254.169.254/latest/api/token", testing::answer(200, "T"));
    const std::string folder = "GET http://169.254.169.254/latest/meta-data/iam/security-credentials/";
    http.route(folder, testing::answer(200, "role"));
    int number = 0;
    bool down = false;
    http.route(folder + "role", [&](const HttpRequest&) -> Result<HttpResponse> {
        if (down) return fail(ErrorKind::permission, "down");
        return HttpResponse{200,
                            {},
                            R"({"AccessKeyId":"K)" + std::to_string(++number) +
                                R"(","SecretAccessKey":"s","Token":"t","Expiration":")" +
                                format_rfc3339(clock_.wall() + minutes(60)) + "\"}"};
    });
    Imds imds(http, clock_, {});
    auto with_imds = options();
    with_imds.imds = &imds;
    const auto chain = make_credential_chain(clock_, with_imds);
    EXPECT_EQ(chain->get()->access_key_id, "K1");
    EXPECT_EQ(chain->describe(), "instance role");
    clock_.advance(minutes(45));
    EXPECT_EQ(chain->get()->access_key_id, "K1");
    clock_.advance(minutes(7));
    down = true;
    EXPECT_EQ(chain->get()->access_key_id, "K1");  // still good for eight minutes
    down = false;
    EXPECT_EQ(chain->get()->access_key_id, "K2");
    chain->discard();
    EXPECT_EQ(chain->get()->access_key_id, "K3");
    clock_.advance(minutes(60));
    down = true;
    EXPECT_FALSE(chain->get());
}

}  // namespace
}  // namespace nodeboot
