#include "net/s3.hpp"

#include <gtest/gtest.h>

#include "net/sha256.hpp"
#include "support/fake_http.hpp"
#include "support/manual_clock.hpp"
#include "support/temporary_folder.hpp"

namespace nodeboot {
namespace {

using testing::header_of;

const std::string sha_of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const std::string sha_of_abc_base64 = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";

std::string s3_fault(const std::string& code) {
    return "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code><Message>no</Message></Error>";
}

class S3Test : public ::testing::Test {
   protected:
    AwsClient client_in(const std::string& region, const std::string& endpoint = {}) {
        return {http_, clock_, *credentials_, {.region = region, .endpoints = {.url = endpoint}, .random = [] {
                                                   return 0.5;
                                               }}};
    }
    std::string sent(std::size_t index) {
        const auto& request = http_.requests.at(index);
        return request.method + " " + request.url;
    }
    std::string body(std::size_t index) { return std::string(http_.requests.at(index).body->reveal()); }

    testing::FakeHttp http_;
    testing::ManualClock clock_;
    std::unique_ptr<CredentialSource> credentials_ = make_static_credentials({"AKID", Secret("k"), Secret(), {}});
    AwsClient client_ = client_in("eu-central-1");
    std::unique_ptr<S3> s3_ = make_s3(client_);
    const S3Object object_{"nodeboot-1", "demo/node boot+é"};
};

TEST_F(S3Test, buckets_are_in_the_hosts_name_or_in_the_path_of_another_endpoint) {
    http_.then(200, "");
    EXPECT_TRUE(s3_->bucket_exists("nodeboot-1").value());
    EXPECT_EQ(sent(0), "HEAD https://nodeboot-1.s3.eu-central-1.amazonaws.com/");
    EXPECT_EQ(header_of(http_.requests[0], "x-amz-content-sha256"), sha256_hex(""));
    EXPECT_NE(header_of(http_.requests[0], "Authorization").find("/eu-central-1/s3/aws4_request"), std::string::npos);
    http_.then(204, "");
    ASSERT_TRUE(s3_->remove(object_));
    EXPECT_EQ(sent(1), "DELETE https://nodeboot-1.s3.eu-central-1.amazonaws.com/demo/node%20boot%2B%C3%A9");
    auto near = client_in("eu-central-1", "http://127.0.0.1:5000/");
    http_.then(204, "");
    ASSERT_TRUE(make_s3(near)->remove({"nodeboot-1", "k"}));
    EXPECT_EQ(sent(2), "DELETE http://127.0.0.1:5000/nodeboot-1/k");
    auto china = client_in("cn-north-1");
    http_.then(404, "");
    EXPECT_FALSE(make_s3(china)->bucket_exists("b-1").value());
    EXPECT_EQ(sent(3), "HEAD https://b-1.s3.cn-north-1.amazonaws.com.cn/");
}

TEST_F(S3Test, a_bucket_that_is_not_ours_is_told_from_one_that_is_not_there) {
    struct Case {
        int status;
        std::optional<ErrorKind> error;
    };
    for (const auto& [status, error] : std::vector<Case>{{404, std::nullopt},
                                                         {403, ErrorKind::permission},
                                                         {301, ErrorKind::conflict},
                                                         {307, ErrorKind::conflict}}) {
        http_.then(status, "");
        if (status == 403) http_.then(status, "");  // of fresh credentials, too
        const auto exists = s3_->bucket_exists("nodeboot-1");
        EXPECT_EQ(exists.has_value(), !error) << status;
        if (!error) continue;
        EXPECT_EQ(exists.error().kind, *error) << status;
        EXPECT_NE(exists.error().hint, "") << status;
    }
}

TEST_F(S3Test, an_object_whose_bucket_lies_in_another_region_is_told_so) {
    for (const int status : {301, 307, 400}) {
        http_.then(status, "");
        if (status == 400) http_.then(status, "");  // of fresh credentials, too
        const auto head = s3_->head(object_);
        ASSERT_FALSE(head) << status;
        EXPECT_EQ(head.error().kind, ErrorKind::conflict) << status;
        EXPECT_NE(head.error().text().find("the bucket is not in eu-central-1"), std::string::npos);
        EXPECT_NE(head.error().hint.find("region"), std::string::npos);
    }
}

TEST_F(S3Test, what_belongs_to_another_account_is_not_touched) {
    const auto owned = make_s3(client_, {.expected_owner = "123456789012", .stop = {}});
    for (int i = 0; i < 2; ++i) http_.then(200, "");
    ASSERT_TRUE(owned->create_bucket("nodeboot-1"));
    ASSERT_TRUE(owned->bucket_exists("nodeboot-1"));
    EXPECT_EQ(header_of(http_.requests[0], "x-amz-expected-bucket-owner"), "");
    EXPECT_EQ(header_of(http_.requests[1], "x-amz-expected-bucket-owner"), "123456789012");
}

TEST_F(S3Test, a_bucket_is_made_in_the_clients_region_which_us_east_1_does_not_name) {
    http_.then(200, "");
    ASSERT_TRUE(s3_->create_bucket("nodeboot-1"));
    EXPECT_EQ(sent(0), "PUT https://nodeboot-1.s3.eu-central-1.amazonaws.com/");
    EXPECT_EQ(body(0), R"(<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">)"
                       "<LocationConstraint>eu-central-1</LocationConstraint></CreateBucketConfiguration>");
    auto virginia = client_in("us-east-1");
    http_.then(200, "");
    ASSERT_TRUE(make_s3(virginia)->create_bucket("nodeboot-1"));
    EXPECT_FALSE(http_.requests[1].body);
    http_.then(409, s3_fault("BucketAlreadyOwnedByYou"));
    EXPECT_TRUE(s3_->create_bucket("nodeboot-1"));
    http_.then(409, s3_fault("OperationAborted"));  // just deleted: passes
    http_.then(409, s3_fault("BucketAlreadyExists"));
    const auto taken = s3_->create_bucket("nodeboot-1");
    EXPECT_EQ(taken.error().kind, ErrorKind::conflict);
    EXPECT_EQ(taken.error().text(), "s3 CreateBucket nodeboot-1: BucketAlreadyExists: no");
    EXPECT_EQ(http_.requests.size(), 5u);
}

TEST_F(S3Test, settings_are_documents_with_a_checksum) {
    for (int i = 0; i < 2; ++i) http_.then(200, "");
    ASSERT_TRUE(s3_->block_public_access("nodeboot-1"));
    ASSERT_TRUE(s3_->tag_bucket("nodeboot-1", {{"nodeboot.io/cluster", "a<&>b"}}));
    const std::string base = "PUT https://nodeboot-1.s3.eu-central-1.amazonaws.com/?";
    EXPECT_EQ(sent(0), base + "publicAccessBlock");
    EXPECT_EQ(sent(1), base + "tagging");
    EXPECT_NE(body(0).find("<BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls>"
                           "<BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true<"),
              std::string::npos);
    EXPECT_NE(body(1).find("<Value>a&lt;&amp;&gt;b</Value>"), std::string::npos);
    for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_EQ(header_of(http_.requests[i], "x-amz-checksum-sha256").size(), 44u);
        EXPECT_EQ(header_of(http_.requests[i], "x-amz-content-sha256"), sha256_hex(body(i)));
    }
}

