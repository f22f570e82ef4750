#include "net/s3.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "base/encoding.hpp"
#include "net/query_api.hpp"
#include "net/sha256.hpp"
#include "net/xml.hpp"

namespace nodeboot {
namespace {

constexpr Duration upload_patience = std::chrono::minutes(15);

std::string xml_text(std::string_view text) {
    std::string out;
    for (const char c : text) switch (c) {
            case '&': out += "&amp;"; break;
            case '<': out += "&lt;"; break;
            case '>': out += "&gt;"; break;
            default: out += c;
        }
    return out;
}

std::string document(const std::string& root, const std::string& content) {
    return fmt::format(R"(<{0} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{1}</{0}>)", root, content);
}

std::string base64_of_hex(std::string_view hex) {
    std::string raw;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        unsigned byte = 0;
        std::from_chars(hex.data() + i, hex.data() + i + 2, byte, 16);
        raw += static_cast<char>(byte);
    }
    return base64_encode(raw);
}

/// S3 compares what arrives with this; for uploads by newer rules than Content-MD5, which FIPS machines lack.
void add_checksum(HttpRequest& request, const std::string& sha256) {
    request.headers.emplace_back("x-amz-sdk-checksum-algorithm", "SHA256");
    request.headers.emplace_back("x-amz-checksum-sha256", base64_of_hex(sha256));
}

std::uint64_t number(const std::string& text) {
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

/// A HEAD's answer has no body, so that its fault's code is the status.
bool absent(const AwsFault& fault) { return fault.status == 404 && !fault.code.ends_with("Configuration"); }

/// What a region's endpoint says of a bucket that lies in another region; a HEAD's answer has no words for it.
bool elsewhere(const AwsFault& fault) { return fault.status == 301 || fault.status == 307 || fault.status == 400; }

Result<Xml> xml_of(const AwsCall& call, const HttpResponse& response) {
    return NB_TRY_CONTEXT(parse_xml(response.body), call.what);
}

class HttpS3 final : public S3 {
   public:
    HttpS3(AwsClient& client, S3Options options) : client_(client), options_(std::move(options)) {}

    Result<bool> bucket_exists(const std::string& bucket) override;
    Result<void> create_bucket(const std::string& bucket) override;
    Result<void> block_public_access(const std::string& bucket) override;
    Result<bool> public_access_is_blocked(const std::string& bucket) override;
    Result<void> tag_bucket(const std::string& bucket, const Tags& tags) override;
    Result<Tags> bucket_tags(const std::string& bucket) override;
    Result<void> remove_bucket(const std::string& bucket) override;
    Result<std::optional<S3Head>> head(const S3Object& object) override;
    Result<void> put_file(const S3Object& object, const std::string& path, const std::string& sha256,
                          std::function<void(std::uint64_t, std::uint64_t)> progress) override;
    Result<Downloaded> get_file(const S3Object& object, Download what, const RetryOptions& retrying) override;
    Result<void> remove(const S3Object& object) override;
    Result<std::vector<S3Listed>> list(const std::string& bucket, const std::string& prefix) override;

   private:
    AwsCall call(const std::string& action, const std::string& method, const S3Object& object,
                 const std::string& query = {}) const;
    Result<void> put_setting(const std::string& action, const std::string& bucket, const std::string& query,
                             std::string xml);
    AwsClient& client_;
    S3Options options_;
};

AwsCall HttpS3::call(const std::string& action, const std::string& method, const S3Object& object,
                     const std::string& query) const {
    AwsCall call;
    call.service = "s3";
    call.what = fmt::format("s3 {} {}", action, object.key.empty() ? object.bucket : object.text());
    call.bucket = object.bucket;
    call.request.method = method;
    call.request.url = "/" + percent_encode(object.key, "/") + (query.empty() ? "" : "?" + query);
    call.parse_fault = parse_xml_fault;
    call.stop = options_.stop;
    // Not at its creation, when nobody owns it yet.
    if (!options_.expected_owner.empty() && action != "CreateBucket")
        call.request.headers.emplace_back("x-amz-expected-bucket-owner", options_.expected_owner);
    return call;
}

Result<bool> HttpS3::bucket_exists(const std::string& bucket) {
    NB_CHECK(check_bucket_name(bucket));
    const AwsCall head = call("HeadBucket", "HEAD", {bucket, ""});
    const auto answer = NB_TRY(client_.send(head));
    const auto* fault = std::get_if<AwsFault>(&answer);
    if (fault == nullptr) return true;
    if (fault->status == 404) return false;
    if (elsewhere(*fault))
        return fail(ErrorKind::conflict, fmt::format("{}: it is not in {}", head.what, client_.region()),
                    "buckets of a name exist once in the world: give another name, or use the region it lies in");
    Error error = fault_error(head.what, *fault);
    if (error.kind == ErrorKind::permission)
        error.hint = "either it belongs to another account, or s3:ListBucket on it is not allowed";
    return fail(std::move(error));
}

Result<void> HttpS3::create_bucket(const std::string& bucket) {
    NB_CHECK(check_bucket_name(bucket));
    AwsCall put = call("CreateBucket", "PUT", {bucket, ""});
    // us-east-1 is what no constraint means, and must not be named.
    if (client_.region() != "us-east-1")
        put.request.body =
            Secret(document("CreateBucketConfiguration",
                            fmt::format("<LocationConstraint>{}</LocationConstraint>", xml_text(client_.region()))));
    const auto answer = NB_TRY(client_.send(put));
    const auto* fault = std::get_if<AwsFault>(&answer);
    if (fault == nullptr || fault->code == "BucketAlreadyOwnedByYou") return {};
    Error error = fault_error(put.what, *fault);
    if (fault->code == "BucketAlreadyExists") error.hint = "another account has a bucket of this name: give another";
    return fail(std::move(error));
}

Result<void> HttpS3::put_setting(const std::string& action, const std::string& bucket, const std::string& query,
                                 std::string xml) {
    AwsCall put = call(action, "PUT", {bucket, ""}, query);
    add_checksum(put.request, sha256_hex(xml));
    put.request.body = Secret(std::move(xml));
    NB_CHECK(client_.send_checked(put));
    return {};
}

Result<void> HttpS3::block_public_access(const std::string& bucket) {
    std::string content;
    for (const auto* name : {"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"})
        content += fmt::format("<{0}>true</{0}>", name);
    return put_setting("PutPublicAccessBlock", bucket, "publicAccessBlock",
                       document("PublicAccessBlockConfiguration", content));
}

Result<bool> HttpS3::public_access_is_blocked(const std::string& bucket) {
    const AwsCall get = call("GetPublicAccessBlock", "GET", {bucket, ""}, "publicAccessBlock");
    const auto answer = NB_TRY(client_.send(get));
    if (const auto* fault = std::get_if<AwsFault>(&answer)) {
        if (fault->code == "NoSuchPublicAccessBlockConfiguration") return false;
        return fail(fault_error(get.what, *fault));
    }
    const Xml xml = NB_TRY(xml_of(get, std::get<HttpResponse>(answer)));
    return xml.children.size() >= 4 && std::all_of(xml.children.begin(), xml.children.end(),
                                                   [](const Xml& setting) { return setting.text == "true"; });
}

Result<void> HttpS3::tag_bucket(const std::string& bucket, const Tags& tags) {
    std::string content;
    for (const auto& [key, value] : tags)
        content += fmt::format("<Tag><Key>{}</Key><Value>{}</Value></Tag>", xml_text(key), xml_text(value));
    return put_setting("PutBucketTagging", bucket, "tagging",
                       document("Tagging", fmt::format("<TagSet>{}</TagSet>", content)));
}

Result<S3::Tags> HttpS3::bucket_tags(const std::string& bucket) {
    const AwsCall get = call("GetBucketTagging", "GET", {bucket, ""}, "tagging");
    const auto answer = NB_TRY(client_.send(get));
    if (const auto* fault = std::get_if<AwsFault>(&answer)) {
        if (fault->code == "NoSuchTagSet") return Tags{};
        return fail(fault_error(get.what, *fault));
    }
    const Xml xml = NB_TRY(xml_of(get, std::get<HttpResponse>(answer)));
    Tags tags;
    for (const Xml* tag : xml.all("TagSet/Tag")) tags.emplace_back(tag->text_at("Key"), tag->text_at("Value"));
    return tags;
}

Result<void> HttpS3::remove_bucket(const std::string& bucket) {
    NB_CHECK(check_bucket_name(bucket));
    const AwsCall drop = call("DeleteBucket", "DELETE", {bucket, ""});
    const auto answer = NB_TRY(client_.send(drop));
    const auto* fault = std::get_if<AwsFault>(&answer);
    if (fault == nullptr || absent(*fault)) return {};
    Error error = fault_error(drop.what, *fault);
    if (fault->code == "BucketNotEmpty") error.kind = ErrorKind::conflict;
    return fail(std::move(error));
}

Result<std::optional<S3Head>> HttpS3::head(const S3Object& object) {
    AwsCall ask = call("HeadObject", "HEAD", object);
    ask.request.headers.emplace_back("x-amz-checksum-mode", "ENABLED");
    const auto answer = NB_TRY(client_.send(ask));
    if (const auto* fault = std::get_if<AwsFault>(&answer)) {
        if (absent(*fault)) return std::optional<S3Head>{};
        if (elsewhere(*fault))
            return fail(ErrorKind::conflict, fmt::format("{}: the bucket is not in {}", ask.what, client_.region()),
                        fault->status == 400 ? "name a bucket in the cluster's region; or have the credentials expired?"
                                             : "name a bucket in the cluster's region");
        Error error = fault_error(ask.what, *fault);
        if (error.kind == ErrorKind::permission)
            error.hint = "s3:GetObject on it; without s3:ListBucket S3 says 403 of what does not exist";
        return fail(std::move(error));
    }
    const auto& response = std::get<HttpResponse>(answer);
    S3Head found{number(response.header("content-length").value_or("")), {}};
    if (const auto sum = base64_decode(response.header("x-amz-checksum-sha256").value_or("")); sum && sum->size() == 32)
        found.sha256 = to_hex(*sum);
    return std::optional(std::move(found));
}

Result<void> HttpS3::put_file(const S3Object& object, const std::string& path, const std::string& sha256,
                              std::function<void(std::uint64_t, std::uint64_t)> progress) {
    AwsCall put = call("PutObject", "PUT", object);
    put.request.headers.emplace_back("Content-Type", "application/octet-stream");
    put.request.headers.emplace_back("x-amz-server-side-encryption", "AES256");
    add_checksum(put.request, sha256);
    put.request.upload_file = path;
    put.request.progress = std::move(progress);
    put.request.timeout = upload_patience;  // a stalled one ends sooner: stall_timeout
    put.patience = upload_patience;
    put.payload_sha256 = sha256;
    const auto answer = NB_TRY(client_.send(put));
    const auto* fault = std::get_if<AwsFault>(&answer);
    if (fault == nullptr) return {};
    Error error = fault_error(put.what, *fault);
    if (fault->code == "BadDigest" || fault->code == "XAmzContentSHA256Mismatch") {
        error.kind = ErrorKind::corrupted;
        error.hint = path + " changed while it was sent, or its sha256 is another";
    }
    return fail(std::move(error));
}

Result<Downloaded> HttpS3::get_file(const S3Object& object, Download what, const RetryOptions& retrying) {
    const AwsCall get = call("GetObject", "GET", object);
    what.url = NB_TRY(client_.signed_request(get)).url;
    what.redirects = 0;
    what.sign = [&](HttpRequest& request) -> Result<void> {
        AwsCall again = get;
        again.request = std::move(request);
        again.request.url = get.request.url;
        request = NB_TRY(client_.signed_request(again));
        return {};
    };
    auto done = download(client_.http(), client_.clock(), what, retrying);
    if (!done) return fail(std::move(done).error().with_context(get.what));
    return done;
}

Result<void> HttpS3::remove(const S3Object& object) {
    const AwsCall drop = call("DeleteObject", "DELETE", object);
    const auto answer = NB_TRY(client_.send(drop));
    const auto* fault = std::get_if<AwsFault>(&answer);
    if (fault == nullptr || absent(*fault)) return {};
    return fail(fault_error(drop.what, *fault));
}

Result<std::vector<S3Listed>> HttpS3::list(const std::string& bucket, const std::string& prefix) {
    std::vector<S3Listed> found;
    for (std::string token;;) {
        std::string query = "list-type=2&prefix=" + percent_encode(prefix);
        if (!token.empty()) query += "&continuation-token=" + percent_encode(token);
        const AwsCall get = call("ListObjectsV2", "GET", {bucket, ""}, query);
        const auto response = NB_TRY(client_.send_checked(get));
        const Xml xml = NB_TRY(xml_of(get, response));
        for (const Xml* item : xml.all("Contents"))
            found.push_back({item->text_at("Key"), number(item->text_at("Size"))});
        if (xml.text_at("IsTruncated") != "true") return found;
        auto next = xml.text_at("NextContinuationToken");
        if (next.empty() || next == token)
            return fail(ErrorKind::corrupted, get.what + ": the answer leads to the same page again");
        token = std::move(next);
    }
}

}  // namespace

std::unique_ptr<S3> make_s3(AwsClient& client, S3Options options) {
    return std::make_unique<HttpS3>(client, std::move(options));
}

Result<void> check_bucket_name(const std::string& name) {
    const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    const bool good = name.size() >= 3 && name.size() <= 63 && plain(name.front()) && plain(name.back()) &&
                      std::all_of(name.begin(), name.end(), [&](char c) { return plain(c) || c == '-'; });
    if (good) return {};
    return fail(ErrorKind::invalid_input, fmt::format("'{}' is no usable bucket name", name),
                "3 to 63 lower-case letters, digits and hyphens, starting and ending with a letter or digit");
}

}  // namespace nodeboot
