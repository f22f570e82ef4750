#include "net/aws_client.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "net/aws_endpoint.hpp"
#include "net/ssm.hpp"
#include "net/ssm_join_store.hpp"
#include "support/fake_http.hpp"
#include "support/manual_clock.hpp"

namespace nodeboot {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::header_of;

std::string fault(const std::string& code, const std::string& message = "no") {
    return nlohmann::json{{"__type", code}, {"message", message}}.dump();
}

class CountingCredentials final : public CredentialSource {
   public:
    int discarded = 0;
    Result<AwsCredentials> get() override {
        return AwsCredentials{"AKID" + std::to_string(discarded), Secret("key"), Secret(), {}};
    }
    void discard() override { ++discarded; }
    std::string describe() const override { return "test"; }
};

class AwsClientTest : public ::testing::Test {
   protected:
    AwsClient client_with(const std::string& endpoint = {}) {
        return {http_,
                clock_,
                credentials_,
                {.region = "eu-central-1", .endpoints = {.url = endpoint}, .random = [] { return 0.5; }},
                &log_};
    }
    testing::FakeHttp http_;
    testing::ManualClock clock_;
    CountingCredentials credentials_;
    std::vector<std::string> lines_;
    Log log_{[this](LogLevel, std::string_view line) { lines_.emplace_back(line); }, LogLevel::debug};
    AwsClient client_ = client_with();
    Ssm ssm_{client_};
};

TEST_F(AwsClientTest, a_call_is_signed_and_goes_to_the_regions_endpoint) {
    http_.then(200, R"({"Parameter":{"Value":"secret"}})");
    const auto value = ssm_.get("/nodeboot/demo/join");
    ASSERT_TRUE(value) << value.error().text();
    EXPECT_EQ((*value)->reveal(), "secret");
    const auto& request = http_.requests.at(0);
    EXPECT_EQ(request.url, "https://ssm.eu-central-1.amazonaws.com/");
    EXPECT_EQ(header_of(request, "X-Amz-Target"), "AmazonSSM.GetParameter");
    EXPECT_EQ(header_of(request, "Content-Type"), "application/x-amz-json-1.1");
    EXPECT_NE(header_of(request, "Authorization").find("/20261123/eu-central-1/ssm/aws4_request, "), std::string::npos);
    EXPECT_EQ(nlohmann::json::parse(request.body->reveal()),
              (nlohmann::json{{"Name", "/nodeboot/demo/join"}, {"WithDecryption", true}}));
}

TEST_F(AwsClientTest, endpoints_must_be_https_or_very_near) {
    for (const auto* url : {"https://10.0.0.1:5000", "https://moto.lab", "http://127.0.0.1:5000", "http://localhost",
                            "http://169.254.1.1"})
        EXPECT_TRUE(check_aws_endpoint(url)) << url;
    for (const auto* url : {"http://10.0.0.1:5000", "http://moto.lab", "http://192.168.0.1", "ftp://x", "moto"})
        EXPECT_FALSE(check_aws_endpoint(url)) << url;
    auto refused = client_with("http://10.0.0.1:5000");
    EXPECT_EQ(Ssm(refused).get("/x").error().kind, ErrorKind::refused);
    EXPECT_TRUE(http_.requests.empty());
    auto lab = client_with("https://10.0.0.1:5000/");
    http_.then(400, fault("ParameterNotFound"));
    EXPECT_FALSE(Ssm(lab).get("/x").value());
    EXPECT_EQ(http_.requests[0].url, "https://10.0.0.1:5000/");
}

TEST_F(AwsClientTest, every_code_of_the_retry_rules_is_retried_and_the_others_are_not) {
    const std::vector<std::string> again{"RequestTimeout",
                                         "RequestTimeoutException",
                                         "PriorRequestNotComplete",
                                         "Throttling",
                                         "ThrottlingException",
                                         "ThrottledException",
                                         "TooManyRequestsException",
                                         "RequestThrottled",
                                         "RequestThrottledException",
                                         "RequestLimitExceeded",
                                         "EC2ThrottledException",
                                         "BandwidthLimitExceeded",
                                         "LimitExceededException",
                                         "SlowDown",
                                         "ProvisionedThroughputExceededException",
                                         "TransactionInProgressException"};
    for (const auto& code : again) {
        http_.then(400, fault("com.amazonaws.ssm#" + code));
        http_.then(200, R"({"Parameter":{"Value":"v"}})");
        EXPECT_TRUE(ssm_.get("/x")) << code;
    }
    for (const int status : {500, 502, 503, 504, 429}) {
        http_.then(status, "<html>");
        http_.then(200, R"({"Parameter":{"Value":"v"}})");
        EXPECT_TRUE(ssm_.get("/x")) << status;
    }
    http_.requests.clear();
    http_.then(400, fault("ValidationException", "bad name"));
    const auto invalid = ssm_.get("/x");
    EXPECT_EQ(invalid.error().text(), "SSM GetParameter /x: ValidationException: bad name");
    EXPECT_EQ(invalid.error().kind, ErrorKind::invalid_input);
    http_.then(400, fault("AccessDeniedException", "not allowed"));
    EXPECT_EQ(ssm_.get("/x").error().kind, ErrorKind::permission);
    EXPECT_EQ(http_.requests.size(), 2u);
}

TEST_F(AwsClientTest, delays_have_full_jitter_up_to_twenty_seconds_and_the_servers_wish_is_honoured) {
    for (int i = 0; i < 7; ++i) http_.then(400, fault("ThrottlingException"));
    http_.then(200, "{}");
    auto call = json_call("ssm", "AmazonSSM", "X", nlohmann::json::object());
    call.patience = minutes(10);
    auto start = clock_.steady();
    ASSERT_TRUE(client_.send_checked(call));
    EXPECT_EQ(clock_.steady() - start, milliseconds(500 + 1000 + 2000 + 4000 + 8000 + 10000 + 10000));
    http_.then(503, "", {{"retry-after", "33"}});
    http_.then(503, "", {{"x-amz-retry-after", "1500"}});
    http_.then(200, "{}");
    start = clock_.steady();
    ASSERT_TRUE(client_.send_checked(call));
    EXPECT_EQ(clock_.steady() - start, seconds(33) + milliseconds(1500));
}

TEST_F(AwsClientTest, only_the_deadline_ends_throttling) {
    for (int i = 0; i < 1000; ++i) http_.then(400, fault("ThrottlingException", "Rate exceeded"));
    auto call = json_call("ssm", "AmazonSSM", "X", nlohmann::json::object());
    call.patience = minutes(30);
    const auto start = clock_.steady();
    const auto answer = client_.send_checked(call);
    EXPECT_EQ(answer.error().kind, ErrorKind::timeout);
    EXPECT_GE(clock_.steady() - start, minutes(29));
    EXPECT_NE(answer.error().text().find("gave up after"), std::string::npos);
    EXPECT_EQ(lines_.size(), 1u);  // one line, not one for each attempt
}

TEST_F(AwsClientTest, a_single_attempt_reports_throttling_as_such) {
    http_.then(400, fault("ThrottlingException"));
    const auto value = ssm_.get("/x", {.retry = false});
    EXPECT_EQ(value.error().kind, ErrorKind::unavailable);
    EXPECT_TRUE(value.error().throttled);
    http_.then(ErrorKind::unavailable, "no route");
    EXPECT_FALSE(ssm_.get("/x", {.retry = false}).error().throttled);
}

TEST_F(AwsClientTest, a_lost_answer_is_asked_for_again_only_where_that_is_safe) {
    http_.then(ErrorKind::timeout, "timed out");
    http_.then(200, "{}");
    auto call = json_call("ssm", "AmazonSSM", "X", nlohmann::json::object());
    EXPECT_TRUE(client_.send_checked(call));
    http_.then(ErrorKind::timeout, "timed out");
    call.repeatable = false;
    EXPECT_EQ(client_.send_checked(call).error().kind, ErrorKind::timeout);
}

TEST_F(AwsClientTest, a_wrong_clock_is_corrected_once_from_the_date_header) {
    const std::vector<std::pair<std::string, std::string>> date{{"date", "Mon, 23 Nov 2026 02:00:00 GMT"}};
    http_.then(403, fault("InvalidSignatureException", "Signature expired"), date);
    http_.then(200, R"({"Parameter":{"Value":"v"}})");
    const auto start = clock_.steady();
    ASSERT_TRUE(ssm_.get("/x"));
    EXPECT_EQ(clock_.steady(), start);  // at once
    EXPECT_EQ(header_of(http_.requests[0], "X-Amz-Date"), "20261123T000000Z");
    EXPECT_EQ(header_of(http_.requests[1], "X-Amz-Date"), "20261123T020000Z");
    ASSERT_EQ(lines_.size(), 1u);
    EXPECT_NE(lines_[0].find("2h behind AWS's"), std::string::npos) << lines_[0];
    http_.then(200, R"({"Parameter":{"Value":"v"}})");
    ASSERT_TRUE(ssm_.get("/x"));  // remembered
    EXPECT_EQ(header_of(http_.requests[2], "X-Amz-Date"), "20261123T020000Z");
    // With the clock right, it is the key that is wrong: final.
    http_.then(403, fault("SignatureDoesNotMatch", "check your key"), date);
    const auto wrong = ssm_.get("/x");
    EXPECT_EQ(wrong.error().kind, ErrorKind::permission);
    EXPECT_EQ(http_.requests.size(), 4u);
}

TEST_F(AwsClientTest, expired_credentials_are_fetched_anew_once) {
    http_.then(400, fault("ExpiredTokenException"));
    http_.then(200, R"({"Parameter":{"Value":"v"}})");
    ASSERT_TRUE(ssm_.get("/x"));
    EXPECT_EQ(credentials_.discarded, 1);
    EXPECT_NE(header_of(http_.requests[1], "Authorization").find("AKID1/"), std::string::npos);
    http_.then(400, fault("ExpiredTokenException"));
    http_.then(400, fault("ExpiredTokenException"));
    EXPECT_EQ(ssm_.get("/x").error().kind, ErrorKind::permission);
}

TEST_F(AwsClientTest, what_ec2_and_s3_say_of_expired_or_unknown_credentials_renews_them_too) {
    const std::vector<std::pair<std::string, std::string>> right{{"date", "Mon, 23 Nov 2026 00:00:01 GMT"}};
    int expected = 0;
    for (const auto* code : {"RequestExpired", "AuthFailure", "InvalidAccessKeyId", "InvalidClientTokenId"}) {
        http_.then(400, fault(code), right);
        http_.then(200, R"({"Parameter":{"Value":"v"}})");
        ASSERT_TRUE(ssm_.get("/x")) << code;
        EXPECT_EQ(credentials_.discarded, ++expected) << code;
    }
    // Fresh ones that are refused, too, are the last word. Of a region that is off EC2 says AuthFailure, too.
    for (int i = 0; i < 2; ++i) http_.then(401, fault("AuthFailure"), right);
    EXPECT_NE(ssm_.get("/x").error().hint.find("region is enabled"), std::string::npos);
    const auto sent = http_.requests.size();
    for (int i = 0; i < 3; ++i) http_.then(400, fault("RequestExpired"), right);
    EXPECT_EQ(ssm_.get("/x").error().kind, ErrorKind::permission);
    EXPECT_EQ(http_.requests.size(), sent + 2);
}

TEST_F(AwsClientTest, a_clock_that_is_wrong_hides_no_credentials_that_have_expired) {
    const std::vector<std::pair<std::string, std::string>> date{{"date", "Mon, 23 Nov 2026 02:00:00 GMT"}};
    http_.then(400, fault("RequestExpired"), date);
    http_.then(400, fault("RequestExpired"), date);
    http_.then(200, R"({"Parameter":{"Value":"v"}})");
    ASSERT_TRUE(ssm_.get("/x"));
    EXPECT_EQ(credentials_.discarded, 1);
    EXPECT_EQ(header_of(http_.requests.at(1), "X-Amz-Date"), "20261123T020000Z");
    EXPECT_NE(header_of(http_.requests.at(2), "Authorization").find("AKID1/"), std::string::npos);
    // Corrected long ago.
    http_.then(400, fault("RequestExpired"), date);
    http_.then(200, R"({"Parameter":{"Value":"v"}})");
    ASSERT_TRUE(ssm_.get("/x"));
    EXPECT_EQ(credentials_.discarded, 2);
}

TEST_F(AwsClientTest, a_request_that_was_on_its_way_when_another_one_corrected_the_clock_is_sent_again) {
    const std::vector<std::pair<std::string, std::string>> date{{"date", "Mon, 23 Nov 2026 02:00:00 GMT"}};
    int calls = 0;
    http_.route("POST https://ssm.eu-central-1.amazonaws.com/", [&](const HttpRequest& request) {
        if (++calls == 1) {  // another one is refused meanwhile, corrects the clock, and is answered
            EXPECT_TRUE(ssm_.get("/other"));
        }
        const bool late = header_of(request, "X-Amz-Date") == "20261123T000000Z";
        return Result<HttpResponse>(late ? HttpResponse{400, date, fault("InvalidSignatureException")}
                                         : HttpResponse{200, {}, R"({"Parameter":{"Value":"v"}})"});
    });
    ASSERT_TRUE(ssm_.get("/x"));
    EXPECT_EQ(credentials_.discarded, 0);
    EXPECT_EQ(lines_.size(), 1U);  // told once
}

TEST_F(AwsClientTest, a_head_that_is_refused_without_a_word_is_asked_once_more_with_fresh_credentials) {
    AwsCall call;
    call.service = "s3";
    call.what = "s3 HeadBucket b";
    call.bucket = "b";
    call.request.method = "HEAD";
    call.request.url = "/";
    for (const int status : {400, 403}) {
        http_.then(status, "");
        http_.then(200, "");
        EXPECT_TRUE(client_.send_checked(call)) << status;
    }
    EXPECT_EQ(credentials_.discarded, 2);
    http_.then(403, "");
    http_.then(403, "");
    EXPECT_EQ(client_.send_checked(call).error().kind, ErrorKind::permission);
}

TEST_F(AwsClientTest, put_says_whether_it_was_first_and_values_stay_out_of_errors) {
    http_.then(200, R"({"Version":1})");
    EXPECT_TRUE(ssm_.put("/x", Secret("geheim"), Ssm::Type::secure_string, Ssm::Overwrite::yes).value());
    EXPECT_EQ(nlohmann::json::parse(http_.requests[0].body->reveal()),
              (nlohmann::json{{"Name", "/x"}, {"Value", "geheim"}, {"Type", "SecureString"}, {"Overwrite", true}}));
    http_.then(400, fault("ParameterAlreadyExists"));
    EXPECT_FALSE(ssm_.put("/x", Secret("geheim"), Ssm::Type::string, Ssm::Overwrite::no).value());
    http_.then(400, fault("AccessDeniedException", "User is not authorized"));
    const auto denied = ssm_.put("/x", Secret("geheim"), Ssm::Type::string, Ssm::Overwrite::no);
    EXPECT_EQ(denied.error().text().find("geheim"), std::string::npos);
    EXPECT_EQ(denied.error().hint, "the role needs ssm:PutParameter on this parameter");
    http_.then(400, fault("ParameterNotFound"));
    EXPECT_TRUE(ssm_.remove("/x"));
}

TEST_F(AwsClientTest, the_join_store_publishes) {
    const auto store = make_ssm_join_store(client_, "demo");
    EXPECT_EQ(store->describe(), "SSM parameter /nodeboot/demo/join in eu-central-1");
    http_.then(400, fault("ParameterNotFound"));
    EXPECT_FALSE(store->fetch(Look::once).value());
    http_.then(200, R"({"Parameter":{"Value":"{}"}})");
    EXPECT_EQ(store->fetch(Look::once).error().kind, ErrorKind::corrupted);
    http_.then(200, "{}");
    ASSERT_TRUE(store->publish(
        {"h:6443", Secret("abcdef.0123456789abcdef"), {"sha256:" + std::string(64, 'd')}, clock_.wall(), "v1.35.0"}));
    const auto body = nlohmann::json::parse(http_.requests.back().body->reveal());
    EXPECT_EQ(body["Name"], "/nodeboot/demo/join");
    EXPECT_EQ(body["Type"], "SecureString");
    EXPECT_TRUE(parse_join_secret(Secret(body["Value"].get<std::string>())));
}

TEST(AwsFault, is_read_from_the_forms_that_services_use) {
    EXPECT_EQ(parse_json_fault({400, {{"x-amzn-errortype", "AccessDenied:http://x/"}}, "{}"}).code, "AccessDenied");
    EXPECT_EQ(parse_json_fault({400, {}, R"({"code":"Slow","Message":"m"})"}).message, "m");
    EXPECT_EQ(parse_json_fault({502, {}, "<html>"}).code, "502");
    EXPECT_EQ(fault_error("x", {404, "NoSuchBucket", "", "R1"}).text(), "x: NoSuchBucket (request R1)");
    EXPECT_NE(fault_error("x", {400, "RequestExpired", "", ""}).hint.find("log in again"), std::string::npos);
    EXPECT_EQ(fault_error("x", {400, "InvalidVpcID.NotFound", "", ""}).kind, ErrorKind::not_found);
    EXPECT_EQ(fault_error("x", {409, "EntityAlreadyExists", "", ""}).kind, ErrorKind::conflict);
}

}  // namespace
}  // namespace nodeboot