TEST_F(S3Test, settings_that_were_never_made_are_read_as_such) {
    http_.then(404, s3_fault("NoSuchPublicAccessBlockConfiguration"));
    EXPECT_FALSE(s3_->public_access_is_blocked("nodeboot-1").value());
    const auto block = [](const char* last) {
        return std::string("<P><A>true</A><B>true</B><C>true</C><D>") + last + "</D></P>";
    };
    http_.then(200, block("false"));
    EXPECT_FALSE(s3_->public_access_is_blocked("nodeboot-1").value());
    http_.then(200, block("true"));
    EXPECT_TRUE(s3_->public_access_is_blocked("nodeboot-1").value());
    http_.then(404, s3_fault("NoSuchTagSet"));
    EXPECT_TRUE(s3_->bucket_tags("nodeboot-1")->empty());
    http_.then(200, "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>");
    EXPECT_EQ(s3_->bucket_tags("nodeboot-1").value(), (S3::Tags{{"k", "v"}}));
    http_.then(404, s3_fault("NoSuchBucket"));
    EXPECT_EQ(s3_->bucket_tags("nodeboot-1").error().kind, ErrorKind::not_found);
}

TEST_F(S3Test, a_file_is_streamed_with_its_checksum_and_sent_again_after_a_fault) {
    http_.then(503, s3_fault("SlowDown"));
    http_.then(ErrorKind::unavailable, "broke off");
    http_.then(200, "");
    ASSERT_TRUE(s3_->put_file(object_, "/some/file", sha_of_abc, {}));
    ASSERT_EQ(http_.requests.size(), 3u);
    const auto& request = http_.requests.back();
    EXPECT_EQ(request.upload_file, "/some/file");
    EXPECT_EQ(header_of(request, "x-amz-checksum-sha256"), sha_of_abc_base64);
    EXPECT_EQ(header_of(request, "x-amz-content-sha256"), sha_of_abc);
    EXPECT_EQ(header_of(request, "x-amz-server-side-encryption"), "AES256");
    EXPECT_GE(request.timeout, std::chrono::minutes(14));
    http_.then(400, s3_fault("BadDigest"));
    EXPECT_EQ(s3_->put_file(object_, "/some/file", sha_of_abc, {}).error().kind, ErrorKind::corrupted);
}

