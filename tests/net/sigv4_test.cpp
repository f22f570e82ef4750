#include "net/sigv4.hpp"

#include <gtest/gtest.h>

#include "support/fake_http.hpp"

namespace nodeboot {
namespace {

const std::string sts_token =
    "AQoDYXdzEPT//////////"
    "wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/"
    "qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+"
    "xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

struct Vector {
    std::string name, method, target;
    std::string signature;
    std::vector<std::pair<std::string, std::string>> headers = {};
    std::string body = {}, token = {};
    bool sign_body = false;
};

HttpRequest signed_request(const Vector& vector, const std::string& service = "service") {
    HttpRequest request;
    request.method = vector.method;
    request.url = "https://example.amazonaws.com" + vector.target;
    request.headers = vector.headers;
    if (!vector.body.empty()) request.body = Secret(vector.body);
    const AwsCredentials credentials{
        "AKIDEXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), Secret(vector.token), {}};
    EXPECT_TRUE(sign_v4(request, credentials,
                        {.region = "us-east-1",
                         .service = service,
                         .time = parse_rfc3339("2015-08-30T12:36:00Z").value(),
                         .content_sha256_header = vector.sign_body}))
        << vector.name;
    return request;
}

/// AWS's own test suite: github.com/awslabs/aws-c-auth, tests/aws-signing-test-suite/v4, the header signatures. Its
/// cases "unnormalized" (only S3 signs so), with raw spaces in the path and with folded headers have no equivalent.
TEST(SigV4, signatures_are_those_of_the_published_test_suite) {
    const std::string unreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const std::string vanilla = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
    const std::string post_vanilla = "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b";
    const std::string post_query = "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11";
    const std::string form = "application/x-www-form-urlencoded";
    const std::vector<Vector> vectors{
        {"get-vanilla", "GET", "/", vanilla},
        {"get-header-key-duplicate",
         "GET",
         "/",
         "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
         {{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}}},
        {"get-header-value-order",
         "GET",
         "/",
         "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
         {{"My-Header1", "value4"}, {"My-Header1", "value1"}, {"My-Header1", "value3"}, {"My-Header1", "value2"}}},
        {"get-header-value-trim",
         "GET",
         "/",
         "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
         {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}}},
        {"get-relative-normalized", "GET", "/example/..", vanilla},
        {"get-relative-relative-normalized", "GET", "/example1/example2/../..", vanilla},
        {"get-slash-dot-slash-normalized", "GET", "/./", vanilla},
        {"get-slash-normalized", "GET", "//", vanilla},
        {"get-slash-pointless-dot-normalized", "GET", "/./example",
         "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"},
        {"get-slashes-normalized", "GET", "//example//",
         "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
        {"get-unreserved", "GET", "/" + unreserved, "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
        {"get-utf8", "GET", "/\u1234", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
        {"get-vanilla-empty-query-key", "GET", "/?Param1=value1",
         "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
        {"get-vanilla-query-order-encoded", "GET", "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
         "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac"},
        {"get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1",
         "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
        {"get-vanilla-query-unreserved", "GET", "/?" + unreserved + "=" + unreserved,
         "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
        {"get-vanilla-utf8-query", "GET", "/?\u1234=bar",
         "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
        {"get-vanilla-with-session-token",
         "GET",
         "/",
         "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
         {},
         "",
         "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"},
        {"post-vanilla", "POST", "/", post_vanilla},
        {"post-vanilla-query", "POST", "/?Param1=value1", post_query},
        {"post-header-key-sort",
         "POST",
         "/",
         "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
         {{"My-Header1", "value1"}}},
        {"post-header-value-case",
         "POST",
         "/",
         "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
         {{"My-Header1", "VALUE1"}}},
        {"post-sts-header-before",
         "POST",
         "/",
         "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
         {},
         "",
         sts_token},
        {"post-x-www-form-urlencoded",
         "POST",
         "/",
         "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
         {{"Content-Type", form}, {"Content-Length", "13"}},
         "Param1=value1",
         "",
         true},
        {"post-x-www-form-urlencoded-parameters",
         "POST",
         "/",
         "328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422",
         {{"Content-Type", form + "; charset=utf-8"}, {"Content-Length", "13"}},
         "Param1=value1",
         "",
         true},
    };
    for (const auto& vector : vectors) {
        const auto authorization = testing::header_of(signed_request(vector), "Authorization");
        EXPECT_TRUE(authorization.ends_with("Signature=" + vector.signature)) << vector.name << ": " << authorization;
    }
}

TEST(SigV4, the_headers_are_those_of_the_specification) {
    const auto request = signed_request({"", "GET", "/", "", {}, "", "token"});
    EXPECT_EQ(testing::header_of(request, "X-Amz-Date"), "20150830T123600Z");
    EXPECT_EQ(testing::header_of(request, "X-Amz-Security-Token"), "token");
    EXPECT_TRUE(testing::header_of(request, "Authorization")
                    .starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
                                 "SignedHeaders=host;x-amz-date;x-amz-security-token, Signature="));
}

TEST(SigV4, encoded_paths_are_encoded_once_more_but_not_for_s3) {
    const auto once = testing::header_of(signed_request({"", "GET", "/a%20b", ""}), "Authorization");
    const auto twice = testing::header_of(signed_request({"", "GET", "/a%2520b", ""}), "Authorization");
    EXPECT_NE(once, twice);
    // S3 takes the path as it is sent, dots and double slashes included.
    EXPECT_NE(testing::header_of(signed_request({"", "GET", "/a//b", ""}, "s3"), "Authorization"),
              testing::header_of(signed_request({"", "GET", "/a/b", ""}, "s3"), "Authorization"));
    EXPECT_EQ(testing::header_of(signed_request({"", "GET", "/a//b", ""}), "Authorization"),
              testing::header_of(signed_request({"", "GET", "/a/b", ""}), "Authorization"));
}

}  // namespace
}  // namespace nodeboot
