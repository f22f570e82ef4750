#include "net/credentials.hpp"

#include <gtest/gtest.h>

#include "net/aws_session.hpp"
#include "net/ssm.hpp"
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
    // As `aws configure export-credentials` writes it.
    program_output_ =
        Secret(R"({"Version":1,"AccessKeyId":"P","SecretAccessKey":"s","Expiration":"2026-11-23T01:00:00+00:00"})");
    EXPECT_EQ(get(options())->expires, credentials->expires);
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

TEST_F(CredentialsTest, keys_beside_a_role_are_not_taken_for_the_roles) {
    program_output_ = Secret(R"({"Version":1,"AccessKeyId":"P","SecretAccessKey":"s"})");
    for (const std::string setting : {"role_arn", "web_identity_token_file", "sso_account_id"}) {
        files_["/root/.aws/config"] =
            "[default]\n" + setting + " = x\nsource_profile = default\n" + "credential_process = /usr/bin/tool\n";
        files_["/root/.aws/credentials"] = "[default]\naws_access_key_id = SOURCE\naws_secret_access_key = s\n";
        const auto credentials = get(options());
        ASSERT_FALSE(credentials) << setting;
        EXPECT_EQ(credentials.error().kind, ErrorKind::invalid_input);
        EXPECT_NE(credentials.error().message.find("uses " + setting), std::string::npos);
        EXPECT_NE(credentials.error().hint.find("export-credentials"), std::string::npos);
        files_.erase("/root/.aws/credentials");
        EXPECT_FALSE(get(options())) << setting;
    }
    EXPECT_TRUE(ran_.empty());
    // A token provider's session, without an account, says nothing of AWS credentials.
    files_["/root/.aws/config"] = "[default]\nsso_session = corp\naws_access_key_id = K\naws_secret_access_key = s\n";
    EXPECT_EQ(get(options())->access_key_id, "K");
}

TEST_F(CredentialsTest, a_web_identity_of_the_environment_is_not_passed_over) {
    testing::FakeHttp http;
    Imds imds(http, clock_, {});
    auto with_imds = options();
    with_imds.imds = &imds;
    environment_["AWS_WEB_IDENTITY_TOKEN_FILE"] = "/var/run/secrets/eks.amazonaws.com/serviceaccount/token";
    environment_["AWS_ROLE_ARN"] = "arn:aws:iam::123456789012:role/deployer";
    const auto credentials = get(with_imds);
    ASSERT_FALSE(credentials);
    EXPECT_EQ(credentials.error().kind, ErrorKind::invalid_input);
    EXPECT_NE(credentials.error().message.find("AWS_WEB_IDENTITY_TOKEN_FILE"), std::string::npos);
    EXPECT_NE(credentials.error().hint.find("export-credentials --format env"), std::string::npos);
    EXPECT_TRUE(http.requests.empty());  // the instance's role is somebody else's
    files_["/root/.aws/credentials"] = "[demo]\naws_access_key_id = DEMO\naws_secret_access_key = s\n";
    environment_["AWS_PROFILE"] = "demo";  // asked for by name
    EXPECT_EQ(get(with_imds)->access_key_id, "DEMO");
    environment_.erase("AWS_PROFILE");
    environment_["AWS_ACCESS_KEY_ID"] = "ENV";  // what the hint leads to
    environment_["AWS_SECRET_ACCESS_KEY"] = "e";
    EXPECT_EQ(get(with_imds)->access_key_id, "ENV");
}

TEST_F(CredentialsTest, an_empty_aws_profile_is_none) {
    environment_["AWS_PROFILE"] = "";
    EXPECT_NE(get(options()).error().text().find("no AWS credentials found"), std::string::npos);
    files_["/root/.aws/credentials"] = "[default]\naws_access_key_id = FILE\naws_secret_access_key = s\n";
    files_["/root/.aws/config"] = "[default]\nregion = eu-north-1\n";
    EXPECT_EQ(get(options())->access_key_id, "FILE");
    EXPECT_EQ(resolve_region("", options()).value(), "eu-north-1");
}