TEST_F(S3Test, what_is_beside_an_object_is_read_without_it) {
    http_.then(200, "", {{"content-length", "3"}, {"x-amz-checksum-sha256", sha_of_abc_base64}});
    const auto found = s3_->head(object_).value();
    ASSERT_TRUE(found);
    EXPECT_EQ(found->size, 3u);
    EXPECT_EQ(found->sha256, sha_of_abc);
    EXPECT_EQ(header_of(http_.requests[0], "x-amz-checksum-mode"), "ENABLED");
    http_.then(200, "", {{"content-length", "3"}});
    EXPECT_EQ((*s3_->head(object_))->sha256, "");
    http_.then(404, "");
    EXPECT_FALSE(s3_->head(object_).value());
    for (int i = 0; i < 2; ++i) http_.then(403, "");  // the second time of fresh credentials
    EXPECT_EQ(s3_->head(object_).error().kind, ErrorKind::permission);
}

TEST_F(S3Test, an_object_becomes_a_file_and_each_attempt_is_signed) {
    const testing::TemporaryFolder folder;
    http_.then(503, s3_fault("SlowDown"));
    http_.then(200, "abc");
    const auto done = s3_->get_file(object_, {.path = folder / "binary", .sha256 = sha_of_abc},
                                    {.backoff = {.first = std::chrono::seconds(10)}, .random = [] { return 0.5; }});
    ASSERT_TRUE(done) << done.error().text();
    EXPECT_EQ(done->size, 3u);
    EXPECT_EQ(folder.content("binary"), "abc");
    ASSERT_EQ(http_.requests.size(), 2u);
    for (const auto& request : http_.requests) {
        EXPECT_EQ(request.url, "https://nodeboot-1.s3.eu-central-1.amazonaws.com/demo/node%20boot%2B%C3%A9");
        EXPECT_NE(header_of(request, "Authorization"), "");
    }
    EXPECT_NE(header_of(http_.requests[0], "X-Amz-Date"), header_of(http_.requests[1], "X-Amz-Date"));
}

TEST_F(S3Test, a_redirect_of_an_object_is_not_followed_with_credentials) {
    const testing::TemporaryFolder folder;
    http_.then(307, "", {{"location", "https://elsewhere/"}});
    EXPECT_FALSE(s3_->get_file(object_, {.path = folder / "binary"}, {}));
    EXPECT_EQ(http_.requests.size(), 1u);
}

TEST_F(S3Test, listing_reads_all_pages) {
    http_.then(200,
               "<R><IsTruncated>true</IsTruncated><Contents><Key>a</Key><Size>1</Size></Contents>"
               "<NextContinuationToken>t=</NextContinuationToken></R>");
    http_.then(200, "<R><IsTruncated>false</IsTruncated><Contents><Key>b &amp; c</Key><Size>2</Size></Contents></R>");
    const auto found = s3_->list("nodeboot-1", "demo/");
    ASSERT_EQ(found->size(), 2u);
    EXPECT_EQ((*found)[1].key, "b & c");
    EXPECT_EQ((*found)[1].size, 2u);
    const std::string base = "GET https://nodeboot-1.s3.eu-central-1.amazonaws.com/?list-type=2&prefix=demo%2F";
    EXPECT_EQ(sent(0), base);
    EXPECT_EQ(sent(1), base + "&continuation-token=t%3D");
}

TEST_F(S3Test, deleting_what_is_not_there_is_success_and_a_full_bucket_is_kept) {
    http_.then(404, s3_fault("NoSuchBucket"));
    EXPECT_TRUE(s3_->remove_bucket("nodeboot-1"));
    http_.then(404, s3_fault("NoSuchBucket"));
    EXPECT_TRUE(s3_->remove(object_));
    http_.then(409, s3_fault("BucketNotEmpty"));
    EXPECT_EQ(s3_->remove_bucket("nodeboot-1").error().kind, ErrorKind::conflict);
}

TEST_F(S3Test, names_that_are_no_bucket_names_are_refused_before_anything_is_sent) {
    for (const auto* name : {"", "ab", "Upper", "dot.ted", "-a-b", "a-b-", "under_score", "a/../b"})
        EXPECT_EQ(s3_->bucket_exists(name).error().kind, ErrorKind::invalid_input) << name;
    EXPECT_FALSE(check_bucket_name(std::string(64, 'a')));
    EXPECT_TRUE(check_bucket_name(std::string(63, 'a')));
    EXPECT_TRUE(http_.requests.empty());
}

}  // namespace
}  // namespace nodeboot
