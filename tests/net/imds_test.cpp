#include "net/imds.hpp"

#include <gtest/gtest.h>

#include "support/fake_http.hpp"
#include "support/manual_clock.hpp"

namespace nodeboot {
namespace {

using std::chrono::seconds;
using testing::FakeHttp;
using testing::header_of;

const std::string base = "http://169.254.169.254/latest/";

class ImdsTest : public ::testing::Test {
   protected:
    void with_token() { http_.route("PUT " + base + "api/token", testing::answer(200, "TOKEN")); }
    FakeHttp http_;
    testing::ManualClock clock_;
    Imds imds_{http_, clock_, {.deadline = seconds(60), .random = [] { return 0.5; }}};
};

TEST_F(ImdsTest, one_token_serves_many_reads_until_it_nears_its_end) {
    with_token();
    http_.route("GET " + base + "meta-data/instance-id", testing::answer(200, "i-1"));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(imds_.instance_id().value(), "i-1");
    ASSERT_EQ(http_.requests.size(), 4u);
    EXPECT_EQ(header_of(http_.requests[0], "X-aws-ec2-metadata-token-ttl-seconds"), "21600");
    EXPECT_EQ(header_of(http_.requests[1], "X-aws-ec2-metadata-token"), "TOKEN");
    clock_.advance(std::chrono::hours(6));
    EXPECT_TRUE(imds_.instance_id());
    EXPECT_EQ(http_.requests.size(), 6u);
}

TEST_F(ImdsTest, a_required_key_is_waited_for_through_refusals_404_and_emptiness) {
    http_.then(ErrorKind::unavailable, "connection refused");
    http_.then(404, "");  // the token
    http_.then(200, "TOKEN");
    http_.then(404, "");
    http_.then(200, "");
    http_.then(200, "ip-10-0-1-5.ec2.internal");
    EXPECT_EQ(imds_.local_hostname().value(), "ip-10-0-1-5.ec2.internal");
}

TEST_F(ImdsTest, a_required_key_that_never_comes_ends_with_the_deadline_and_a_hint) {
    with_token();
    http_.route("GET " + base + "meta-data/placement/region", testing::answer(404, ""));
    const auto start = clock_.steady();
    const auto region = imds_.region();
    ASSERT_FALSE(region);
    EXPECT_EQ(region.error().kind, ErrorKind::timeout);
    EXPECT_NE(region.error().text().find("no meta-data/placement/region yet"), std::string::npos);
    EXPECT_FALSE(region.error().hint.empty());
    EXPECT_LE(clock_.steady() - start, seconds(60));
}

TEST_F(ImdsTest, an_optional_key_is_believed_when_it_is_absent) {
    with_token();
    http_.route("GET " + base + "meta-data/tags/instance/role", testing::answer(404, ""));
    EXPECT_FALSE(imds_.tag("role").value());
    EXPECT_EQ(http_.requests.size(), 2u);
    http_.route("GET " + base + "meta-data/tags/instance/role", testing::answer(200, "worker"));
    EXPECT_EQ(imds_.tag("role").value(), "worker");
}

TEST_F(ImdsTest, a_token_that_is_no_longer_good_is_fetched_anew_once) {
    http_.then(200, "OLD");
    http_.then(200, "i-1");
    http_.then(401, "");
    http_.then(200, "NEW");
    http_.then(200, "i-2");
    EXPECT_EQ(imds_.instance_id().value(), "i-1");
    EXPECT_EQ(imds_.instance_id().value(), "i-2");
    EXPECT_EQ(header_of(http_.requests.back(), "X-aws-ec2-metadata-token"), "NEW");
}

TEST_F(ImdsTest, a_service_that_is_switched_off_fails_at_once_and_a_hop_limit_is_explained) {
    http_.then(403, "");
    const auto off = imds_.region();
    EXPECT_EQ(off.error().kind, ErrorKind::permission);
    EXPECT_NE(off.error().hint.find("HttpEndpoint"), std::string::npos);
    for (int i = 0; i < 200; ++i) http_.then(ErrorKind::timeout, "timed out");
    EXPECT_NE(imds_.region().error().hint.find("HopLimit"), std::string::npos);
}

TEST_F(ImdsTest, role_credentials_may_be_late) {
    with_token();
    http_.then(404, "");
    http_.then(200, "node-role\n");
    http_.then(404, "");
    http_.then(200, R"({"Code":"AssumeRoleUnauthorizedAccess","Message":"not yet"})");
    http_.then(
        200,
        R"({"Code":"Success","AccessKeyId":"ASIA","SecretAccessKey":"s","Token":"t","Expiration":"2026-11-23T06:00:00Z"})");
    const auto credentials = imds_.role_credentials();
    ASSERT_TRUE(credentials) << credentials.error().text();
    EXPECT_EQ(credentials->access_key_id, "ASIA");
    EXPECT_EQ(credentials->session_token.reveal(), "t");
    EXPECT_EQ(format_rfc3339(*credentials->expires), "2026-11-23T06:00:00Z");
    EXPECT_EQ(http_.requests.back().url, base + "meta-data/iam/security-credentials/node-role");
}

TEST_F(ImdsTest, incomplete_credentials_are_corrupted_and_not_quoted) {
    const auto credentials =
        parse_role_credentials(R"({"Code":"Success","AccessKeyId":"ASIA","SecretAccessKey":"geheim"})");
    EXPECT_EQ(credentials.error().kind, ErrorKind::corrupted);
    EXPECT_EQ(credentials.error().text().find("geheim"), std::string::npos);
    const auto torn = parse_role_credentials(R"({"Code":"Sgeheim","Message":"geheim"})");
    EXPECT_EQ(torn.error().kind, ErrorKind::unavailable);
    EXPECT_EQ(torn.error().text().find("geheim"), std::string::npos);
    EXPECT_NE(parse_role_credentials(R"({"Code":"AssumeRoleUnauthorizedAccess"})").error().text().find("Unauthorized"),
              std::string::npos);
}

}  // namespace
}  // namespace nodeboot
