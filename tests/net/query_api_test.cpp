#include "net/query_api.hpp"

#include <gtest/gtest.h>

#include "net/aws_client.hpp"
#include "net/aws_endpoint.hpp"
#include "net/caller_identity.hpp"
#include "support/fake_http.hpp"
#include "support/manual_clock.hpp"

namespace nodeboot {
namespace {

using std::chrono::seconds;
using testing::header_of;

std::string ec2_fault(const std::string& code, const std::string& message = "no") {
    return "<?xml version=\"1.0\"?>\n<Response><Errors><Error><Code>" + code + "</Code><Message>" + message +
           "</Message></Error></Errors><RequestID>r-1</RequestID></Response>";
}

class QueryApiTest : public ::testing::Test {
   protected:
    std::string body(std::size_t index) { return std::string(http_.requests.at(index).body->reveal()); }

    testing::FakeHttp http_;
    testing::ManualClock clock_;
    std::unique_ptr<CredentialSource> credentials_ = make_static_credentials({"AKID", Secret("k"), Secret(), {}});
    AwsClient client_{http_, clock_, *credentials_, {.region = "eu-central-1", .random = [] { return 0.5; }}};
    std::unique_ptr<QueryApi> api_ = make_query_api(client_);
};

TEST_F(QueryApiTest, a_call_is_a_signed_form) {
    http_.then(200, "<CreateVpcResponse><vpc><vpcId>vpc-1</vpcId></vpc></CreateVpcResponse>");
    const auto vpc = checked(*api_, "ec2", "CreateVpc",
                             {{"CidrBlock", "10.0.0.0/16"}, {"TagSpecification.1.Tag.1.Value", "a b&c=é*~"}});
    ASSERT_TRUE(vpc) << vpc.error().text();
    EXPECT_EQ(vpc->text_at("vpc/vpcId"), "vpc-1");
    const auto& request = http_.requests.at(0);
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.url, "https://ec2.eu-central-1.amazonaws.com/");
    EXPECT_EQ(header_of(request, "Content-Type"), "application/x-www-form-urlencoded; charset=utf-8");
    EXPECT_NE(header_of(request, "Authorization").find("/eu-central-1/ec2/aws4_request"), std::string::npos);
    EXPECT_EQ(body(0),
              "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0%2F16&"
              "TagSpecification.1.Tag.1.Value=a%20b%26c%3D%C3%A9%2A~");
}

TEST_F(QueryApiTest, iam_is_global_and_its_answers_lose_their_wrapping) {
    http_.then(200,
               "<GetRoleResponse><GetRoleResult><Role><Arn>arn:x</Arn></Role></GetRoleResult>"
               "<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetRoleResponse>");
    EXPECT_EQ(checked(*api_, "iam", "GetRole", {{"RoleName", "r"}})->text_at("Role/Arn"), "arn:x");
    EXPECT_EQ(http_.requests[0].url, "https://iam.amazonaws.com/");
    EXPECT_NE(header_of(http_.requests[0], "Authorization").find("/us-east-1/iam/aws4_request"), std::string::npos);
    EXPECT_EQ(body(0), "Action=GetRole&Version=2010-05-08&RoleName=r");
    http_.then(200, "<R><GetCallerIdentityResult><Account>1</Account></GetCallerIdentityResult></R>");
    EXPECT_EQ(caller_identity(*api_).error().kind, ErrorKind::corrupted);  // no Arn
    EXPECT_EQ(http_.requests[1].url, "https://sts.eu-central-1.amazonaws.com/");
    EXPECT_EQ(body(1), "Action=GetCallerIdentity&Version=2011-06-15");
    http_.then(200,
               "<R><GetCallerIdentityResult><Account>1</Account><Arn>arn:aws:iam::1:root</Arn>"
               "</GetCallerIdentityResult></R>");
    EXPECT_EQ(caller_identity(*api_)->arn, "arn:aws:iam::1:root");
}

TEST_F(QueryApiTest, endpoints_are_those_of_the_regions_partition) {
    struct Case {
        std::string service, region, url, signing_region, partition;
    };
    for (const auto& [service, region, url, signing_region, partition] : std::vector<Case>{
             {"ec2", "us-east-1", "https://ec2.us-east-1.amazonaws.com", "us-east-1", "aws"},
             {"iam", "eu-west-1", "https://iam.amazonaws.com", "us-east-1", "aws"},
             {"ec2", "cn-north-1", "https://ec2.cn-north-1.amazonaws.com.cn", "cn-north-1", "aws-cn"},
             {"iam", "cn-northwest-1", "https://iam.cn-north-1.amazonaws.com.cn", "cn-north-1", "aws-cn"},
             {"iam", "us-gov-east-1", "https://iam.us-gov.amazonaws.com", "us-gov-west-1", "aws-us-gov"},
             {"sts", "us-gov-east-1", "https://sts.us-gov-east-1.amazonaws.com", "us-gov-east-1", "aws-us-gov"},
             {"ec2", "us-isob-east-1", "https://ec2.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1", "aws-iso-b"},
             {"ssm", "eusc-de-east-1", "https://ssm.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1", "aws-eusc"},
         }) {
        EXPECT_EQ(aws_endpoint(service, region).url, url);
        EXPECT_EQ(aws_endpoint(service, region).signing_region, signing_region) << url;
        EXPECT_EQ(aws_partition(region), partition) << url;
    }
    for (const auto* bad : {"", "eu central", "x.evil.org/", "EU-CENTRAL-1"}) EXPECT_FALSE(check_region(bad)) << bad;
}

TEST_F(QueryApiTest, faults_are_read_in_both_forms) {
    http_.then(400, ec2_fault("InvalidVpcID.NotFound", "The vpc ID 'vpc-1' does not exist"));
    const auto missing = checked(*api_, "ec2", "DeleteVpc", {{"VpcId", "vpc-1"}});
    EXPECT_EQ(missing.error().text(),
              "ec2 DeleteVpc vpc-1: InvalidVpcID.NotFound: The vpc ID 'vpc-1' does not exist (request r-1)");
    EXPECT_EQ(missing.error().kind, ErrorKind::not_found);
    http_.then(404,
               "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type>"
               "<Code>NoSuchEntity</Code><Message>none</Message></Error><RequestId>r-2</RequestId></ErrorResponse>");
    const auto fault = std::get<AwsFault>(api_->call("iam", "GetRole", {{"RoleName", "x"}}, {}).value());
    EXPECT_EQ(fault.code + "/" + fault.message + "/" + fault.request_id, "NoSuchEntity/none/r-2");
    EXPECT_EQ(parse_xml_fault({403, {{"x-amz-request-id", "r-3"}}, "<Error><Code>A</Code></Error>"}).code, "A");
    EXPECT_EQ(parse_xml_fault({502, {}, "<html>"}).code, "502");
    EXPECT_EQ(parse_xml_fault({404, {}, ""}).code, "404");
}

TEST_F(QueryApiTest, errors_have_kinds_that_callers_can_act_on) {
    struct Case {
        int status;
        std::string code;
        ErrorKind kind;
    };
    for (const auto& [status, code, kind] : std::vector<Case>{
             {403, "UnauthorizedOperation", ErrorKind::permission},
             {400, "VpcLimitExceeded", ErrorKind::permission},
             {400, "VcpuLimitExceeded", ErrorKind::permission},
             {409, "LimitExceeded", ErrorKind::permission},
             {400, "PendingVerification", ErrorKind::permission},
             {500, "InsufficientInstanceCapacity", ErrorKind::conflict},
             {400, "DependencyViolation", ErrorKind::conflict},
             {400, "InvalidPermission.Duplicate", ErrorKind::conflict},
             {400, "Resource.AlreadyAssociated", ErrorKind::conflict},
             {400, "IncorrectInstanceState", ErrorKind::conflict},
             {400, "IdempotentParameterMismatch", ErrorKind::conflict},
             {409, "DeleteConflict", ErrorKind::conflict},
             {400, "InvalidGroup.NotFound", ErrorKind::not_found},
             {400, "InvalidParameterValue", ErrorKind::invalid_input},
         }) {
        http_.then(status, ec2_fault(code));
        const auto answer = checked(*api_, "ec2", "X", {});
        EXPECT_EQ(answer.error().kind, kind) << code;
    }
    EXPECT_EQ(http_.requests.size(), 14u);  // none of them was sent twice
    http_.then(403, ec2_fault("UnauthorizedOperation", "You may not. Encoded authorization failure message: AbCd"));
    EXPECT_EQ(checked(*api_, "ec2", "X", {}).error().text(),
              "ec2 X: UnauthorizedOperation: You may not. (request r-1)");
}

TEST_F(QueryApiTest, a_call_that_must_not_be_sent_twice_is_sent_again_only_after_a_plain_no) {
    const QueryOptions once{.repeatable = false};
    for (const auto* code : {"RequestLimitExceeded", "Throttling", "EC2ThrottledException"}) {
        http_.requests.clear();
        http_.then(503, ec2_fault(code));
        http_.then(200, "<R/>");
        EXPECT_TRUE(checked(*api_, "ec2", "CreateVpc", {}, once)) << code;
        EXPECT_EQ(http_.requests.size(), 2u) << code;
    }
    const std::vector<std::pair<ErrorKind, testing::FakeHttp::Answer>> lost{
        {ErrorKind::unavailable, testing::answer(500, ec2_fault("InternalError"))},
        {ErrorKind::unavailable, testing::answer(503, ec2_fault("Unavailable"))},
        {ErrorKind::unavailable, testing::answer(503, "<html>")},
        {ErrorKind::unavailable, testing::answer(200, "<CreateVpcResponse><vpc><vpc")},
        {ErrorKind::unavailable, [](const HttpRequest&) { return fail(ErrorKind::unavailable, "broke off"); }},
        {ErrorKind::timeout, [](const HttpRequest&) { return fail(ErrorKind::timeout, "timed out"); }},
    };
    for (const auto& [kind, answer] : lost) {
        http_.requests.clear();
        http_.then(answer);
        const auto answered = api_->call("ec2", "CreateVpc", {}, once);
        ASSERT_FALSE(answered);
        EXPECT_EQ(answered.error().kind, kind) << answered.error().text();
        EXPECT_EQ(http_.requests.size(), 1u);
        http_.then(answer);
        http_.then(200, "<R/>");
        EXPECT_TRUE(checked(*api_, "ec2", "DescribeVpcs", {})) << "repeatable";
    }
}

TEST_F(QueryApiTest, the_last_attempt_is_made_at_the_deadline) {
    for (int i = 0; i < 50; ++i) http_.then(503, ec2_fault("RequestLimitExceeded"));
    const auto start = clock_.steady();
    const auto answer = checked(*api_, "ec2", "X", {}, {.patience = seconds(60)});
    EXPECT_EQ(answer.error().kind, ErrorKind::timeout);
    EXPECT_EQ(clock_.steady() - start, seconds(60));
}

TEST_F(QueryApiTest, all_pages_are_read) {
    http_.then(200, "<R><vpcSet><item><vpcId>1</vpcId></item></vpcSet><nextToken>t=1</nextToken></R>");
    http_.then(200, "<R><vpcSet/><nextToken>t2</nextToken></R>");
    http_.then(200, "<R><vpcSet><item><vpcId>2</vpcId></item></vpcSet><nextToken></nextToken></R>");
    const auto vpcs = pages(*api_, "ec2", "DescribeVpcs", {{"MaxResults", "5"}}, "vpcSet/item");
    ASSERT_EQ(vpcs->size(), 2u);
    EXPECT_EQ((*vpcs)[1].text_at("vpcId"), "2");
    EXPECT_EQ(body(1), "Action=DescribeVpcs&Version=2016-11-15&MaxResults=5&NextToken=t%3D1");
    EXPECT_EQ(body(2), "Action=DescribeVpcs&Version=2016-11-15&MaxResults=5&NextToken=t2");
    const std::string page = "<L><ListRolesResult><Roles><member><RoleName>a</RoleName></member></Roles>";
    http_.then(200, page + "<IsTruncated>true</IsTruncated><Marker>m</Marker></ListRolesResult></L>");
    http_.then(200, page + "<IsTruncated>false</IsTruncated><Marker>x</Marker></ListRolesResult></L>");
    EXPECT_EQ(pages(*api_, "iam", "ListRoles", {}, "Roles/member")->size(), 2u);
    EXPECT_EQ(body(4), "Action=ListRoles&Version=2010-05-08&Marker=m");
}

TEST_F(QueryApiTest, pages_that_lead_nowhere_are_an_error) {
    for (int i = 0; i < 2; ++i) http_.then(200, "<R><nextToken>t</nextToken></R>");
    EXPECT_EQ(pages(*api_, "ec2", "DescribeVpcs", {}, "vpcSet/item").error().kind, ErrorKind::corrupted);
    http_.then(200, "<L><LResult><IsTruncated>true</IsTruncated></LResult></L>");
    EXPECT_EQ(pages(*api_, "iam", "L", {}, "x").error().kind, ErrorKind::corrupted);
    http_.then(400, ec2_fault("InvalidNextToken"));
    EXPECT_EQ(pages(*api_, "ec2", "DescribeVpcs", {}, "vpcSet/item").error().kind, ErrorKind::invalid_input);
}

TEST_F(QueryApiTest, a_call_is_named_by_what_it_is_about) {
    EXPECT_EQ(describe_call("ec2", "CreateSubnet",
                            {{"ClientToken", "c"},
                             {"VpcId", "vpc-1"},
                             {"TagSpecification.1.Tag.1.Key", "k"},
                             {"CidrBlock", "10.0.0.0/24"},
                             {"AvailabilityZone", "a"}}),
              "ec2 CreateSubnet vpc-1 10.0.0.0/24");
    EXPECT_EQ(describe_call("ec2", "TerminateInstances", {{"InstanceId.1", "i-1"}, {"InstanceId.2", "i-2"}}),
              "ec2 TerminateInstances i-1 i-2");
    EXPECT_EQ(describe_call("ec2", "DescribeVpcs", {{"Filter.1.Name", "tag:x"}}), "ec2 DescribeVpcs");
}

}  // namespace
}  // namespace nodeboot