TEST_F(CredentialsTest, where_no_metadata_service_need_be_its_silence_is_final_and_says_what_to_set) {
    testing::FakeHttp http;
    http.route("PUT http://169.254.169.254/latest/api/token",
               [](const HttpRequest&) { return Result<HttpResponse>(fail(ErrorKind::unavailable, "refused")); });
    const auto from = options();
    const auto session = open_aws_session(http, clock_,
                                          {.region = "eu-north-1",
                                           .environment = from.environment,
                                           .imds = {.deadline = std::chrono::seconds(1), .random = [] { return 0.5; }},
                                           .imds_may_be_absent = true});
    ASSERT_TRUE(session) << session.error().text();
    const auto began = clock_.steady();
    const auto value = Ssm((*session)->client()).get("/x");
    EXPECT_EQ(value.error().kind, ErrorKind::permission);
    EXPECT_NE(value.error().text().find("no AWS credentials found"), std::string::npos) << value.error().text();
    EXPECT_NE(value.error().hint.find("set AWS_PROFILE"), std::string::npos) << value.error().hint;
    EXPECT_LE(clock_.steady() - began, std::chrono::seconds(2));
    const auto nowhere = open_aws_session(http, clock_,
                                          {.environment = from.environment,
                                           .imds = {.deadline = std::chrono::seconds(1), .random = [] { return 0.5; }},
                                           .imds_may_be_absent = true});
    EXPECT_EQ(nowhere.error().text(), "no AWS region is set");
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

TEST_F(CredentialsTest, a_containers_role_comes_after_profiles_and_before_the_instances) {
    testing::FakeHttp http;
    const std::string document = R"({"RoleArn":"r","AccessKeyId":"C","SecretAccessKey":"s","Token":"t",)"
                                 R"("Expiration":"2026-11-23T06:00:00Z"})";
    auto with_http = options();
    with_http.http = &http;
    environment_["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2/x";
    http.then(200, document);
    EXPECT_EQ(get(with_http)->access_key_id, "C");
    EXPECT_EQ(http.requests[0].url, "http://169.254.170.2/v2/x");
    files_["/root/.aws/credentials"] = "[default]\naws_access_key_id = FILE\naws_secret_access_key = s\n";
    EXPECT_EQ(get(with_http)->access_key_id, "FILE");
    files_.clear();
    environment_.erase("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    environment_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://169.254.170.23/v1/credentials";
    environment_["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "one";
    http.then(200, document);
    ASSERT_TRUE(get(with_http));
    EXPECT_EQ(testing::header_of(http.requests[1], "Authorization"), "one");
    environment_["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = "/token";
    EXPECT_EQ(get(with_http).error().kind, ErrorKind::not_found);
    files_["/token"] = "two\n";
    http.then(200, document);
    ASSERT_TRUE(get(with_http));
    EXPECT_EQ(testing::header_of(http.requests[2], "Authorization"), "two");
    http.then(403, "");
    EXPECT_EQ(get(with_http).error().kind, ErrorKind::permission);
    environment_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://evil.example/";
    EXPECT_EQ(get(with_http).error().kind, ErrorKind::refused);
    EXPECT_EQ(http.requests.size(), 4u);
}

TEST_F(CredentialsTest, the_metadata_service_is_left_alone_when_it_is_disabled) {
    testing::FakeHttp http;
    Imds imds(http, clock_, {});
    auto with_imds = options();
    with_imds.imds = &imds;
    environment_["AWS_EC2_METADATA_DISABLED"] = "true";
    EXPECT_EQ(get(with_imds).error().kind, ErrorKind::permission);
    EXPECT_EQ(resolve_region("", with_imds).error().kind, ErrorKind::invalid_input);
    EXPECT_TRUE(http.requests.empty());
}

TEST_F(CredentialsTest, endpoints_come_from_the_config_the_environment_or_the_profile_in_that_order) {
    EXPECT_EQ(resolve_endpoints("", options())->url, "");
    files_["/root/.aws/config"] = "[default]\nendpoint_url = https://profile\n[profile other]\nservices = mine\n";
    EXPECT_EQ(resolve_endpoints("", options())->url, "https://profile");
    environment_["AWS_ENDPOINT_URL"] = "http://127.0.0.1:5000/";
    environment_["AWS_ENDPOINT_URL_EC2"] = "https://ec2.lab";
    const auto found = resolve_endpoints("", options());
    EXPECT_EQ(aws_endpoint("ec2", "eu-west-1", *found).url, "https://ec2.lab");
    EXPECT_EQ(aws_endpoint("iam", "eu-west-1", *found).url, "http://127.0.0.1:5000");
    EXPECT_EQ(aws_endpoint("iam", "eu-west-1", *found).signing_region, "us-east-1");
    EXPECT_EQ(aws_endpoint("s3", "eu-west-1", *found, "b").url, "http://127.0.0.1:5000/b");
    EXPECT_EQ(aws_endpoint("ec2", "eu-west-1", *resolve_endpoints("https://config", options())).url, "https://config");
    environment_["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true";
    EXPECT_TRUE(resolve_endpoints("", options())->url.empty());
    EXPECT_TRUE(resolve_endpoints("", options())->by_service.empty());
    environment_.erase("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    environment_["AWS_ENDPOINT_URL_EC2"] = "http://ec2.lab";
    EXPECT_EQ(resolve_endpoints("", options()).error().kind, ErrorKind::refused);
    environment_["AWS_PROFILE"] = "other";
    EXPECT_EQ(resolve_endpoints("", options()).error().kind, ErrorKind::invalid_input);
    EXPECT_EQ(resolve_endpoints("http://10.0.0.1", options()).error().kind, ErrorKind::refused);
}

TEST_F(CredentialsTest, a_session_finds_everything_where_the_aws_tools_look) {
    testing::FakeHttp http;
    files_["/root/.aws/config"] = "[profile demo]\nregion = eu-north-1\nendpoint_url = https://lab\n";
    files_["/root/.aws/credentials"] = "[demo]\naws_access_key_id = FILE\naws_secret_access_key = s\n";
    const auto from = options();
    const auto session = open_aws_session(
        http, clock_,
        {.profile = "demo", .environment = from.environment, .read_file = from.read_file, .imds = {.random = [] {
                                                                                              return 0.5;
                                                                                          }}});
    ASSERT_TRUE(session) << session.error().text();
    EXPECT_EQ((*session)->client().region(), "eu-north-1");
    http.then(403, R"({"__type":"ExpiredTokenException","message":"expired"})");
    http.then(403, R"({"__type":"ExpiredTokenException","message":"expired"})");
    const auto ami = Ssm((*session)->client()).get_plain("/aws/service/x", {});
    EXPECT_EQ(ami.error().text(),
              "SSM GetParameter /aws/service/x: ExpiredTokenException: expired (credentials: profile demo)");
    EXPECT_EQ(http.requests.at(0).url, "https://lab/");
    environment_["AWS_REGION"] = "eu north";
    EXPECT_EQ(open_aws_session(http, clock_, {.environment = from.environment}).error().kind, ErrorKind::invalid_input);
}

}  // namespace
}  // namespace nodeboot
